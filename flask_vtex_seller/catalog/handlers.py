"""What follows from a marketplace's answer to a message about a SKU: `life` says what it makes of the SKU's record."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, Table

from ..clock import Clock
from ..errors import VtexSellerError
from ..marketplace.operations import Meaning
from ..marketplace.outcome import Verdict
from ..outbox.handler import Prepared, Settled
from ..outbox.ledger import OutboxLedger
from ..outbox.message import Message
from . import life
from .ledger import Key, SkuLedger
from .notices import CHANGE, INVENTORY, PRESENCE, PRICE, SUGGESTION, key_of, question, sku_draft
from .present import Present
from .sku import SkuState, SuggestionStatus
from .suggestion_status import read_suggestion_reason, read_suggestion_status
from .told import ToldLedger, see

_TELLING = frozenset(
    {SuggestionStatus.PENDING, SuggestionStatus.DENIED, SuggestionStatus.BLOCKED, SuggestionStatus.EXPIRED}
)
"""What leaves no doubt whether the SKU is in the catalog."""


class ChangeNotificationHandler:
    """Learns from the answer to a change notification whether the marketplace has the SKU; suggests it if not.

    Args:
        sku_table: the copy of `catalog.ledger.TABLE` on the shop's metadata.
        outbox_table: likewise of `outbox.ledger.TABLE`.
        present: what the shop says of a SKU, to be kept as what the marketplace was told.
    """

    def __init__(self, *, sku_table: Table, outbox_table: Table, present: Present, clock: Clock) -> None:
        self._present = present
        self._sku_table = sku_table
        self._outbox_table = outbox_table
        self._clock = clock

    def prepare(self, messages: Sequence[Message], /) -> Mapping[int, Prepared | VtexSellerError]:
        """Return nothing to send, for a notice has no body, and what the shop says of the SKUs at this moment."""
        return {id_: Prepared(seen=seen) for id_, seen in see(self._present, messages, catalog=True).items()}

    def discarded(self, connection: Connection, message: Message, /) -> None:
        """Write that it is not known what the marketplace was told: an attempt may have arrived."""
        ToldLedger(connection, self._sku_table).forget(CHANGE, [key_of(message)])

    def settled(self, connection: Connection, ended: Sequence[Settled], /) -> None:
        """Write what the marketplace said; write suggestions of unknown SKUs in the same transaction."""
        ledger, now = SkuLedger(connection, self._sku_table), self._clock.now()
        known, unknown = dict[Key, str](), dict[Key, str]()
        seen = {key_of(one.message): one.seen for one in ended}
        for one in ended:
            if one.outcome.verdict is Verdict.DELIVERED and one.outcome.meaning is Meaning.UNKNOWN_SKU:
                unknown[key_of(one.message)] = one.outcome.reason
            elif one.outcome.verdict is Verdict.DELIVERED:
                known[key_of(one.message)] = one.seen.trouble if one.seen else ""
        ledger.mark(known, SkuState.KNOWN, now=now)
        to_suggest = life.unknown(ledger, unknown, now=now)
        told = ToldLedger(connection, self._sku_table)
        told.write(CHANGE, {key: seen[key] for key in known}, now=now)
        told.write(CHANGE, {key: seen[key] for key in unknown}, now=now, accepted=False)
        told.forget(CHANGE, _perhaps_arrived(ended))
        suggestions = [sku_draft(SUGGESTION, *key) for key in sorted(to_suggest)]
        OutboxLedger(connection, self._outbox_table).append(suggestions, now=now)


class PriceAndStockHandler:
    """Keeps what a notice of a price or a stock told.

    Args:
        sku_table, present: as of `ChangeNotificationHandler`.
    """

    def __init__(self, *, sku_table: Table, present: Present, clock: Clock) -> None:
        self._sku_table = sku_table
        self._present = present
        self._clock = clock

    def prepare(self, messages: Sequence[Message], /) -> Mapping[int, Prepared | VtexSellerError]:
        """Return nothing to send, and what the shop says of the SKUs at this moment."""
        return {id_: Prepared(seen=seen) for id_, seen in see(self._present, messages, catalog=False).items()}

    def discarded(self, connection: Connection, message: Message, /) -> None:
        """Write that it is not known what the marketplace was told: an attempt may have arrived."""
        ToldLedger(connection, self._sku_table).forget(message.operation, [key_of(message)])

    def settled(self, connection: Connection, ended: Sequence[Settled], /) -> None:
        """Write what was told; what the shop could not say is kept as the SKU's reason."""
        told, now = ToldLedger(connection, self._sku_table), self._clock.now()
        arrived = [one for one in ended if one.outcome.verdict is Verdict.DELIVERED]
        for kind in (PRICE, INVENTORY):
            seen = {key_of(one.message): one.seen for one in arrived if one.message.operation == kind}
            told.write(kind, seen, now=now)
            told.forget(kind, _perhaps_arrived(one for one in ended if one.message.operation == kind))
        reasons = {key_of(one.message): one.seen.trouble for one in arrived if one.seen and one.seen.trouble}
        SkuLedger(connection, self._sku_table).note(reasons, now=now)


