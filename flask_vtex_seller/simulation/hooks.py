"""What a shop answers a simulation with: the signatures of its functions."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from ..offers import Offer, SimulationRequest, Sla


class OfferLoader(Protocol):
    """Loads price and stock of all the cart's SKUs in one call."""

    def __call__(self, sku_ids: Sequence[str], request: SimulationRequest, /) -> Iterable[Offer]:
        """Return an offer for each SKU that the shop knows, in any order; a SKU without one is unavailable.

        Args:
            sku_ids: each SKU of the cart once, in the cart's order.
            request: who asks, and for what.
        """


class SlaLoader(Protocol):
    """Loads the delivery options for an address; never called without one."""

    def __call__(self, request: SimulationRequest, /) -> Iterable[Sla]:
        """Return the options, cheapest or best first as the shop prefers; none if the address is out of reach."""
