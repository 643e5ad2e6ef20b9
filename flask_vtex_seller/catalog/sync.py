"""Keeping marketplaces informed: notices of changed SKUs, suggestions of unknown ones, and what came of both.

What an answer to a notice or a suggestion makes of the SKU's record, and what follows from it:

===================  ==========================================  =====================================================
record               notice answered: unknown SKU                suggestion
===================  ==========================================  =====================================================
none, UNKNOWN        stays UNKNOWN, is suggested                 accepted: SUGGESTED; exists (304): KNOWN;
                                                                 not pending (error 18): SUGGESTED; refused: UNKNOWN
SUGGESTED            stays; is suggested once more only when     accepted: SUGGESTED anew; exists: KNOWN;
                     its suggestion has expired (30 days)        else stays, with the reason
KNOWN                UNKNOWN again, is suggested: the            stays; of a refusal with the reason
                     marketplace does not have it any more
===================  ==========================================  =====================================================

A notice answered with 2xx makes any record KNOWN. Answers about the shop rather than the SKU (401, 403, 429, 5xx)
change nothing and suggest nothing. A suggestion never leads to another message, so nothing goes round in circles.

Source: VTEX, external seller connector guide, "SKU suggestions"; help center, "Manual SKU cataloging" (30 days).
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import orjson
from sqlalchemy import Connection, Table

from ..clock import Clock
from ..config import Marketplace
from ..errors import HookFailed
from ..hook import Hook, HookBoundary
from ..marketplace.operations import Meaning
from ..marketplace.outcome import Outcome, Verdict
from ..outbox.ledger import OutboxLedger
from ..outbox.message import Draft, Message
from .hooks import SkuIdsLoader, SkuLoader, SuggestionFinisher
from .ledger import SkuLedger
from .promises import SkuAvailability, write_availability
from .schemas import write_suggestion
from .sku import Sku, SkuNotReady, SkuState, problems, require_sku_id

CHANGE, PRICE, INVENTORY = "change_notification", "price_notification", "inventory_notification"
SUGGESTION = "suggestion"
PROMISES = "delivery_promises"
KINDS = frozenset({CHANGE, PRICE, INVENTORY, SUGGESTION})
_SWITCHES = {CHANGE: "catalog", SUGGESTION: "catalog", PRICE: "price", INVENTORY: "inventory", PROMISES: "inventory"}
EXPIRY = timedelta(days=30)
"""How long a suggestion waits for a decision before the marketplace drops it."""
NOT_PENDING = "not pending: the marketplace has decided about this SKU already"

# Numbered 18 and named SuggestionIsNotPending in VTEX's list; how the answer spells either is documented nowhere.
_NOT_PENDING_NAME = "notpending"
_NOT_PENDING_NUMBER = re.compile(r'^"?18"?$|(code|error|number)"?\s*[:=]?\s*"?18\b', re.IGNORECASE)


def hearers(kind: str, marketplaces: Mapping[str, Marketplace]) -> list[str]:
    """Return the names of those marketplaces that are told this kind of thing."""
    return [name for name, found in marketplaces.items() if getattr(found, _SWITCHES[kind])]


def drafts(kind: str, marketplace_names: Iterable[str], sku_ids: Iterable[str]) -> list[Draft]:
    """Return a message about each SKU for each marketplace.

    Args:
        kind: a member of `KINDS`. A `suggestion` is sent whatever is known of the SKU: again after a change, or after
            the marketplace turned it down.

    Raises:
        TypeError: an id is no str; names it.
        ValueError: no such kind, or an id that cannot be sent; names it.
    """
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no message about a SKU; there are {', '.join(sorted(KINDS))}")
    if isinstance(sku_ids, str) or isinstance(marketplace_names, str):
        raise TypeError("marketplaces and SKUs come as lists: a str is a list of its letters")
    ids = [require_sku_id(sku_id) for sku_id in sku_ids]
    return [_draft(kind, name, sku_id) for name in marketplace_names for sku_id in ids]


def promise_drafts(marketplace_names: Iterable[str], items: Iterable[SkuAvailability]) -> list[Draft]:
    """Return a message about each item for each marketplace; unlike a notice it has content, and none is merged.

    Raises:
        TypeError: an item is no `SkuAvailability`.
    """
    items = list(items)
    for item in items:
        if not isinstance(item, SkuAvailability):
            raise TypeError(f"expected SkuAvailability, got {type(item).__name__}")
    return [
        Draft(
            marketplace=name,
            operation=PROMISES,
            lane=f"sku:{item.sku_id}",
            arguments={"sku_id": item.sku_id},
            body=write_availability(item),
        )
        for name in marketplace_names
        for item in items
    ]


def _draft(kind: str, marketplace: str, sku_id: str) -> Draft:
    return Draft(
        marketplace=marketplace,
        operation=kind,
        lane=f"sku:{sku_id}",
        arguments={"sku_id": sku_id},
        merges=True,
    )


class ChangeNotificationHandler:
    """Learns from the answer to a change notification whether the marketplace has the SKU; suggests it if not.

    Args:
        sku_table: the copy of `catalog.ledger.TABLE` on the shop's metadata.
        outbox_table: likewise of `outbox.ledger.TABLE`.
    """

    def __init__(self, *, sku_table: Table, outbox_table: Table, clock: Clock) -> None:
        self._sku_table = sku_table
        self._outbox_table = outbox_table
        self._clock = clock

    def body(self, message: Message, /) -> None:
        """Return nothing: the notice has no body."""

    def discarded(self, connection: Connection, message: Message, /) -> None:
        """Take back nothing: a notice changes nothing until it is answered."""

    def settled(self, connection: Connection, message: Message, outcome: Outcome, /) -> None:
        """Write what the marketplace said; write the suggestion of an unknown SKU in the same transaction."""
        if outcome.verdict is not Verdict.DELIVERED:
            return
        ledger, now, sku_id = SkuLedger(connection, self._sku_table), self._clock.now(), message.arguments["sku_id"]
        if outcome.meaning is not Meaning.UNKNOWN_SKU:
            ledger.mark(message.marketplace, sku_id, SkuState.KNOWN, now=now)
            return
        to_suggest = ledger.mark(
            message.marketplace,
            sku_id,
            SkuState.UNKNOWN,
            now=now,
            reason=outcome.reason,
            unless={SkuState.SUGGESTED},
            suggested_before=now - EXPIRY,
        )
        if to_suggest:
            OutboxLedger(connection, self._outbox_table).append(
                [_draft(SUGGESTION, message.marketplace, sku_id)], now=now
            )


class SuggestionHandler:
    """Makes a suggestion's body from what the shop says at that moment, and keeps what the marketplace said to it.

    Args:
        sku_loader: the shop's function.
        finisher: the shop's function that has the last word, if there is one.
        sku_table: the copy of `catalog.ledger.TABLE` on the shop's metadata.
        marketplaces: the configured ones by name.
        context: what the shop's function needs around it, such as an application context; entered anew for each call.
    """

    def __init__(
        self,
        *,
        sku_loader: Hook[SkuLoader],
        finisher: Hook[SuggestionFinisher],
        sku_table: Table,
        marketplaces: Mapping[str, Marketplace],
        clock: Clock,
        context: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._sku_loader = sku_loader
        self._finisher = finisher
        self._sku_table = sku_table
        self._marketplaces = marketplaces
        self._clock = clock
        self._context = context

    def body(self, message: Message, /) -> dict[str, Any]:
        """Ask the shop for the SKU and return the suggestion.

        Raises:
            HookMissing: the shop registered no sku_loader.
            HookFailed: a function of the shop's raised, or the finisher returned what is no JSON object.
            SkuNotReady: the shop does not know the SKU, or the marketplace would refuse it.
        """
        seller_id = self._marketplaces[message.marketplace].seller_id
        sku_id = message.arguments["sku_id"]
        load_skus = self._sku_loader.get()
        with self._context():
            with HookBoundary(self._sku_loader.name):
                sku = _one(sku_id, load_skus((sku_id,)))
            if sku is None:
                raise SkuNotReady(sku_id, [f"the shop's {self._sku_loader.name} does not return it"])
            if reasons := problems(sku):
                raise SkuNotReady(sku_id, reasons)
            return self._finished(sku, write_suggestion(sku, seller_id=seller_id), message.marketplace)

    def _finished(self, sku: Sku, suggestion: dict[str, Any], marketplace: str) -> dict[str, Any]:
        finish = self._finisher.find()
        if finish is None:
            return suggestion
        with HookBoundary(self._finisher.name):
            finished = finish(sku, suggestion, marketplace)
        if not isinstance(finished, dict) or not finished:
            raise HookFailed(self._finisher.name, "must return a dict with the suggestion")
        try:
            orjson.dumps(finished)
        except orjson.JSONEncodeError:
            raise HookFailed(self._finisher.name, "returned what JSON cannot hold") from None
        return finished

    def discarded(self, connection: Connection, message: Message, /) -> None:
        """Take back nothing: the SKU is as unknown as before."""

    def settled(self, connection: Connection, message: Message, outcome: Outcome, /) -> None:
        """Write what the marketplace said; a refusal's reason is kept beside the SKU's state."""
        ledger, now, sku_id = SkuLedger(connection, self._sku_table), self._clock.now(), message.arguments["sku_id"]
        delivered, reason = outcome.verdict is Verdict.DELIVERED, outcome.reason
        if delivered and outcome.meaning is Meaning.EXISTS:
            ledger.mark(message.marketplace, sku_id, SkuState.KNOWN, now=now, reason=reason)
        elif delivered:
            ledger.mark(message.marketplace, sku_id, SkuState.SUGGESTED, now=now, unless={SkuState.KNOWN})
        else:
            if _is_not_pending(outcome):
                # A decision stands there. As SUGGESTED the SKU is looked at again, and is not suggested in vain.
                reason, decided = NOT_PENDING, {SkuState.SUGGESTED, SkuState.KNOWN}
                ledger.mark(message.marketplace, sku_id, SkuState.SUGGESTED, now=now, unless=decided)
            ledger.note(message.marketplace, sku_id, now=now, reason=reason)


def _one(sku_id: str, skus: Iterable[object]) -> Sku | None:
    found = None
    for sku in skus:
        if not isinstance(sku, Sku):
            raise TypeError(f"expected Sku, got {type(sku).__name__}")
        if sku.sku_id == sku_id:
            found = sku
    return found


def _is_not_pending(outcome: Outcome) -> bool:
    letters = "".join(filter(str.isalpha, outcome.excerpt.lower()))
    numbered = _NOT_PENDING_NUMBER.search(outcome.excerpt.strip())
    return outcome.verdict is Verdict.REFUSED and (_NOT_PENDING_NAME in letters or numbered is not None)


def sku_ids_on_sale(sku_ids_loader: Hook[SkuIdsLoader]) -> list[str]:
    """Ask the shop for all its SKUs, and read the answer to its end: a commit may cut off a query that is still open.

    Raises:
        HookMissing: the shop registered no such function.
        HookFailed: the shop's function raised.
    """
    load_ids = sku_ids_loader.get()
    with HookBoundary(sku_ids_loader.name):
        return list(load_ids())


def first_load(
    sku_ids: Iterable[str],
    append: Callable[[list[Draft]], None],
    *,
    marketplace_names: Collection[str],
    batch: int = 500,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write a change notification of every SKU for every marketplace; return how many SKUs that were.

    An id that cannot be sent ends the load, with the batches before it written; to begin again from the start does no
    harm.

    Args:
        append: writes the messages of one batch, and commits.
        batch: SKUs at a time; a SKU named twice in one of them counts once.
        progress: told after each batch how many SKUs are done.

    Raises:
        TypeError: an id is no str; names it.
        ValueError: an id cannot be sent; names it.
    """
    if isinstance(sku_ids, str):
        raise TypeError("SKUs come as a list: a str is a list of its letters")
    if batch < 1:
        raise ValueError(f"batch must be at least 1, got {batch}")
    remaining, done = iter(sku_ids), 0
    while some := list(islice(remaining, batch)):
        unique = list(dict.fromkeys(map(require_sku_id, some)))
        append(drafts(CHANGE, marketplace_names, unique))
        done += len(unique)
        if progress is not None:
            progress(done)
    return done


def due_for_another_look(
    ledger: SkuLedger, *, marketplaces: Collection[str], interval: timedelta, limit: int, now: datetime
) -> list[Draft]:
    """Return change notifications of SKUs that wait for a decision: once a SKU is approved, the answer is 2xx.

    To be appended in the same transaction: a SKU that is returned here comes back after another `interval` only.

    Args:
        marketplaces: names; those that are paused may be left out.
        interval: VTEX wants no more than one look in 15 to 30 minutes.
        limit: SKUs at most, those that waited longest first.
    """
    taken = ledger.look_again(marketplaces=marketplaces, before=now - interval, now=now, limit=limit)
    return [_draft(CHANGE, marketplace, sku_id) for marketplace, sku_id in taken]
