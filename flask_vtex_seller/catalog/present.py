"""What the shop says of its SKUs at this moment: its functions are asked for many at once, and none spoils the rest."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields
from decimal import Decimal
from hashlib import blake2b
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

import orjson

from ..config import Marketplace
from ..errors import HookMissing, VtexSellerError
from ..hook import Hook, HookBoundary, WrongAnswer, iterable
from ..offers import Offer, SimulationItem, SimulationRequest
from .hooks import SkuLoader
from .patience import Patience
from .sku import Sku

T = TypeVar("T")
LoadOffers = Callable[[Sequence[str], SimulationRequest], Iterable[Offer]]
OFFER_LOADER = "offer_loader"
NO_CATALOG = ""
"""The digest of a SKU whose catalog data the shop does not say."""
_FOR_REVIEWERS = frozenset({"price", "stock"})
_CATALOG_DATA = attrgetter(*(found.name for found in fields(Sku) if found.name not in {"sku_id", *_FOR_REVIEWERS}))


class NotRead(NamedTuple):
    """The shop did not say it, or not clearly."""

    reason: str


class Offered(NamedTuple):
    """What a marketplace gets to know of a SKU by a simulation without an address."""

    price: int | None
    """Cents; None when the shop makes no offer."""
    list_price: int | None
    stock: int


NOTHING = Offered(None, None, 0)
"""What a SKU without an offer is sold for."""


class Present:
    """Asks the shop's functions what holds now, without writing anything; used in any thread.

    A function that fails for many SKUs is asked about half of them at a time, until the ones at fault are found, or
    `Patience` is over: then it failed for all the others, too. Each call has a context of its own, so that what one
    breaks (a session, say) is gone when the next begins.

    Args:
        offer_loader: returns the shop's function; looked up for each call, and raises HookMissing.
        sku_loader: the shop's function, if it has one.
        marketplaces: the configured ones by name.
        context: what the shop's functions need around them, such as an application context.
        monotonic: the time, in seconds.
    """

    def __init__(
        self,
        *,
        offer_loader: Callable[[], LoadOffers],
        sku_loader: Hook[SkuLoader],
        marketplaces: Mapping[str, Marketplace],
        context: Callable[[], AbstractContextManager[object]] = nullcontext,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._offer_loader = offer_loader
        self._sku_loader = sku_loader
        self._marketplaces = marketplaces
        self._context = context
        self._monotonic = monotonic

    def offers(
        self, marketplace: str, sku_ids: Sequence[str], *, strays: set[str] | None = None
    ) -> dict[str, Offered | NotRead]:
        """Return price and stock of each SKU, as this marketplace would be answered.

        Args:
            strays: the SKUs that the shop names without having been asked are added here.

        Raises:
            HookMissing: there is no such function.
            DBAPIError: a passing trouble of the shop's database.
        """
        asker, load = self._marketplaces[marketplace], self._offer_loader()

        def ask(some: Sequence[str]) -> dict[str, Offered | NotRead]:
            lines = tuple([SimulationItem(sku_id=sku_id, quantity=1) for sku_id in some])
            request = SimulationRequest(marketplace=marketplace, items=lines, sales_channel=asker.sales_channel)
            found = self._read(OFFER_LOADER, Offer, lambda: load(some, request), some, strays)
            return {sku_id: _offered(found.get(sku_id), asker.max_stock) for sku_id in some}

        return _in_halves(ask, tuple(sku_ids), Patience(self._monotonic))

    def catalog(self, sku_ids: Sequence[str], *, strays: set[str] | None = None) -> dict[str, str | NotRead]:
        """Return a digest of each SKU's catalog data; `NO_CATALOG` where the shop says none. As `offers`."""
        load_skus = self._sku_loader.find()
        if load_skus is None:
            return dict.fromkeys(sku_ids, NO_CATALOG)

        def ask(some: Sequence[str]) -> dict[str, str | NotRead]:
            found = self._read(self._sku_loader.name, Sku, lambda: load_skus(some), some, strays)
            return {sku_id: _digested(found.get(sku_id)) for sku_id in some}

        return _in_halves(ask, tuple(sku_ids), Patience(self._monotonic))

    def _read(
        self, name: str, kind: type[T], load: Callable[[], Iterable[T]], asked: Sequence[str], strays: set[str] | None
    ) -> dict[str, T | NotRead]:
        wanted, found = frozenset(asked), dict[str, T | NotRead]()
        with self._context(), HookBoundary(name):
            for one in iterable(load(), kind):
                if not isinstance(one, kind):
                    raise WrongAnswer(kind, type(one).__name__)
                sku_id: str = one.sku_id  # type: ignore[attr-defined]
                if sku_id not in wanted:
                    if strays is not None:
                        strays.add(sku_id)
                elif sku_id in found:
                    found[sku_id] = NotRead(f"the shop's {name} returned it twice")
                else:
                    found[sku_id] = one
        return found


def digest(sku: Sku) -> str:
    """Return a digest of the data that a marketplace's catalog is made from; price and stock are no part of it.

    Raises:
        TypeError: the data cannot be JSON.
    """
    data = orjson.dumps(_CATALOG_DATA(sku), default=_plain, option=orjson.OPT_SORT_KEYS)
    return blake2b(data, digest_size=16).hexdigest()


def _plain(value: Any) -> object:
    if isinstance(value, Decimal):  # 20 and Decimal("20.0") are one measure
        whole = int(value)
        return whole if whole == value else str(value.normalize())
    if isinstance(value, Mapping):
        return dict(value)
    return list(value)


def _offered(offer: Offer | NotRead | None, max_stock: int | None) -> Offered | NotRead:
    if offer is None:
        return NOTHING
    if isinstance(offer, NotRead):
        return offer
    list_price = offer.price if offer.list_price is None else offer.list_price
    return Offered(offer.price, list_price, offer.stock if max_stock is None else min(offer.stock, max_stock))


def _digested(sku: Sku | NotRead | None) -> str | NotRead:
    if sku is None:
        return NO_CATALOG
    if isinstance(sku, NotRead):
        return sku
    try:
        return digest(sku)
    except (TypeError, ValueError):
        return NotRead("its catalog data holds what cannot be sent, such as half a character")


def _in_halves(
    ask: Callable[[Sequence[str]], dict[str, T | NotRead]], sku_ids: Sequence[str], patience: Patience
) -> dict[str, T | NotRead]:
    if not sku_ids:
        return {}
    if patience.is_over:
        return dict.fromkeys(sku_ids, NotRead(str(patience.error)))
    patience.begin()
    try:
        return ask(sku_ids)
    except HookMissing:
        raise
    except VtexSellerError as error:
        patience.failed(error)
    if len(sku_ids) == 1:
        return {sku_ids[0]: NotRead(str(patience.error))}
    middle = len(sku_ids) // 2
    return {**_in_halves(ask, sku_ids[:middle], patience), **_in_halves(ask, sku_ids[middle:], patience)}
