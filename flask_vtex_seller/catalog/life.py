"""The life of a SKU at a marketplace: which answer takes it from which state to which.

======================  ==============================  ==========================================  ====================
record                  notice answered: unknown SKU    suggestion answered                         status read back
======================  ==============================  ==========================================  ====================
none, UNKNOWN, EXPIRED  UNKNOWN, is suggested           taken: SUGGESTED; exists: KNOWN;            not asked
                                                        not pending: SUGGESTED; refused: stays
SUGGESTED, PENDING      stays; once 30 days have        taken: SUGGESTED anew; exists: KNOWN;       PENDING, DENIED,
                        passed, as EXPIRED              else stays, with the reason                 BLOCKED or EXPIRED;
                                                                                                    gone: UNKNOWN
DENIED                  stays, is suggested             taken: SUGGESTED; exists: KNOWN;            not asked
                                                        not pending: BLOCKED; refused: stays
BLOCKED                 stays, is not suggested         taken: SUGGESTED; exists: KNOWN;            not asked
                                                        else stays, with the reason
KNOWN                   UNKNOWN, is suggested: it is    stays; of a refusal with the reason         not asked
                        not there any more
======================  ==============================  ==========================================  ====================

A notice answered with 2xx makes any record KNOWN. Answers about the shop rather than the SKU (401, 403, 429, 5xx)
change nothing and suggest nothing. "Exists" is a 304 or error 23, "not pending" error 18, "taken" a 2xx or error 17.

Only undecided SKUs, SUGGESTED and PENDING, are asked about, and only what somebody at the shop says suggests one:
nothing goes round in circles. What was asked on our own account, `suggestion_status` and `presence`, never leads to a
suggestion. A suggestion that is accepted, gone, expired or that cannot be understood may be approved: then `presence`,
a notice in all but name, is asked next, and its 2xx alone makes the SKU KNOWN.

Source: VTEX, external seller connector guide, "SKU suggestions"; help center, "Manual SKU cataloging" (30 days, a
SKU that was turned down is blocked).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from .ledger import Key, SkuLedger
from .sku import SkuState, SuggestionStatus

EXPIRY = timedelta(days=30)
"""How long a suggestion waits for a decision before the marketplace drops it."""
ACCEPTED = "accepted, but not in the catalog yet"
BLOCKED = "turned down before; the marketplace takes no other suggestion of it until somebody there unblocks it"
UNDECIDED = f"nobody decided about the suggestion within {EXPIRY.days} days"
_UNDECIDED = frozenset({SkuState.SUGGESTED, SkuState.PENDING})
_DECISIONS = {
    SuggestionStatus.PENDING: SkuState.PENDING,
    SuggestionStatus.DENIED: SkuState.DENIED,
    SuggestionStatus.BLOCKED: SkuState.BLOCKED,
    SuggestionStatus.EXPIRED: SkuState.EXPIRED,
}


def unknown(ledger: SkuLedger, reasons: Mapping[Key, str], *, now: datetime) -> set[Key]:
    """Write that marketplaces do not have SKUs that the shop spoke of; return those that are to be suggested."""
    _expire(ledger, reasons, now)
    stays = {*_UNDECIDED, SkuState.DENIED, SkuState.BLOCKED}
    suggested = ledger.mark(reasons, SkuState.UNKNOWN, now=now, unless=stays)
    return suggested | ledger.touch(reasons.keys() - suggested, SkuState.DENIED, now=now)


def suggested(ledger: SkuLedger, reasons: Mapping[Key, str], *, now: datetime) -> None:
    """Write that marketplaces took suggestions."""
    ledger.mark(reasons, SkuState.SUGGESTED, now=now, unless={SkuState.KNOWN})


def not_pending(ledger: SkuLedger, reasons: Mapping[Key, str], *, now: datetime) -> None:
    """Write that marketplaces have decided about SKUs already: as SUGGESTED they are asked what it was."""
    decided = {*_UNDECIDED, SkuState.KNOWN, SkuState.DENIED, SkuState.BLOCKED}
    ledger.mark(reasons, SkuState.SUGGESTED, now=now, unless=decided)
    ledger.note(reasons, now=now)
    ledger.mark(dict.fromkeys(reasons, BLOCKED), SkuState.BLOCKED, now=now, unless=_all_but(SkuState.DENIED))


def read_back(
    ledger: SkuLedger, statuses: Mapping[Key, SuggestionStatus], reasons: Mapping[Key, str], *, now: datetime
) -> None:
    """Write what marketplaces say of suggestions.

    Args:
        reasons: of the SKUs that were turned down.
    """
    for status, state in _DECISIONS.items():
        keys = [key for key, found in statuses.items() if found is status]
        ledger.mark({key: reasons.get(key, "") for key in keys}, state, now=now, unless=_all_but(*_UNDECIDED))
    ledger.note({key: ACCEPTED for key, found in statuses.items() if found is SuggestionStatus.ACCEPTED}, now=now)
    _expire(ledger, statuses, now)


def gone(ledger: SkuLedger, reasons: Mapping[Key, str], *, now: datetime) -> None:
    """Write that marketplaces have no suggestion of SKUs any more."""
    _expire(ledger, reasons, now)
    ledger.mark(reasons, SkuState.UNKNOWN, now=now, unless=_all_but(*_UNDECIDED))


def _expire(ledger: SkuLedger, keys: Mapping[Key, object], now: datetime) -> None:
    ledger.expire(keys.keys(), UNDECIDED, suggested_before=now - EXPIRY, now=now)


def _all_but(*states: SkuState) -> set[SkuState]:
    return set(SkuState).difference(states)
