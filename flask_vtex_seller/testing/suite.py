"""The protocol's statements as a test class that a shop inherits."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import pytest
from flask import Flask

from ..clock import SystemClock
from ..conformance import (
    STATEMENTS,
    AppTarget,
    Case,
    Conversation,
    Endpoint,
    Place,
    Result,
    Sku,
    Statement,
    Target,
    UrlTarget,
    Verdict,
    case_for,
    judge,
)
from ..conformance.configured import choose
from .failures import failing_placement
from .outgoing import OUTGOING, Outgoing, judge_outgoing


class SellerConformance:
    """Proves that a shop keeps the protocol: a test for each statement that can be seen or overheard.

    ::

        class TestMyShop(SellerConformance):
            known_skus = ["apple"]
            address = Place(postal_code="01310-100")

    It calls the application of the fixture `app`, as the marketplace that the application has configured, and places
    orders. Give it a database of its own, filled anew for each test.
    """

    known_skus: ClassVar[Sequence[Sku | str]] = ()
    """In stock, at least three of the first one; two or more SKUs let carts be judged, too."""
    address: ClassVar[Place]
    """Where the shop delivers to."""
    unserved_address: ClassVar[Place | None] = None
    """Where it does not."""
    out_of_stock_sku: ClassVar[str | None] = None
    unknown_sku: ClassVar[str] = "no-such-sku-conformance"
    sales_channels: ClassVar[tuple[str, str]] = ("1", "2")
    """Two of the marketplace's."""
    marketplace: ClassVar[str | None] = None
    """The configured name; needed where several are."""
    endpoint: ClassVar[str | None] = None
    """A fulfillment endpoint with its token, to call a shop at an address instead of the fixture `app`."""
    seller_id: ClassVar[str | None] = None
    """The shop's id at the marketplace, for a shop at an address that refuses orders of others'."""
    deviations: ClassVar[Mapping[str, str]] = {}
    """Statements that the shop does not keep, and why: `{"P7": "…"}`. Their tests skip, and fail once it keeps them."""

    def count_orders(self, app: Flask) -> int:
        """Return how many orders the shop has; override it to have this looked at, too."""
        raise NotImplementedError

    def may_ship(self, app: Flask, order_id: str) -> bool:
        """Return whether the shop would ship the order with this id of its own; override it to have it asked."""
        raise NotImplementedError

    @pytest.fixture
    def vtex_conversation(self, request: pytest.FixtureRequest) -> Conversation:
        """A marketplace's talk with the shop; one for each test."""
        case, target = self._at_its_address() if self.endpoint else self._in_process(request.getfixturevalue("app"))
        return Conversation(target, case, SystemClock())

    @pytest.fixture
    def vtex_outgoing(self, request: pytest.FixtureRequest) -> Iterator[Outgoing]:
        """What the shop says to the marketplace; nothing of it leaves the process."""
        if self.endpoint:
            pytest.skip("what a shop says is overheard only in an application of this process")
        app = request.getfixturevalue("app")
        case, target = self._in_process(app)
        out = Outgoing(app, choose(app, self.marketplace)[1], Conversation(target, case, SystemClock()))
        with out.overhearing():
            yield out

    def _at_its_address(self) -> tuple[Case, Target]:
        endpoint = self.endpoint or ""
        known = self._known() | ({"seller_id": self.seller_id} if self.seller_id else {})
        return Case(endpoint=endpoint, **known), UrlTarget(Endpoint(endpoint).origin)

    def _in_process(self, app: Flask) -> tuple[Case, Target]:
        known = {**self._known(), "failing_placement": lambda: failing_placement(app)}
        if type(self).count_orders is not SellerConformance.count_orders:
            known["count_orders"] = lambda: self.count_orders(app)
        if type(self).may_ship is not SellerConformance.may_ship:
            known["may_ship"] = lambda order_id: self.may_ship(app, order_id)
        source = choose(app, self.marketplace)[1].some_address
        return case_for(app, self.marketplace, **known), AppTarget(app, source=source)

    def _known(self) -> dict[str, Any]:
        return {
            "skus": tuple(sku if isinstance(sku, Sku) else Sku(id=sku) for sku in self.known_skus),
            "address": self.address,
            "unserved_address": self.unserved_address,
            "out_of_stock_sku": self.out_of_stock_sku,
            "unknown_sku": self.unknown_sku,
            "sales_channels": self.sales_channels,
        }

    def _hold(self, result: Result) -> None:
        name, verdict = result.statement.name, result.verdict
        deviation = self.deviations.get(name)
        if verdict is Verdict.NOT_APPLICABLE or (deviation and verdict is Verdict.FAILED):
            pytest.skip(deviation or result.says)
        if deviation:
            pytest.fail(f"{name} is kept by now: take it out of `deviations`", pytrace=False)
        if verdict is Verdict.FAILED:
            pytest.fail(_report(result), pytrace=False)


def _report(result: Result) -> str:
    told = f"{result.statement.name}: {result.statement.title}\n\n{result.says}\n\nsent:\n{result.sent}"
    return f"{told}\n\nreceived:\n{result.received or '(no answer)'}"


def _test_of(statement: Statement) -> Callable[..., None]:
    def test(self: SellerConformance, vtex_conversation: Conversation) -> None:
        self._hold(judge(statement, vtex_conversation))

    def overhear(self: SellerConformance, vtex_outgoing: Outgoing) -> None:
        self._hold(judge_outgoing(statement, vtex_outgoing))

    made = test if statement.check else overhear
    title = re.sub(r"[^a-z0-9]+", "_", statement.title.lower()).strip("_")
    made.__name__ = f"test_{statement.name}_{title}"
    made.__qualname__ = f"{SellerConformance.__qualname__}.{made.__name__}"
    made.__doc__ = f"{statement.title}."
    return made


for _statement in STATEMENTS.values():
    if _statement.check or _statement.name in OUTGOING:
        _test = _test_of(_statement)
        setattr(SellerConformance, _test.__name__, _test)
