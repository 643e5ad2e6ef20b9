"""The result of a call in a few words, for people who read the log."""

from __future__ import annotations

from .answer import Answer
from .order_rules import is_empty
from .refusal_rules import error_code


def describe_simulation(answer: Answer) -> str:
    """Return how many lines were answered, how many of them cannot be had, and how many delivery options there are."""
    if answer.status != 200 or not isinstance(answer.body, dict):
        return describe_failure(answer)
    items = _objects(answer.body.get("items"))
    unavailable = sum(item.get("quantity") == 0 for item in items)
    entries = _objects(answer.body.get("logisticsInfo"))
    slas = {str(sla.get("id")) for entry in entries for sla in _objects(entry.get("slas"))}
    parts = [_count(len(items), "line")]
    parts += [f"{unavailable} unavailable"] if unavailable else []
    return ", ".join([*parts, _count(len(slas), "delivery option")])


def describe_placement(answer: Answer) -> str:
    """Return the seller's id of the placed order, or why there is none."""
    body = answer.body
    if answer.status == 200 and isinstance(body, list) and body and isinstance(body[0], dict) and "orderId" in body[0]:
        return f"order {body[0]['orderId']} placed"
    return describe_failure(answer)


def describe_authorization(answer: Answer) -> str:
    """Return the receipt of the authorization, or why there is none."""
    if answer.status != 200 or not isinstance(answer.body, dict):
        return describe_failure(answer)
    receipt = answer.body.get("receipt")
    return "authorized" if receipt is None else f"authorized, receipt {receipt}"


def describe_cancellation(answer: Answer) -> str:
    """Return whether the cancellation was confirmed."""
    if answer.status != 200:
        return describe_failure(answer)
    if is_empty(answer):
        return "not confirmed: evaluating or refused"
    return "cancellation confirmed" if isinstance(answer.body, dict) else describe_failure(answer)


def describe_failure(answer: Answer) -> str:
    """Return why a call did not lead to what was asked for."""
    if answer.failure is not None:
        return f"no answer: {answer.failure}"
    if answer.status == 200:
        return "answer not understood"
    code = error_code(answer)
    return f"refused with status {answer.status}" if code is None else f"refused {code}"


def _objects(value: object) -> list[dict[str, object]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
