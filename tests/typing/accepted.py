"""What mypy must accept; never executed, see test_typing.py."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any, assert_type

from flask_sqlalchemy import SQLAlchemy

from flask_vtex_seller import (
    Agreement,
    CancellationDecision,
    CancellationRequest,
    FulfillmentAuthorization,
    Offer,
    Order,
    OrderModification,
    OrderPlacement,
    PlacedOrder,
    SimulationRequest,
    Sku,
    SkuAvailability,
    Sla,
    VtexSeller,
    cents,
)


class Clock:
    """A clock of the shop's own, for its tests."""

    def now(self) -> Any: ...

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None: ...


def new_seller() -> VtexSeller:
    return VtexSeller(SQLAlchemy(), clock=Clock())


# a shop names its parameters as it likes


@new_seller().offer_loader
def offers(codes: Sequence[str], cart: SimulationRequest) -> Iterable[Offer]:
    return [Offer(sku_id=code, price=cents("1.00"), stock=1) for code in codes]


@new_seller().sla_loader
def slas(cart: SimulationRequest) -> Iterable[Sla]:
    return [Sla(id="standard", name=cart.postal_code or "", price=0, shipping_estimate="1d")]


@new_seller().on_order_placement
def place(incoming: OrderPlacement) -> str | PlacedOrder:
    return PlacedOrder(order_id=incoming.marketplace_order_id)


@new_seller().brand_mapper
@new_seller().category_mapper
def map_name(name: str, channel: str) -> str:
    return name.upper() if channel == "acme" else name


@new_seller().suggestion_finisher
def finish(article: Sku, body: dict[str, Any], name: str) -> dict[str, Any]:
    return {**body, "WeightKg": article.weight_grams / 1000}


@new_seller().order_finder
def find(name: str, id_there: str) -> str | PlacedOrder | None:
    return None


@new_seller().on_authorize_fulfillment
def release(what: FulfillmentAuthorization) -> str | None:
    return what.order_id


@new_seller().on_order_cancellation
def cancel(what: CancellationRequest) -> CancellationDecision:
    return CancellationDecision.CONFIRM


@new_seller().on_reservation_expired
def give_back(what: Order) -> None: ...


@new_seller().on_order_modification
def modify(what: OrderModification) -> None: ...


# it may return something narrower


@new_seller().offer_loader
def listed_offers(codes: Sequence[str], cart: SimulationRequest) -> list[Offer]:
    return []


@new_seller().offer_loader
def generated_offers(codes: Sequence[str], cart: SimulationRequest) -> Iterator[Offer]:
    yield from ()


@new_seller().sla_loader
def generated_slas(cart: SimulationRequest) -> Generator[Sla, None, None]:
    yield from ()


@new_seller().on_order_placement
def place_simply(incoming: OrderPlacement) -> str:
    return "S-1"


@new_seller().order_finder
def find_always(name: str, id_there: str) -> str:
    return "S-1"


@new_seller().on_authorize_fulfillment
def release_silently(what: FulfillmentAuthorization) -> None:
    return None


# it may take something wider


@new_seller().offer_loader
def offers_of_anything(codes: Iterable[str], cart: object, more: int = 0) -> list[Offer]:
    return []


@new_seller().on_order_cancellation
def cancel_anything(*what: object) -> CancellationDecision:
    return CancellationDecision.REFUSE


# it may be a method, or an object that can be called


class Checkout:
    def place(self, incoming: OrderPlacement) -> str:
        return "S-1"

    def __call__(self, what: FulfillmentAuthorization) -> str:
        return "receipt"


new_seller().on_order_placement(Checkout().place)
new_seller().on_authorize_fulfillment(Checkout())

# a decorated function keeps its own type

assert_type(place_simply(OrderPlacement(marketplace="acme", marketplace_order_id="1", items=())), str)
assert_type(listed_offers([], SimulationRequest(marketplace="acme", items=())), list[Offer])
assert_type(new_seller().order("S-1"), Order)
assert_type(new_seller().order("S-1", marketplace="acme").order_id, str | None)


def say_what_came_later() -> None:
    seller = new_seller()
    seller.send_agreement("S-1", "c-1", Agreement.CONFIRMATION, marketplace="acme")
    seller.notify_delivery_promises(SkuAvailability(sku_id="apple", availability=0), marketplaces=["acme"])
