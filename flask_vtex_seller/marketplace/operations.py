"""Every call to a marketplace, one entry each: what is sent where, and what the answers mean.

Sources are named by OpenAPI file and path; a `{name}` of a path is percent-encoded when it is filled in, but for those
of the marketplace's own settings, which are parts of paths themselves.
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple
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
    NOT_PENDING = "not pending"
    """The marketplace has decided about the SKU already and takes no suggestion of it."""
    NOT_SUGGESTED = "not suggested"
    """The marketplace has no suggestion of the SKU, or has none any more."""
    NOT_CANCELABLE = "not cancelable"
    """The marketplace keeps the order: it is invoiced, if only in part."""


class Operation(NamedTuple):
    """One kind of call."""

    name: str
    method: str
    path: str
    permission: str
    """The resource that the application key needs; named when the marketplace answers 403."""
    route_permissions: Mapping[str, str] = MappingProxyType({})
    """The same for those values of `catalog_route` that need another one."""
    services_path: str | None = None
    """Below an order's `marketplaceServicesEndpoint`, always by POST; None for a call that never goes there."""
    host: Host = Host.STORE
    endings: Mapping[int, Meaning] = MappingProxyType({})
    """Statuses outside 2xx that are a normal end."""
    answers_json: bool = False
    """Whether a success without a JSON body is none."""
    keeps_answer: bool = False
    """Whether what a success says matters: it is kept as a JSON value."""
    numbers_errors: bool = False
    """Whether a refusal may name one of the numbered errors of `refusals`."""
    says_already_done: bool = False
    """Whether a 400 may say that the order is canceled already."""
    group: str = "orders"
    """Of those whose rate is bounded together: a name of `config.RATE_GROUPS`."""
    holds_lane: bool = True
    """Whether a refused call keeps what follows in its lane back until somebody has looked at it."""

    def at(self, marketplace: Marketplace) -> "Operation":
        """Return the operation as the marketplace's settings have it."""
        permission = self.route_permissions.get(marketplace.catalog_route, self.permission)
        path = self.path
        for name in _SETTINGS:
            path = path.replace(f"{{{name}}}", getattr(marketplace, name))
        return self._replace(path=path, permission=permission)

    @property
    def may_be_post(self) -> bool:
        """Whether the same call is documented as a POST, too."""
        return self.services_path is not None and self.method != "POST"

    def url(self, marketplace: Marketplace, arguments: Mapping[str, str]) -> str:
        """Return the address of one call.

        Args:
            arguments: the values of the path's names; the seller's id and the account are known.

        Raises:
            ValueError: a value would change the path: `.` and `..` name folders however they are written.
        """
        return f"{self.host.of(marketplace)}{filled(self.at(marketplace).path, marketplace, arguments)}"


def filled(template: str, marketplace: Marketplace, arguments: Mapping[str, str]) -> str:
    """Return a path with the values of its names, each one segment.

    Raises: as `Operation.url`.
    """
    values = {}
    known = {"seller_id": marketplace.seller_id, "account": marketplace.account}
    for name, value in {**arguments, **known}.items():
        if value in ("", ".", ".."):
            raise ValueError(f"{name} cannot be part of a path")
        values[name] = quote(value, safe="")
    return template.format(**values)


_SETTINGS = ("catalog_route", "notificator_prefix", "agreement_path")
_NOTIFY_INVOICE = "OMS > Notify invoice"
_ORDER = "/api/oms/pvt/orders/{marketplace_order_id}"
_SERVICES_ORDER = "/pvt/orders/{marketplace_order_id}"

