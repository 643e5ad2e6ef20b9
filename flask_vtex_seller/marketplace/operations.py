"""Every call to a marketplace, one entry each: what is sent where, and what the answers mean.

Sources are named by OpenAPI file and path; a `{name}` of a path is percent-encoded when it is filled in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from urllib.parse import quote

from ..config import Marketplace


class Host(Enum):
    """Which of a marketplace's two addresses a call goes to."""

    STORE = "base_url"
    SUGGESTIONS = "suggestions_url"

    def of(self, marketplace: Marketplace) -> str:
        """Return the address, without a trailing slash."""
        address: str = getattr(marketplace, self.value)
        return address


class Meaning(Enum):
    """What an answer that ends a message says."""

    DONE = "done"
    UNKNOWN_SKU = "unknown SKU"
    """The marketplace does not have the SKU: it is to be suggested."""
    EXISTS = "exists"
    """The SKU is in the marketplace's catalog already."""
    NOT_NEEDED = "not needed"
    """The marketplace will not do what it has, in effect, done already."""
    ALREADY_DONE = "already done"
    """The marketplace says no because what was asked is so already."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Operation:
    """One kind of call."""

    name: str
    method: str
    path: str
    permission: str
    """The resource that the application key needs; named when the marketplace answers 403."""
    host: Host = Host.STORE
    endings: Mapping[int, Meaning] = field(default_factory=dict)
    """Statuses outside 2xx that are a normal end."""
    answers_json: bool = False
    """Whether a success without a JSON body is none."""
    says_already_done: bool = False
    """Whether a 400 may say that the order is canceled already."""
    group: str = "orders"
    """Of those whose rate is bounded together: a name of `config.RATE_GROUPS`."""
    holds_lane: bool = True
    """Whether a refused call keeps what follows in its lane back until somebody has looked at it."""

    def url(self, marketplace: Marketplace, arguments: Mapping[str, str]) -> str:
        """Return the address of one call.

        Args:
            arguments: the values of the path's names; the seller's id is known.

        Raises:
            ValueError: a value would change the path: `.` and `..` name folders however they are written.
        """
        values = {}
        for name, value in {**arguments, "seller_id": marketplace.seller_id}.items():
            if value in ("", ".", ".."):
                raise ValueError(f"{name} cannot be part of a path")
            values[name] = quote(value, safe="")
        return f"{self.host.of(marketplace)}{self.path.format(**values)}"


_NOTIFY_INVOICE = "OMS > Notify invoice"
_ORDER = "/api/oms/pvt/orders/{marketplace_order_id}"

_OPERATIONS = (
    # orders.json: /api/oms/pvt/orders/{orderId}/…
    Operation(name="invoice", method="POST", path=f"{_ORDER}/invoice", permission=_NOTIFY_INVOICE, answers_json=True),
    Operation(
        name="return_invoice",
        method="POST",
        path=f"{_ORDER}/invoice",
        permission=f"{_NOTIFY_INVOICE} and OMS > Notify refund",
        answers_json=True,
    ),
    Operation(name="tracking", method="PATCH", path=f"{_ORDER}/invoice/{{invoice_number}}", permission=_NOTIFY_INVOICE),
    Operation(
        name="tracking_status",
        method="PUT",
        path=f"{_ORDER}/invoice/{{invoice_number}}/tracking",
        permission=_NOTIFY_INVOICE,
    ),
    Operation(
        name="cancel_order",
        method="POST",
        path=f"{_ORDER}/cancel",
        permission="OMS > Cancel order",
        answers_json=True,
        says_already_done=True,
    ),
    # The same call, after a return invoice. Sources disagree on whether it is needed: a 400 is a normal end.
    Operation(
        name="cancel_returned_order",
        method="POST",
        path=f"{_ORDER}/cancel",
        permission="OMS > Cancel order",
        endings={400: Meaning.NOT_NEEDED},
    ),
    # catalog-skuseller.json: /api/catalog_system/pvt/skuseller/changenotification/{sellerId}/{sellerSkuId}
    Operation(
        name="change_notification",
        method="POST",
        path="/api/catalog_system/pvt/skuseller/changenotification/{seller_id}/{sku_id}",
        permission="Catalog > Seller SKUs",
        endings={404: Meaning.UNKNOWN_SKU},
        group="catalog",
        holds_lane=False,
    ),
    # suggestions.json: /suggestions/{sellerId}/{sellerSkuId}
    Operation(
        name="suggestion",
        method="PUT",
        path="/suggestions/{seller_id}/{sku_id}",
        host=Host.SUGGESTIONS,
        permission="Channels > Send marketplace suggestion",
        endings={304: Meaning.EXISTS},
        group="suggestions",
        holds_lane=False,
    ),
    # notificator.json: /notificator/{sellerId}/changenotification/{skuId}/…, below a server that ends in /api
    Operation(
        name="price_notification",
        method="POST",
        path="/api/notificator/{seller_id}/changenotification/{sku_id}/price",
        permission="Seller Register > View Seller",
        group="notices",
        holds_lane=False,
    ),
    Operation(
        name="inventory_notification",
        method="POST",
        path="/api/notificator/{seller_id}/changenotification/{sku_id}/inventory",
        permission="Seller Register > View Seller",
        group="notices",
        holds_lane=False,
    ),
)

OPERATIONS: Mapping[str, Operation] = MappingProxyType({operation.name: operation for operation in _OPERATIONS})
"""All operations by name; a message of the outbox names one."""
