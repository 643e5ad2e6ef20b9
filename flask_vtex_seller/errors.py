"""Everything this package raises on purpose.

::

    VtexSellerError
    ├── ConfigurationError          the shop's set-up; raised at start or by `flask vtex-seller check`
    │   ├── HookMissing             a hook that this call needs was never registered
    │   ├── PlacementInterrupted    nobody can tell whether the shop has an order; an order_finder could
    │   └── PendingHostChanges      the shop left uncommitted changes in db.session before our transaction
    ├── UnknownOrder                a verb names an order that no marketplace placed here
    ├── IllegalTransition           a verb asks for what the order's state does not allow
    ├── AmbiguousOrder              … or one that two marketplaces placed: name the marketplace
    ├── SkuNotReady                 (catalog.sku) what the marketplace would refuse of a SKU's catalog data
    ├── HookFailed                  a hook raised something of its own, or returned what it must not
    └── Refusal                     an answer in the protocol's error contract: status, code, message
        ├── InvalidRequest          400  the body or the path is not what the protocol describes
        ├── Unauthorized            401
        ├── NotFound                404
        ├── MethodNotAllowed        405
        ├── OrderConflict           409  what was asked contradicts the order's state or its content
        ├── PayloadTooLarge         413
        ├── TemporarilyUnavailable  503  a repeat succeeds
        ├── FulfillmentRefused      409  raised by the shop's authorization hook
        └── PlacementRefused        409  raised by the shop's placement hook
            ├── SkuNotFound         ORD021
            ├── OutOfStock          FMT002
            ├── PriceChanged        FMT006
            └── SlaNotAvailable     FMT010

A refusal's message is shown to the marketplace: it names fields, ids and reasons, never a shopper's data.
"""

import re
from collections.abc import Iterable
from typing import ClassVar

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class VtexSellerError(Exception):
    """The root of everything this package raises on purpose."""

    order_ids: tuple[str, ...] = ()
    """The marketplace's ids of the orders that the failed call was about, for the log."""


class ConfigurationError(VtexSellerError):
    """The shop's configuration or set-up is wrong; the message names the key and the remedy."""


class HookMissing(ConfigurationError):
    """A hook that the marketplace's call needs was never registered.

    Args:
        name: the decorator's name on `VtexSeller`.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"no {name} is registered: decorate a function of the shop with @seller.{name}")
        self.name = name


class PlacementInterrupted(ConfigurationError):
    """A placement hook that commits by itself was cut off, and no order finder tells whether the shop has the order."""

    def __init__(self, marketplace_order_id: str) -> None:
        super().__init__(
            f"placing order {marketplace_order_id} was interrupted after the placement hook had committed by itself; "
            "only an order_finder can tell whether the shop has it: register one with @seller.order_finder"
        )


class PendingHostChanges(ConfigurationError):
    """Something of the shop changed `db.session` before the marketplace's call began its own transaction."""

    def __init__(self) -> None:
        super().__init__(
            "db.session holds uncommitted changes before the marketplace's call began: "
            "commit or roll them back where they are made, for example in a before_request function"
        )


class UnknownOrder(VtexSellerError):
    """No marketplace placed an order of that id here."""


class IllegalTransition(VtexSellerError):
    """A verb asks for what the order's state does not allow.

    Args:
        order_id: the shop's own id.
        state: of the order, in words.
        wanted: what the verb would do.
        allowed: the states in which it may.
    """

    def __init__(self, order_id: str | None, state: str, wanted: str, allowed: Iterable[str]) -> None:
        may = " or ".join(sorted(allowed))
        super().__init__(f"order {order_id} is {state}: {wanted} needs an order that is {may}")
        self.order_id = order_id
        self.state = state


class AmbiguousOrder(VtexSellerError):
    """Two marketplaces placed orders of that id: name the marketplace, too."""


