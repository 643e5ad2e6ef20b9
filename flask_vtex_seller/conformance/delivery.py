"""The checks of a simulation's delivery options (P11 to P14)."""

import re
from datetime import datetime, timedelta
from typing import Any

from .cart import every_sla, logistics_of, objects, simulate, slas, text, whole
from .conversation import Conversation, NotApplicable, Reply

_ESTIMATE = re.compile(r"[0-9]+(bd|d|h|m)")
_DELIVERY, _PICKUP = "delivery", "pickup-in-point"


def delivery_options(talk: Conversation) -> None:
    """P11."""
    reply = simulate(talk, (talk.case.skus[0].id, 1), address=talk.case.address)
    found = slas(reply, 0)
    reply.require(found, "an address that the shop delivers to gets at least one of `slas`")
    for sla in found:
        named = text(sla.get("id")) and text(sla.get("name"))
        reply.require(named, "each of `slas` has an `id` and a `name`")
        channel = sla.get("deliveryChannel")
        reply.require(channel in (_DELIVERY, _PICKUP), f"`deliveryChannel` is `{_DELIVERY}` or `{_PICKUP}`")
        priced = isinstance(sla.get("price"), int | float)
        reply.require(priced, "each of `slas` has a `price`, 0 where it is free")
        estimate = sla.get("shippingEstimate")
        readable = isinstance(estimate, str) and _ESTIMATE.fullmatch(estimate)
        reply.require(readable, f"`shippingEstimate` is a number with bd, d, h or m, such as `5bd`, not {estimate!r}")
        windows = sla.get("availableDeliveryWindows")
        reply.require(isinstance(windows, list), "`availableDeliveryWindows` is a list, empty where there are none")


def out_of_reach(talk: Conversation) -> None:
    """P12."""
    if talk.case.unserved_address is None:
        raise NotApplicable("no address is named that the shop does not deliver to")
    reply = simulate(talk, (talk.case.skus[0].id, 1), address=talk.case.unserved_address)
    stock, options = logistics_of(reply, 0).get("stockBalance"), logistics_of(reply, 0).get("slas")
    reply.require(whole(stock), "a SKU has its stock also where the shop does not deliver: `stockBalance` above 0")
    reply.require(options == [], "where the shop does not deliver, `slas` is an empty list")


def pickup_points(talk: Conversation) -> None:
    """P13."""
    reply = simulate(talk, (talk.case.skus[0].id, 1), address=talk.case.address)
    found = list(every_sla(reply))
    if not found:
        raise NotApplicable("the shop offers no delivery option: see P11")
    for sla in found:
        store = sla.get("pickupStoreInfo")
        is_store = isinstance(store, dict) and store.get("isPickupStore") is True
        if sla.get("deliveryChannel") == _PICKUP:
            reply.require(is_store, "a pickup option has a `pickupStoreInfo` whose `isPickupStore` is true")
            _require_counter(reply, store or {})
        else:
            reply.require(not is_store, "only an option of the channel `pickup-in-point` has a pickup store")


_COUNTER = ("addressId", "postalCode", "city", "state", "country", "street", "number", "neighborhood")


def _require_counter(reply: Reply, store: dict[str, Any]) -> None:
    reply.require(text(store.get("friendlyName")), "a pickup store has the `friendlyName` that shoppers read")
    address = store.get("address")
    address = address if isinstance(address, dict) else {}
    reply.require(address.get("addressType") == "pickup", "a pickup store's address has the `addressType` `pickup`")
    missing = [name for name in _COUNTER if not text(address.get(name))]
    reply.require(not missing, f"a pickup store's address lacks {', '.join(missing)}")


def delivery_windows(talk: Conversation) -> None:
    """P14."""
    reply = simulate(talk, *((sku.id, 1) for sku in talk.case.skus), address=talk.case.address)
    windows = [window for sla in every_sla(reply) for window in objects(sla.get("availableDeliveryWindows"))]
    if not windows:
        raise NotApplicable("the shop offers no delivery windows")
    for window in windows:
        start, end = _utc(window.get("startDateUtc")), _utc(window.get("endDateUtc"))
        in_utc = start is not None and end is not None
        reply.require(in_utc, "a window's `startDateUtc` and `endDateUtc` are ISO 8601 times in UTC, with `+00:00`")
        reply.require(start and end and start < end, "a delivery window ends after it begins")
        priced = isinstance(window.get("price"), int | float)
        reply.require(priced, "a delivery window has a `price`, 0 where it costs nothing more")


def _utc(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.utcoffset() == timedelta(0) else None
