"""Asking the shop for SKUs in a way that a bad one does not stop the others."""

import time
from collections.abc import Callable, Iterable, Sequence

from ..errors import VtexSellerError
from ..hook import Hook, WrongAnswer, iterable
from .hooks import SkuLoader
from .patience import Patience
from .schemas import write_suggestion
from .sku import Sku, SkuNotReady

Loaded = dict[str, Sku | VtexSellerError]
"""By id: what the shop says of a SKU, or why it says nothing that can be used."""


def load_skus(
    sku_loader: Hook[SkuLoader], sku_ids: Sequence[str], *, monotonic: Callable[[], float] = time.monotonic
) -> Loaded:
    """Return an entry for each SKU; what the shop returns beyond those is left out.

    What the shop's function yields before it fails counts. It is asked again about one half of the others and then the
    other, until those that it fails for are found, 1 + 2 · log₂ n calls for one bad SKU of n, or `Patience` is over.

    Args:
        monotonic: the time, in seconds.
    """
    try:
        sku_loader.get()
    except VtexSellerError as error:
        return dict.fromkeys(sku_ids, error)
    return _load(sku_loader, list(dict.fromkeys(sku_ids)), Patience(monotonic))


def _load(sku_loader: Hook[SkuLoader], sku_ids: Sequence[str], patience: Patience) -> Loaded:
    if patience.is_over:
        return dict.fromkeys(sku_ids, patience.error)
    found = Loaded()
    patience.begin()
    try:
        with sku_loader.boundary:
            _collect(sku_loader, sku_ids, found)
    except VtexSellerError as error:
        patience.failed(error)
        rest = [sku_id for sku_id in sku_ids if sku_id not in found]
        middle = len(rest) // 2
        if not middle:
            return found | dict.fromkeys(rest, error)
        return found | _load(sku_loader, rest[:middle], patience) | _load(sku_loader, rest[middle:], patience)
    reason = f"the shop's {sku_loader.name} does not return it"
    return {sku_id: SkuNotReady(sku_id, [reason]) for sku_id in sku_ids} | found


def _collect(sku_loader: Hook[SkuLoader], sku_ids: Sequence[str], found: Loaded) -> None:
    """Read the shop's answer to its end, or to where it breaks.

    Raises:
        WrongAnswer: it holds something that is no `Sku`; found out only at the end, for the others count.
    """
    wanted, strange = frozenset(sku_ids), set[str]()
    answer: Iterable[object] = sku_loader.get()(tuple(sku_ids))
    for sku in iterable(answer, Sku):
        if not isinstance(sku, Sku):
            strange.add(type(sku).__name__)
        elif sku.sku_id in wanted:
            found[sku.sku_id] = _one_of(found.get(sku.sku_id), sku, sku_loader.name)
    if strange:
        raise WrongAnswer(Sku, *sorted(strange))


def _one_of(before: Sku | VtexSellerError | None, sku: Sku, hook: str) -> Sku | VtexSellerError:
    """Return a SKU that was met; which of two that contradict each other is right, nobody can tell."""
    if before is None or (isinstance(before, Sku) and _said(before) == _said(sku)):
        return sku
    return SkuNotReady(sku.sku_id, [f"the shop's {hook} returns it twice, with different data"])


def _said(sku: Sku) -> object:
    return write_suggestion(sku, seller_id="")
