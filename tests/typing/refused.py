"""What mypy must refuse, line by line; never executed, see test_typing.py."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from flask_sqlalchemy import SQLAlchemy

from flask_vtex_seller import (
    CancellationRequest,
    FulfillmentAuthorization,
    Offer,
    OrderPlacement,
    SimulationRequest,
    Sku,
    Sla,
    VtexSeller,
    cents,
)

seller = VtexSeller(SQLAlchemy())


@seller.offer_loader  # refused
def offers_of_one_sku(sku_id: str) -> Offer:
    return Offer(sku_id=sku_id, price=1, stock=1)


@seller.offer_loader  # refused
def offers_without_the_request(sku_ids: Sequence[str]) -> Iterable[Offer]:
    return []


@seller.offer_loader  # refused
def offers_in_the_wrong_order(request: SimulationRequest, sku_ids: Sequence[str]) -> Iterable[Offer]:
    return []


@seller.offer_loader  # refused
def offers_as_prices(sku_ids: Sequence[str], request: SimulationRequest) -> dict[str, int]:
    return {}


@seller.offer_loader  # refused
def offers_or_none(sku_ids: Sequence[str], request: SimulationRequest) -> list[Offer] | None:
    return None


@seller.offer_loader  # refused
async def offers_later(sku_ids: Sequence[str], request: SimulationRequest) -> list[Offer]:
    return []


@seller.sla_loader  # refused
def one_sla(request: SimulationRequest) -> Sla:
    return Sla(id="s", name="S", price=0, shipping_estimate="1d")


@seller.sla_loader  # refused
def slas_for_an_order(request: OrderPlacement) -> Iterable[Sla]:
    return []


@seller.on_order_placement  # refused
def place_with_a_number(order: OrderPlacement) -> int:
    return 1


@seller.on_order_placement  # refused
def place_without_an_answer(order: OrderPlacement) -> None: ...


@seller.on_order_placement  # refused
def place_with_a_keyword(*, order: OrderPlacement) -> str:
    return "S-1"


@seller.order_finder  # refused
def find_by_the_order(order: OrderPlacement) -> str | None:
    return None


@seller.order_finder  # refused
def find_whether(marketplace: str, marketplace_order_id: str) -> bool:
    return False


@seller.on_authorize_fulfillment  # refused
def release_and_say_so(authorization: FulfillmentAuthorization) -> bool:
    return True


@seller.on_authorize_fulfillment  # refused
def release_with_more(authorization: FulfillmentAuthorization, warehouse: str) -> None: ...


@seller.on_order_cancellation  # refused
def cancel_with_a_word(request: CancellationRequest) -> str:
    return "confirm"


@seller.on_order_cancellation  # refused
def cancel_without_an_answer(request: CancellationRequest) -> None: ...


@seller.brand_mapper  # refused
def map_for_nobody(brand: str) -> str:
    return brand


@seller.category_mapper  # refused
def map_to_nothing(category: str, marketplace: str) -> str | None:
    return None


@seller.suggestion_finisher  # refused
def finish_without_a_word(sku: Sku, suggestion: dict[str, Any], marketplace: str) -> None: ...


@seller.suggestion_finisher  # refused
def finish_for_nobody(sku: Sku, suggestion: dict[str, Any]) -> dict[str, Any]:
    return suggestion


seller.send_agreement("S-1", "c-1", "Confirmation")  # refused
seller.notify_delivery_promises("apple")  # refused


@seller.on_reservation_expired  # refused
def give_back_by_id(order_id: str) -> None: ...


@seller.on_order_modification  # refused
def modify_an_order(order: OrderPlacement) -> None: ...


VtexSeller()  # refused
VtexSeller("sqlite://")  # refused
seller.order(7)  # refused
seller.order("S-1", "acme")  # refused
cents(19.99)  # refused
Offer("apple", 1, 1)  # refused
Offer(sku_id="apple", price=12.5, stock=1)  # refused
Offer(sku_id="apple", price=Decimal("12.5"), stock=1)  # refused
Offer(sku_id="apple", price=1, stock=1).price = 2  # refused
