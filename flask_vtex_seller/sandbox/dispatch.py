"""Which rules hold for which call of the seller, and how a call that breaks them is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .contracts import Refusal, Verdict
from .findings import shown
from .incoming import Incoming
from .invoice_rules import check_invoice, check_seller_cancellation, check_tracking, check_tracking_status
from .listing import numbered_error
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


_RULES: Mapping[str, Callable[[Verdict, Incoming], None]] = {
    "invoice": _invoice,
    "return_invoice": _invoice,
    "tracking": _tracking,
    "tracking_status": _tracking_status,
    "cancel_order": _cancellation,
    "suggestion": _suggestion,
}


def check_contract(verdict: Verdict, call: Incoming, seller_id: str) -> None:
    """Note what is wrong with the ids and the body of a call that leads somewhere.

    Args:
        seller_id: the name under which the marketplace knows the seller.
    """
    named = call.ids.get("seller_id", seller_id)
    if named != seller_id:
        what = f"the marketplace knows the seller as {shown(seller_id)}, got {shown(named)}"
        verdict.refuse(call.statement, "path", what, status=404, code="SellerNotFound")
    if call.operation in _RULES:
        _RULES[call.operation](verdict, call)


def refuse(call: Incoming, refusal: Refusal | None) -> Reply:
    """Return what a refused call is answered with."""
    if refusal is None:
        raise AssertionError(f"{call.operation} was neither answered nor refused")
    if isinstance(refusal.code, int):
        return numbered_error(refusal.status, refusal.code, refusal.message)
    reply = error(refusal.status, refusal.code, refusal.message, outcome=f"refused: {refusal.message}")
    return reply if call.match.allowed == () else reply.with_headers({"allow": ", ".join(call.match.allowed)})
