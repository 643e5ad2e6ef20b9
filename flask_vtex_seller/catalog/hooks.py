"""What a shop tells marketplaces about its SKUs: the signatures of its functions."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from .sku import Sku


class SkuLoader(Protocol):
    """Loads the catalog data of SKUs that a marketplace does not have yet."""

    def __call__(self, sku_ids: Sequence[str], /) -> Iterable[Sku]:
        """Return what the shop knows of each SKU, in any order; a SKU that it does not know is left out.

        Called when a suggestion is about to be sent, outside of any request.

        Args:
            sku_ids: each SKU once.
        """


class SuggestionFinisher(Protocol):
    """Has the last word about a suggestion, for a marketplace that wants it otherwise."""

    def __call__(self, sku: Sku, suggestion: dict[str, Any], marketplace: str, /) -> dict[str, Any]:
        """Return what is sent: `suggestion`, changed in place or not, or another dict.

        Called outside of any request, right after the `sku_loader`. Nothing of the answer is checked but that it is a
        JSON object: the marketplace's own check follows.

        Args:
            suggestion: as it would be sent, in the protocol's names.
            marketplace: the configured name.
        """


class BrandMapper(Protocol):
    """Says how a marketplace spells a brand."""

    def __call__(self, brand: str, marketplace: str, /) -> str:
        """Return the brand as the marketplace has it; `brand` itself where it is the same.

        Called outside of any request, once for each suggestion, right after the `sku_loader`.

        Args:
            brand: as `Sku.brand` has it.
            marketplace: the configured name.
        """


class CategoryMapper(Protocol):
    """Says which category of a marketplace is meant by one of the shop's."""

    def __call__(self, category: str, marketplace: str, /) -> str:
        """Return the path in the marketplace's tree, such as `Coffee/Ground`; as `BrandMapper`.

        Args:
            category: as `Sku.category` has it.
            marketplace: the configured name.
        """


class SkuIdsLoader(Protocol):
    """Names every SKU on sale, for the first load."""

    def __call__(self, /) -> Iterable[str]:
        """Return the ids of all SKUs that the marketplaces should sell, in any order."""
