"""Help for a shop's own tests."""

from ..conformance import Place, Sku
from .clock import VtexClock
from .failures import failing_placement
from .marketplace import Call, VtexMarketplace
from .suite import SellerConformance

__all__ = ["Call", "Place", "SellerConformance", "Sku", "VtexClock", "VtexMarketplace", "failing_placement"]
