"""Which rules hold for which call of the seller, and how a call that breaks them is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

from .agreement_rules import check_agreement
from .contracts import Refusal, Verdict
from .findings import shown
from .incoming import Incoming
from .invoice_rules import check_invoice, check_seller_cancellation, check_tracking, check_tracking_status
from .listing import numbered_error
from .promise_rules import check_promises
from .reply import Reply, error
from .suggestion_rules import check_suggestion


def _invoice(verdict: Verdict, call: Incoming) -> None:
    check_invoice(verdict, call.body, protocol=call.is_protocol)


def _tracking(verdict: Verdict, call: Incoming) -> None:
    check_tracking(verdict, call.body)


def _tracking_status(verdict: Verdict, call: Incoming) -> None:
    check_tracking_status(verdict, call.body, protocol=call.is_protocol)


def _cancellation(verdict: Verdict, call: Incoming) -> None:
    check_seller_cancellation(verdict, call.body, protocol=call.is_protocol)


def _suggestion(verdict: Verdict, call: Incoming) -> None:
    check_suggestion(verdict, call.body, seller_id=call.ids["seller_id"])


def _agreement(verdict: Verdict, call: Incoming) -> None:
    check_agreement(verdict, call.body)


def _promises(verdict: Verdict, call: Incoming) -> None:
    check_promises(verdict, call.body)


_RULES: Mapping[str, Callable[[Verdict, Incoming], None]] = {
    "invoice": _invoice,
    "return_invoice": _invoice,
    "tracking": _tracking,
    "tracking_status": _tracking_status,
    "cancel_order": _cancellation,
    "suggestion": _suggestion,
    "agreement": _agreement,
    "delivery_promises": _promises,
}


def check_contract(verdict: Verdict, call: Incoming, seller_id: str, account: str) -> None:
    """Note what is wrong with the ids, the query and the body of a call that leads somewhere.

    Args:
        seller_id: the name under which the marketplace knows the seller.
        account: the marketplace's own.
    """
    _check_account(verdict, call, account)
    named = call.ids.get("seller_id", seller_id)
    if named != seller_id:
        what = f"the marketplace knows the seller as {shown(seller_id)}, got {shown(named)}"
        verdict.refuse(call.statement, "path", what, status=404, code="SellerNotFound")
    if call.operation in _RULES:
        _RULES[call.operation](verdict, call)


def _check_account(verdict: Verdict, call: Incoming, account: str) -> None:
    """The query names the account where it must; of the calls that go to an order's services, wherever it does."""
    route, query = call.match.route, parse_qsl(call.arrived.query, keep_blank_values=True)
    if route is None or not (route.query or route.protocol):
        return
    if route.query is not None and route.query not in dict(query):
        verdict.refuse(call.statement, "query", f"must name the account as {route.query}")
    for name, value in query:
        if name in ("an", "accountName") and value != account:
            verdict.refuse("P75", "query", f"{name} must be {shown(account)}, got {shown(value)}", status=404)


def refuse(call: Incoming, refusal: Refusal | None) -> Reply:
    """Return what a refused call is answered with."""
    if refusal is None:
        raise AssertionError(f"{call.operation} was neither answered nor refused")
    if isinstance(refusal.code, int):
        return numbered_error(refusal.status, refusal.code, refusal.message)
    reply = error(refusal.status, refusal.code, refusal.message, outcome=f"refused: {refusal.message}")
    return reply if call.match.allowed == () else reply.with_headers({"allow": ", ".join(call.match.allowed)})
