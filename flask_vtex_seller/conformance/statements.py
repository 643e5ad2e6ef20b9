"""The statements of the protocol, each with the check that judges it or the reason why there is none."""

from collections.abc import Mapping

from . import authorization, cancellation, delivery, placement, simulation, transport
from .statement import Check, Statement, Touch


def _reads(number: int, title: str, check: Check) -> Statement:
    return Statement(number=number, title=title, check=check, touch=Touch.READS)


def _writes(number: int, title: str, check: Check) -> Statement:
    return Statement(number=number, title=title, check=check, touch=Touch.WRITES)


def _elsewhere(number: int, title: str, reason: str) -> Statement:
    return Statement(number=number, title=title, elsewhere=reason)


_AT_THE_MARKETPLACE = "it is a call of the shop's: only the marketplace sees it"
_INSIDE = "it happens inside the shop's process: no call of a marketplace shows it"

_ALL = (
    _reads(
        1, "A known SKU without an address is answered with price, list price and stock", simulation.price_and_stock
    ),
    _reads(2, "A missing, a null and an empty address are the same, and come back as null", simulation.no_address),
    _reads(3, "Every line of the cart has its entry, unknown SKUs included", simulation.every_line),
    _reads(4, "An unknown SKU is a line with quantity 0, never an error", simulation.unknown_sku),
    _reads(5, "A line offers no more than the stock, and tells the stock", simulation.limited_by_stock),
    _reads(6, "Where nothing can be served, the stock says zero, too, in every channel", simulation.zero_means_zero),
    _reads(7, "A cart of which nothing is available has no logistics at all", simulation.nothing_available),
    _reads(8, "Lines of one SKU share its stock", simulation.shared_stock),
    _reads(9, "Every amount of money is a whole number of cents", simulation.whole_cents),
    _reads(10, "Offerings are a list, never null, and each is complete", simulation.offerings),
    _reads(11, "Where the shop delivers, each delivery option is complete", delivery.delivery_options),
    _reads(12, "Out of the shop's reach there is stock, but no delivery option", delivery.out_of_reach),
    _reads(13, "A pickup option tells where its counter is, a delivery has none", delivery.pickup_points),
    _reads(14, "A delivery window is in UTC, ends after it begins, and has a price", delivery.delivery_windows),
    _reads(15, "Logistics are in the order of the lines and name countries", simulation.logistics_in_order),
    _reads(16, "The sales channel of the body beats the one of the query, which else counts", simulation.sales_channel),
    _reads(17, "The merchant's name is the shop's if it processes the payment, else null", simulation.merchant_name),
    _reads(18, "An answer takes no longer than a marketplace waits", simulation.in_time),
    _reads(19, "Numbers as text, text as numbers and a capital in `Seller` are understood", simulation.lenient_cart),
    _reads(20, "Coordinates are an address, too", simulation.coordinates),
    _reads(21, "The same cart has the same delivery prices, in whatever order its lines stand", simulation.same_prices),
    _reads(22, "A body that is no cart is refused in the error contract", simulation.malformed_cart),
    _reads(23, "A cart or a body beyond all measure is refused", simulation.too_much),
    _writes(24, "An array of orders is answered with an array, one order with one", placement.same_container),
    _writes(25, "The answer repeats the order and adds the shop's id and e-mail address", placement.echo),
    _writes(26, "Fields that nobody knows come back, too", placement.unknown_fields),
    _writes(27, "The same order again is the same order", placement.repeat),
    _writes(28, "Other content under the same id is a conflict", placement.conflict),
    _writes(29, "An order beyond the stock is refused with FMT002, in body and headers", placement.no_stock),
    _writes(30, "What cannot be sold or delivered, or fails, is refused with its own code", placement.refusals),
    _writes(31, "An order without items is refused", placement.no_items),
    _writes(32, "A placed order is not shipped before it is authorized", placement.only_reserved),
    _writes(33, "An order whose shopper is masked or unnamed is taken", placement.masked_shopper),
    _writes(34, "If the shop's code fails, nothing is left, and the repeat succeeds", placement.failing_shop),
    _writes(35, "Of several orders, all are placed or none", placement.all_or_nothing),
    _writes(36, "The payment's reference is answered if the shop processes the payment, else null", placement.payment),
    _writes(37, "An authorization is answered with date, both ids and receipt", authorization.receipt),
    _writes(38, "The authorization again is answered with the same receipt", authorization.repeat),
    _reads(39, "The authorization of an unknown order is a 404 in JSON", authorization.unknown_order),
    _writes(40, "A canceled order is not authorized", authorization.canceled_order),
    _writes(41, "Payment data of any form does no harm to an authorization", authorization.payment_data),
    _writes(42, "A path and a body that name different orders are refused", authorization.two_orders),
    _writes(43, "A cancellation that the shop still thinks about is answered empty", cancellation.evaluating),
    _writes(44, "A confirmed cancellation tells both ids, each in its place", cancellation.confirmed),
    _elsewhere(45, "A refused cancellation is not confirmed: an invoice refuses it", _AT_THE_MARKETPLACE),
    _writes(46, "A cancellation's date with seven decimals is read", cancellation.seven_decimals),
    _writes(47, "A cancellation that names nothing but the order is understood", cancellation.old_form),
    _writes(48, "The same cancellation again gets the decision that was made", cancellation.repeat),
    _elsewhere(49, "No invoice leaves while a cancellation is considered, unless it refuses it", _AT_THE_MARKETPLACE),
    _writes(50, "A canceled order is confirmed again, and its stock returns once", cancellation.stock_returns_once),
    _elsewhere(51, "A change is told to the seller's own path, encoded, with both keys", _AT_THE_MARKETPLACE),
    _elsewhere(52, "An unknown SKU is suggested once; a known one, or an error, suggests nothing", _AT_THE_MARKETPLACE),
    _elsewhere(53, "A suggestion goes to the suggestions host, under account, seller and SKU", _AT_THE_MARKETPLACE),
    _elsewhere(54, "EANs leave as a list; without EAN and RefId nothing leaves", _AT_THE_MARKETPLACE),
    _elsewhere(55, "What the marketplace would refuse of a SKU is named before it leaves", _INSIDE),
    _elsewhere(56, "Weights leave in grams", _AT_THE_MARKETPLACE),
    _elsewhere(57, "A SKU that exists, or waits no more, is a result and not an error", _INSIDE),
    _elsewhere(58, "A status that nobody knows breaks nothing", _INSIDE),
    _elsewhere(59, "A new price or stock is told to the notificator", _AT_THE_MARKETPLACE),
    _elsewhere(60, "Many changes of one SKU become one notification", _AT_THE_MARKETPLACE),
    _elsewhere(61, "An invoice goes to the marketplace's id of the order", _AT_THE_MARKETPLACE),
    _elsewhere(62, "An invoice has a value in cents and a line for each SKU", _AT_THE_MARKETPLACE),
    _elsewhere(63, "An invoice number that breaks addresses is refused before it leaves", _INSIDE),
    _elsewhere(64, "Partial invoices can be held against the order's total", _INSIDE),
    _elsewhere(65, "Tracking updates its invoice, and sends no second one", _AT_THE_MARKETPLACE),
    _elsewhere(66, "A delivery is told with its events", _AT_THE_MARKETPLACE),
    _elsewhere(67, "A return is an Input invoice, and cancels only if asked", _AT_THE_MARKETPLACE),
    _elsewhere(68, "A verb that is not allowed is tried once as POST", _AT_THE_MARKETPLACE),
    _elsewhere(
        69, "The shop's cancellation carries its reason; an invoiced order is a known refusal", _AT_THE_MARKETPLACE
    ),
    _elsewhere(70, "A cancellation that met a canceled order ends well", _INSIDE),
    _reads(71, "Without a live token every route answers 401, before it reads", transport.tokens),
    _reads(72, "During a rotation, both tokens work", transport.second_token),
    _reads(73, "No error repeats the token", transport.no_token_repeated),
    _reads(74, "Empty, repeated and unknown parameters of the query do no harm", transport.odd_queries),
    _elsewhere(75, "Keys leave only for hosts that may have them", _AT_THE_MARKETPLACE),
    _elsewhere(76, "A path goes before an endpoint's query, and http becomes https", _AT_THE_MARKETPLACE),
    _elsewhere(77, "A throttled shop waits as long as it is told", _AT_THE_MARKETPLACE),
    _elsewhere(78, "A redirect gets no keys", _AT_THE_MARKETPLACE),
    _elsewhere(79, "A refused permission is named", _INSIDE),
    _elsewhere(80, "Keys appear nowhere in the shop's process", _INSIDE),
    _elsewhere(81, "No outgoing call lasts for ever", _INSIDE),
    _elsewhere(82, "Agreements have one of two types", _AT_THE_MARKETPLACE),
)

STATEMENTS: Mapping[str, Statement] = {statement.name: statement for statement in _ALL}
"""By name, `P1` to `P82`, in their order."""