class QuestionHandler:
    """Learns what became of a suggestion, and whether the SKU is in the marketplace's catalog by now.

    Args:
        sku_table, outbox_table, present: as of `ChangeNotificationHandler`.
    """

    def __init__(self, *, sku_table: Table, outbox_table: Table, present: Present, clock: Clock) -> None:
        self._present = present
        self._sku_table = sku_table
        self._outbox_table = outbox_table
        self._clock = clock

    def prepare(self, messages: Sequence[Message], /) -> Mapping[int, Prepared | VtexSellerError]:
        """Return nothing to send, and what the shop says of the SKUs whose presence is asked for."""
        seen = see(self._present, [one for one in messages if one.operation == PRESENCE], catalog=True)
        return {message.id: Prepared(seen=seen.get(message.id)) for message in messages}

    def discarded(self, connection: Connection, message: Message, /) -> None:
        """Take back nothing: a question changes nothing until it is answered."""

    def settled(self, connection: Connection, ended: Sequence[Settled], /) -> None:
        """Write what the marketplace said; where that leaves open whether it has the SKU, ask for its presence next."""
        ledger, now = SkuLedger(connection, self._sku_table), self._clock.now()
        known, gone, reasons = (dict[Key, str]() for _ in range(3))
        statuses, seen = dict[Key, SuggestionStatus](), {key_of(one.message): one.seen for one in ended}
        for one in ended:
            key, delivered = key_of(one.message), one.outcome.verdict is Verdict.DELIVERED
            if one.message.operation == PRESENCE:
                if delivered and one.outcome.meaning is not Meaning.UNKNOWN_SKU:
                    known[key] = one.seen.trouble if one.seen else ""
            elif delivered and one.outcome.meaning is Meaning.NOT_SUGGESTED:
                gone[key] = one.outcome.reason
            else:
                statuses[key] = read_suggestion_status(one.outcome.answer)
                reasons[key] = read_suggestion_reason(one.outcome.answer)
        ledger.mark(known, SkuState.KNOWN, now=now)
        ToldLedger(connection, self._sku_table).write(CHANGE, {key: seen[key] for key in known}, now=now)
        life.gone(ledger, gone, now=now)
        life.read_back(ledger, statuses, reasons, now=now)
        open_ = {*gone, *(key for key, status in statuses.items() if status not in _TELLING)}
        OutboxLedger(connection, self._outbox_table).append(
            [question(PRESENCE, *key) for key in sorted(open_)], now=now
        )


def _perhaps_arrived(ended: Iterable[Settled]) -> set[Key]:
    """Return the SKUs whose notices came to no good end, but for those that a first answer refused."""
    return {
        key_of(one.message)
        for one in ended
        if one.outcome.verdict is Verdict.RETRY
        or (one.outcome.verdict is Verdict.REFUSED and (one.message.attempts > 1 or one.message.tries))
    }
