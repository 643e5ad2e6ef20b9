"""Help for a shop's own tests."""

from ..conformance import Place, Sku
from .failures import failing_placement
from .suite import SellerConformance

__all__ = ["Place", "SellerConformance", "Sku", "failing_placement"]