_OPERATIONS = (
    # orders.json: /api/oms/pvt/orders/{orderId}/…
    # external-seller-marketplace.json: /pvt/orders/{marketplaceOrderId}/…, the same resources by POST alone
    Operation(
        name="invoice",
        method="POST",
        path=f"{_ORDER}/invoice",
        services_path=f"{_SERVICES_ORDER}/invoice",
        permission=_NOTIFY_INVOICE,
        answers_json=True,
    ),
    Operation(
        name="return_invoice",
        method="POST",
        path=f"{_ORDER}/invoice",
        services_path=f"{_SERVICES_ORDER}/invoice",
        permission=f"{_NOTIFY_INVOICE} and OMS > Notify refund",
        answers_json=True,
    ),
    Operation(
        name="tracking",
        method="PATCH",
        path=f"{_ORDER}/invoice/{{invoice_number}}",
        services_path=f"{_SERVICES_ORDER}/invoice/{{invoice_number}}",
        permission=_NOTIFY_INVOICE,
    ),
    Operation(
        name="tracking_status",
        method="PUT",
        path=f"{_ORDER}/invoice/{{invoice_number}}/tracking",
        services_path=f"{_SERVICES_ORDER}/invoice/{{invoice_number}}/tracking",
        permission=_NOTIFY_INVOICE,
    ),
    Operation(
        name="cancel_order",
        method="POST",
        path=f"{_ORDER}/cancel",
        services_path=f"{_SERVICES_ORDER}/cancel",
        permission="OMS > Cancel order",
        answers_json=True,
        says_already_done=True,
    ),
    # The same call, after a return invoice. Sources disagree on whether it is needed: a 400 is a normal end.
    Operation(
        name="cancel_returned_order",
        method="POST",
        path=f"{_ORDER}/cancel",
        services_path=f"{_SERVICES_ORDER}/cancel",
        permission="OMS > Cancel order",
        endings={400: Meaning.NOT_NEEDED},
        says_already_done=True,
    ),
    # external-seller-marketplace.json: /pvt/orders/{participantOrderId}/changes/{changeRequestId}/send-agreement;
    # the connector guide has it below /api/order-system
    Operation(
        name="agreement",
        method="POST",
        path="{agreement_path}",
        services_path=f"{_SERVICES_ORDER}/changes/{{change_id}}/send-agreement?accountName={{account}}",
        permission="to change orders, whose name VTEX does not publish: ask the marketplace",
        # No source prints its address: what is refused here must not keep back the order's invoices.
        holds_lane=False,
    ),
    # catalog-skuseller.json: /api/catalog_system/pvt/skuseller/changenotification/{sellerId}/{sellerSkuId}
    # SKU Bindings API: the same below /api/sku-binding, recommended for new integrations
    Operation(
        name="change_notification",
        method="POST",
        path="/api/{catalog_route}/pvt/skuseller/changenotification/{seller_id}/{sku_id}",
        permission="Catalog > Seller SKUs",
        route_permissions={"sku-binding": "Catalog > Edit Product"},
        endings={404: Meaning.UNKNOWN_SKU},
        group="catalog",
        holds_lane=False,
    ),
    # The same call, made to learn whether a suggested SKU is in the catalog by now: nothing has changed, and a 404
    # is no reason to suggest it again.
    Operation(
        name="presence",
        method="POST",
        path="/api/{catalog_route}/pvt/skuseller/changenotification/{seller_id}/{sku_id}",
        permission="Catalog > Seller SKUs",
        route_permissions={"sku-binding": "Catalog > Edit Product"},
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
        numbers_errors=True,
        group="suggestions",
        holds_lane=False,
    ),
    # suggestions.json: the same path; its answer is described nowhere
    Operation(
        name="suggestion_status",
        method="GET",
        path="/suggestions/{seller_id}/{sku_id}",
        host=Host.SUGGESTIONS,
        permission="Channels > Send marketplace suggestion",
        endings={404: Meaning.NOT_SUGGESTED},
        keeps_answer=True,
        group="suggestions",
        holds_lane=False,
    ),
    # notificator.json: /notificator/{sellerId}/changenotification/{skuId}/…, below a server that ends in /api
    Operation(
        name="price_notification",
        method="POST",
        path="{notificator_prefix}/{seller_id}/changenotification/{sku_id}/price",
        permission="Seller Register > View Seller",
        group="notices",
        holds_lane=False,
    ),
    Operation(
        name="inventory_notification",
        method="POST",
        path="{notificator_prefix}/{seller_id}/changenotification/{sku_id}/inventory",
        permission="Seller Register > View Seller",
        group="notices",
        holds_lane=False,
    ),
    # Delivery Promise Notification API: /delivery-promises/external-sellers/{sellerId}/products, below …/api
    Operation(
        name="delivery_promises",
        method="PUT",
        path="/api/delivery-promises/external-sellers/{seller_id}/products?an={account}",
        permission="Notify Product Availability Change",
        holds_lane=False,
        group="notices",
    ),
)

OPERATIONS: Mapping[str, Operation] = MappingProxyType({operation.name: operation for operation in _OPERATIONS})
"""All operations by name; a message of the outbox names one."""