class HookFailed(VtexSellerError):
    """A hook raised an exception of its own, or returned something that it must not.

    Args:
        hook: the decorator's name on `VtexSeller`.
        reason: what happened, without the exception's own words: those may quote a shopper's data.
    """

    def __init__(self, hook: str, reason: str) -> None:
        super().__init__(f"the shop's {hook} {reason}")
        self.hook = hook


class Refusal(VtexSellerError):
    """An answer in the protocol's error contract.

    Source: VTEX help center, integration guide for a non-VTEX seller with payment, "error" object and headers.

    Args:
        message: what is refused and why; names the field; carries no shopper's data. Anything that has a `str` will do;
            without one the class says what it can.
        code: overrides the class's code; ASCII letters, digits, `_`, `.` and `-`.

    Raises:
        TypeError, ValueError: the code cannot be one.
    """

    status: ClassVar[int] = 400
    code: str = "INVALID_REQUEST"
    retry_after: int | None = None
    """Seconds after which a repeat of the call makes sense."""
    words: ClassVar[str] = "the call is refused"
    """What is said where nothing else is."""

    def __init__(self, message: object = "", *, code: str | None = None) -> None:
        # A lazy translation, a number, half a character: whatever a shop says must reach the marketplace as text.
        self.message = str(message).encode("utf-8", "replace").decode("utf-8") or self.words
        super().__init__(self.message)
        if code is not None:
            if not _CODE.fullmatch(code):
                raise ValueError(f"not an error code: {code!r}")
            self.code = code


class InvalidRequest(Refusal):
    """The body or the path is not what the protocol describes."""


class Unauthorized(Refusal):
    """No live inbound token of the marketplace came with the call."""

    status = 401
    code = "UNAUTHORIZED"


class AddressNotAllowed(Refusal):
    """The marketplace may call from some addresses only, and this call came from another one."""

    status = 403
    code = "ADDRESS_NOT_ALLOWED"


class TooManyFailures(Refusal):
    """Too many calls from the same source came without a live token; none of its calls is looked at for a while.

    Args:
        retry_after: how long, in seconds.
    """

    status = 429
    code = "TOO_MANY_FAILURES"

    def __init__(self, message: object, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotFound(Refusal):
    """The path, the marketplace or the order does not exist here."""

    status = 404
    code = "NOT_FOUND"


class MethodNotAllowed(Refusal):
    """The path exists, but not for this method: the protocol's own calls are all POST."""

    status = 405
    code = "METHOD_NOT_ALLOWED"


class PayloadTooLarge(Refusal):
    """The body is larger than any that the protocol needs."""

    status = 413
    code = "PAYLOAD_TOO_LARGE"


class OrderConflict(Refusal):
    """What was asked contradicts the order's state or its stored content."""

    status = 409
    code = "ORDER_CONFLICT"


class TemporarilyUnavailable(Refusal):
    """Nothing was done and a repeat of the same call succeeds."""

    status = 503
    code = "TEMPORARILY_UNAVAILABLE"
    retry_after = 1


class FulfillmentRefused(Refusal):
    """The shop cannot ship an order that it had reserved; raise it in the authorization hook."""

    status = 409
    code = "FULFILLMENT_REFUSED"
    words = "the shop cannot ship the order"


class PlacementRefused(Refusal):
    """The shop cannot take the order as it stands; raise a subclass in the placement hook."""

    status = 409
    code = "ORD008"
    words = "the shop cannot take the order"


class SkuNotFound(PlacementRefused):
    """The shop has no such SKU (ORD021)."""

    code = "ORD021"
    words = "the shop has no such SKU"


class OutOfStock(PlacementRefused):
    """The stock does not cover the order (FMT002)."""

    code = "FMT002"
    words = "the stock does not cover the order"


class PriceChanged(PlacementRefused):
    """A price of the order is not the shop's any more (FMT006)."""

    code = "FMT006"
    words = "a price of the order is not the shop's any more"


class SlaNotAvailable(PlacementRefused):
    """The chosen delivery option is not on offer for this order (FMT010)."""

    code = "FMT010"
    words = "the delivery option is not on offer for this order"
