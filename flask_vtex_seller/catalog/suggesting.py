"""Suggesting SKUs: what is sent, and what follows from the answer."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from sqlalchemy import Connection, Table

from ..clock import Clock
from ..config import Marketplace
from ..errors import HookFailed, VtexSellerError
from ..hook import Hook
from ..marketplace.operations import Meaning
from ..marketplace.outcome import Verdict
from ..marketplace.refusals import SuggestionError
from ..outbox.handler import Prepared, Settled
from ..outbox.ledger import OutboxLedger
from ..outbox.message import Message
from . import life
from .hooks import BrandMapper, CategoryMapper, SkuLoader, SuggestionFinisher
from .ledger import Key, SkuLedger
from .loading import load_skus
from .notices import PRESENCE, key_of, question
from .schemas import write_suggestion
from .sku import Sku, SkuNotReady, SkuState, problems
from .spacing import Spacing


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class SuggestionHandler:
    """Makes a suggestion's body from what the shop says at that moment, and keeps what the marketplace said to it.

    Args:
        sku_loader: the shop's function.
        brand_mapper, category_mapper: the shop's functions that say how a marketplace spells them, if there are any.
        finisher: the shop's function that has the last word, if there is one.
        sku_table: the copy of `catalog.ledger.TABLE` on the shop's metadata.
        outbox_table: likewise of `outbox.ledger.TABLE`.
        marketplaces: the configured ones by name.
        context: what the shop's functions need around them, such as an application context; entered anew for each call.
    """

    sku_loader: Hook[SkuLoader]
    brand_mapper: Hook[BrandMapper]
    category_mapper: Hook[CategoryMapper]
    finisher: Hook[SuggestionFinisher]
    sku_table: Table
    outbox_table: Table
    marketplaces: Mapping[str, Marketplace]
    clock: Clock
    context: Callable[[], AbstractContextManager[object]] = nullcontext
    spacing: Spacing = field(default_factory=Spacing)

    def prepare(self, messages: Sequence[Message], /) -> Mapping[int, Prepared | VtexSellerError]:
        """Ask the shop for the SKUs and return their suggestions, those of one product some seconds apart.

        A SKU that the shop does not know, or that the marketplace would refuse, has a `SkuNotReady` in its place; one
        that a function of the shop's fails for, or when there is none, a `HookFailed` or `HookMissing`.
        """
        with self.context():
            skus = load_skus(
                self.sku_loader, [one.arguments["sku_id"] for one in messages], monotonic=self.clock.monotonic
            )
            prepared = dict[int, Prepared | VtexSellerError]()
            waiting = Counter[tuple[str, str]]()
            for message in messages:
                sku = skus[message.arguments["sku_id"]]
                prepared[message.id] = (
                    sku if isinstance(sku, VtexSellerError) else self._prepared(message, sku, waiting)
                )
            return prepared

    def _prepared(self, message: Message, sku: Sku, waiting: Counter[tuple[str, str]]) -> Prepared | VtexSellerError:
        try:
            body = self._suggestion(sku, message.marketplace)
        except VtexSellerError as error:
            return error
        product = message.marketplace, sku.product_id
        due_at = self.spacing.wait_until(*product, now=self.clock.now(), ahead=waiting[product])
        waiting[product] += due_at is not None
        return Prepared(body=body, due_at=due_at)

    def _suggestion(self, sku: Sku, marketplace: str) -> dict[str, Any]:
        """Return what is sent.

        Raises:
            SkuNotReady: the marketplace would refuse it.
            HookFailed: a function of the shop's failed.
        """
        mapped = replace(
            sku,
            brand=_mapped(self.brand_mapper, sku.brand, marketplace),
            category=_mapped(self.category_mapper, sku.category, marketplace),
        )
        if reasons := problems(mapped):
            raise SkuNotReady(sku.sku_id, reasons)
        suggestion = write_suggestion(mapped, seller_id=self.marketplaces[marketplace].seller_id)
        return self._finished(sku, suggestion, marketplace)

    def _finished(self, sku: Sku, suggestion: dict[str, Any], marketplace: str) -> dict[str, Any]:
        finish = self.finisher.find()
        if finish is None:
            return suggestion
        with self.finisher.boundary:
            finished = finish(sku, suggestion, marketplace)
        if not isinstance(finished, dict) or not finished:
            raise HookFailed(self.finisher.name, "must return a dict with the suggestion")
        try:
            orjson.dumps(finished)
        except orjson.JSONEncodeError:
            raise HookFailed(self.finisher.name, "returned what JSON cannot hold") from None
        return finished

    def discarded(self, connection: Connection, message: Message, /) -> None:
        """Take back nothing: the SKU is as unknown as before."""

    def settled(self, connection: Connection, ended: Sequence[Settled], /) -> None:
        """Write what the marketplace said; a refusal's reason is kept beside the SKU's state."""
        ledger, now = SkuLedger(connection, self.sku_table), self.clock.now()
        exists, suggested, decided, refused = (dict[Key, str]() for _ in range(4))
        taken = set[Key]()
        for one in ended:
            key, meaning, reason = key_of(one.message), one.outcome.meaning, one.outcome.reason
            if one.outcome.error is SuggestionError.MARKETPLACE_SKU_TAKEN:
                taken.add(key)
            if one.outcome.verdict is not Verdict.DELIVERED:
                refused[key] = reason
            elif meaning is Meaning.EXISTS:
                exists[key] = reason
            elif meaning is Meaning.NOT_PENDING:
                decided[key] = reason
            else:
                suggested[key] = "" if meaning is Meaning.DONE else reason
        ledger.mark(exists, SkuState.KNOWN, now=now)
        life.suggested(ledger, suggested, now=now)
        life.not_pending(ledger, decided, now=now)
        ledger.note(refused, now=now)
        OutboxLedger(connection, self.outbox_table).append([question(PRESENCE, *key) for key in sorted(taken)], now=now)


def _mapped(mapper: Hook[Any], name: str, marketplace: str) -> str:
    """Return how a marketplace spells a brand or a category.

    Raises:
        HookFailed: the shop's function raised, or returned no text.
    """
    function = mapper.find()
    if function is None:
        return name
    with mapper.boundary:
        spelling = function(name, marketplace)
    if not isinstance(spelling, str) or not spelling.strip():
        raise HookFailed(mapper.name, "must return a str that is not empty")
    return spelling
