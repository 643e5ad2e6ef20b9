"""How long is looked for the SKUs that make the shop's functions fail."""

from collections.abc import Callable

from ..errors import VtexSellerError

MOST_SECONDS = 5.0


class Patience:
    """Is over when calls that failed have taken `MOST_SECONDS` together.

    To find by halving who is to blame takes 2n calls where all are. Those that fail at once cost nothing; a service
    that is down has each of them wait for its time-out, and messages outlive their leases meanwhile.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._spent = 0.0
        self._begun = 0.0
        self.error = VtexSellerError()
        """What the last one failed with."""

    @property
    def is_over(self) -> bool:
        """Tell whether nobody shall be asked any more."""
        return self._spent >= MOST_SECONDS

    def begin(self) -> None:
        """Note that a call begins."""
        self._begun = self._monotonic()

    def failed(self, error: VtexSellerError) -> None:
        """Note that it failed."""
        self._spent += self._monotonic() - self._begun
        self.error = error
