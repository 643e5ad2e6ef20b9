"""Judging one marketplace's endpoint by the protocol's statements, as far as that takes no order."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flask import current_app
from sqlalchemy.exc import SQLAlchemyError

from ..catalog.sync import sku_ids_on_sale
from ..config import Marketplace
from ..conformance import Endpoint, Place, Result, Sku, Verdict, case_for, run
from ..errors import VtexSellerError
from ..state import current_state
from .door import Door
from .report import Report
from .shelf import MOST, Shelf, look
from .showing import SEE_WORDS, explained

_SOMEWHERE = "01310-100"
"""Where nobody says where the shop delivers to."""
_CARTS = 3
_DELIVERY = "P11"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the command line says of the shop."""

    skus: tuple[str, ...]
    """The SKUs that it names."""
    sku_ids: Sequence[str]
    """Those, or the first ones of `sku_ids_loader`."""
    postal_code: str | None
    country: str | None
    listed: bool
    """Whether statements are listed that are kept or do not apply, too."""

    def place(self, marketplace: Marketplace) -> Place:
        """Return where carts go to."""
        country = self.country or marketplace.ships_to[0]
        return Place(postal_code=self.postal_code or _SOMEWHERE, country=country)


def judge(door: Door, question: Question, report: Report) -> Sequence[str]:
    """Print what becomes of each statement; return the SKUs in stock that were found.

    Raises:
        Unreachable: the shop answers nothing at all any more.
    """
    sku_ids = question.sku_ids[: current_state().settings.max_items]
    place, endpoint = question.place(door.marketplace), door.endpoint
    shelf = None
    if sku_ids:
        shelf = look(door.target, Endpoint(endpoint), sku_ids, place, door.marketplace.seller_id)
    # A shop that answers none of this is judged all the same: the statements say what is wrong.
    shelf = shelf or Shelf(in_stock=tuple(sku_ids[:_CARTS]), delivers=True)
    if not shelf.in_stock:
        _miss(door, question, sku_ids, shelf, report)
        return ()
    case = case_for(
        current_app._get_current_object(),  # type: ignore[attr-defined]
        door.name,
        endpoint=endpoint,
        skus=tuple(Sku(id=sku_id) for sku_id in shelf.in_stock[:_CARTS]),
        address=place,
        out_of_stock_sku=next(iter(shelf.sold_out), None),
    )
    verdicts: Counter[Verdict] = Counter()
    for result in run(door.target, case, writes=False):
        found = result if shelf.delivers or question.postal_code else _excused(result, place)
        verdicts[found.verdict] += 1
        if question.listed or found.verdict is Verdict.FAILED:
            report.tell(door.name, found)
    if question.listed:
        kept, broken, other = (verdicts[verdict] for verdict in (Verdict.OK, Verdict.FAILED, Verdict.NOT_APPLICABLE))
        report.say(f"{door.name}: {kept} statements kept, {broken} broken, {other} not applicable")
    return shelf.in_stock


def first_skus(report: Report) -> Sequence[str]:
    """Return the first SKUs that the shop names; none if it cannot, which is printed."""
    sku_ids_loader = current_state().hooks.sku_ids_loader
    if not sku_ids_loader.registered:
        return ()
    try:
        sku_ids = sku_ids_on_sale(sku_ids_loader)[:MOST]
    except (VtexSellerError, SQLAlchemyError) as error:
        report.complain(explained(error, f"sku_ids_loader raised {type(error).__name__}"))
        return ()
    strange = {type(sku_id).__name__ for sku_id in sku_ids if not isinstance(sku_id, str)}
    if strange:
        report.complain(f"sku_ids_loader must yield str, not {', '.join(sorted(strange))}")
    return () if strange else sku_ids


def _miss(door: Door, question: Question, sku_ids: Sequence[str], shelf: Shelf, report: Report) -> None:
    """Say why no statement is judged; a SKU that was named on the command line has to be in stock."""
    if shelf.failed:
        # Nearly every statement would say so again.
        skus = ", ".join(sku_ids[:_CARTS]) + f" and {len(sku_ids) - _CARTS} others" * (len(sku_ids) > _CARTS)
        hint = f"; {SEE_WORDS}" if door.inside and not current_app.debug else ""
        what = f"a cart of {skus} is answered with HTTP 500, so no statement is judged"
        report.complain(f"{door.name}: {what}: the log says where the shop failed{hint}")
    elif question.skus:
        report.complain(
            f"{door.name}: the shop has none of {', '.join(question.skus)} in stock: name others with --sku"
        )
    else:
        why = "none of the first SKUs of sku_ids_loader is in stock" if sku_ids else "no SKU is known here"
        report.note(f"{door.name}: no statement is judged: {why}; name one with --sku")


def _excused(result: Result, place: Place) -> Result:
    """Return a result that does not blame the shop for an address that nobody said it serves."""
    if result.statement.name != _DELIVERY or result.verdict is not Verdict.FAILED:
        return result
    says = f"the shop does not deliver to {place.postal_code} in {place.country}: name another with --postal-code"
    return replace(result, verdict=Verdict.NOT_APPLICABLE, says=says)
