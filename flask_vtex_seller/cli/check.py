"""`flask vtex-seller check`: what would keep the shop from selling."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from urllib.parse import urlsplit

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from ..config import Marketplace
from ..conformance import AppTarget, Target, Unreachable, UrlTarget
from ..conformance.deadline import Deadline
from ..database import missing
from ..offers import require_countries
from ..state import State, current_state
from .address import address
from .bench import measure
from .door import Door
from .judging import Question, first_skus, judge
from .report import Report

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_INSIDE = "https://localhost"
_BUDGET, _PATIENCE = "VTEX_SELLER_SIMULATION_SECONDS", 2.5


def _country(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        try:
            require_countries("the country", (value,))
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
    return value


@click.command("check")
@click.option("--url", callback=address, help="Check the shop that runs there, such as https://shop.example.")
@click.option("--marketplace", help="Only this one.")
@click.option("--sku", "skus", multiple=True, help="A SKU in stock to ask for; may be repeated.")
@click.option("--postal-code", help="Where the shop delivers to.")
@click.option("--country", callback=_country, help="The country of that, in three letters.")
@click.option("--timeout", type=click.FloatRange(0.05, 120), default=15.0, show_default=True, help="Seconds a call.")
@click.option("--statements/--no-statements", default=None, help="List every statement; as a rule only with --url.")
@click.option("--bench", is_flag=True, help="Measure how fast carts of 1, 10 and 100 items are answered.")
@click.option(
    "--bench-seconds", type=click.FloatRange(0.01, 600), default=2.0, show_default=True, help="Seconds a size of cart."
)
@with_appcontext
def check(
    url: str | None,
    marketplace: str | None,
    skus: tuple[str, ...],
    postal_code: str | None,
    country: str | None,
    timeout: float,
    statements: bool | None,
    bench: bool,
    bench_seconds: float,
) -> None:
    """Check settings, hooks and tables, what stands before the extension, and how the shop answers.

    Asks and never orders. Ends with status 1 if anything would keep the shop from selling.
    """
    state = current_state()
    listed = url is not None if statements is None else statements
    chosen, report = _chosen(state.settings.marketplaces, marketplace), Report()
    report.complain(*_missing_hooks(state), *(() if url else _missing_tables(state)))
    if not chosen:
        report.complain("no marketplace is configured: set VTEX_SELLER_MARKETPLACES")
    is_complete, tried = report.content or url is not None, list[str]()
    sku_ids = skus or (first_skus(report) if is_complete else ())
    question = Question(skus=skus, sku_ids=sku_ids, postal_code=postal_code, country=country, listed=listed)
    try:
        for found in chosen:
            report.complain(*_incomplete(state, found))
            door = _door(state, found, url, timeout)
            in_stock = _check_door(door, question if is_complete else None, report)
            tried += [found.name] if in_stock else []
            if bench:
                _bench(door, question, in_stock, report, bench_seconds)
    except Unreachable as error:
        report.complain(f"{url or 'the shop'} gives no answer: {error.reason}")
    report.complain(*_beyond_patience(state))
    if not report.content:
        raise SystemExit(1)
    _praise([found.name for found in chosen], tried, report)


def _praise(names: Iterable[str], tried: Collection[str], report: Report) -> None:
    """Say of which marketplaces nothing is wrong, and where that is known of no cart."""
    ready, untried = [name for name in names if name in tried], [name for name in names if name not in tried]
    if ready:
        report.say(f"✓ ready to sell on {', '.join(ready)}")
    if untried:
        report.say(f"✓ nothing found in the way, but no cart was tried, on {', '.join(untried)}")


def _check_door(door: Door, question: Question | None, report: Report) -> Sequence[str]:
    """Check one marketplace's endpoint; without a question, only whether calls reach the extension.

    Returns the SKUs in stock, if it came to asking for any.

    Raises:
        Unreachable: nobody answers.
    """
    parts = urlsplit(door.origin)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        report.complain(f"{door.origin} is plain http: marketplaces call https addresses only")
    if obstacle := door.obstacle():
        report.complain(obstacle)
    elif question is not None and door.tokens:
        return judge(door, question, report)
    return ()


def _bench(door: Door, question: Question, sku_ids: Sequence[str], report: Report, seconds: float) -> None:
    if sku_ids:
        max_items = current_state().settings.max_items
        measure(door, sku_ids, question.place(door.marketplace), report, seconds=seconds, max_items=max_items)
    elif report.content:
        report.complain(f"{door.name}: nothing is known to be in stock, so nothing is measured: name a SKU with --sku")


def _door(state: State, marketplace: Marketplace, url: str | None, timeout: float) -> Door:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    parts = urlsplit(url or _INSIDE)
    origin, prefix = f"{parts.scheme}://{parts.netloc}", state.settings.url_prefix
    target: Target = AppTarget(app, source=marketplace.some_address)
    if url is not None:
        target = Deadline(UrlTarget(origin, timeout=(timeout, timeout)), 2 * timeout)
    return Door(
        target=target,
        origin=origin,
        base=_base(parts.path, prefix, state.settings.marketplaces),
        prefix=prefix,
        marketplace=marketplace,
        inside=url is None,
        has_csrf="csrf" in app.extensions,
        root=app.config["APPLICATION_ROOT"].rstrip("/"),
    )


def _chosen(marketplaces: Mapping[str, Marketplace], name: str | None) -> list[Marketplace]:
    if name is not None and name not in marketplaces:
        known = ", ".join(marketplaces) or "none"
        raise click.BadParameter(f"no marketplace {name!r} is configured; known: {known}", param_hint="--marketplace")
    return [found for found in marketplaces.values() if name in (None, found.name)]


def _incomplete(state: State, marketplace: Marketplace) -> Iterator[str]:
    if not marketplace.inbound_tokens:
        yield f"{marketplace.name} has no inbound_tokens: every call of it is refused"
    if marketplace.order_modifications and not state.hooks.on_order_modification.registered:
        yield f"{marketplace.name} has order_modifications, but no on_order_modification is registered"


def _beyond_patience(state: State) -> Iterator[str]:
    """Say whether simulations take too long: by the setting, and of those so far in this process."""
    seconds, counts = state.settings.simulation_seconds, state.simulation_health().counts
    if seconds is None:
        return
    if seconds >= _PATIENCE:
        yield f"{_BUDGET} is {seconds:g}: marketplaces wait {_PATIENCE} s in all; 2 is sensible"
    if late := counts.late + counts.saturated:
        budget = f"{seconds:g} s of {_BUDGET}"
        yield f"{late} carts were answered as unavailable, for the loaders took longer than the {budget}"


def _missing_hooks(state: State) -> list[str]:
    return [f"no {hook.name} is registered" for hook in state.hooks if hook.required and not hook.registered]


def _missing_tables(state: State) -> list[str]:
    remedy = "run the shop's migrations or `flask vtex-seller create-tables`"
    try:
        return [f"the database has no {name}: {remedy}" for name in missing(state.db.engine, state.tables.values())]
    except SQLAlchemyError as error:
        return [f"the database cannot be asked: {type(error).__name__}"]


def _base(path: str, prefix: str, marketplaces: Iterable[str]) -> str:
    """Return the path below which the shop is mounted; the whole endpoint may be given, too."""
    endings = [*(f"{prefix}/{name}" for name in marketplaces), prefix]
    return next((path.removesuffix(ending) for ending in endings if path.endswith(ending)), path)
