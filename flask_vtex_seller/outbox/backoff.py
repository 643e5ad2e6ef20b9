"""When a failed message is tried again, and when no more."""

from datetime import datetime, timedelta
from random import Random

BASE = timedelta(seconds=2)
CAP = timedelta(hours=1)
MAX_ATTEMPTS = 15
MAX_AGE = timedelta(days=3)


def next_due(attempts: int, *, since: datetime, now: datetime, wish: timedelta | None, rng: Random) -> datetime | None:
    """Return when to try again after `attempts` failed ones, or None when it is time to give up.

    Full jitter: anywhere between now and an exponentially growing, capped delay, so that what failed together does not
    come back together. A marketplace's own wish is waited for, plus that jitter, but not beyond the last try.

    Args:
        since: when the message was first due.
        wish: the marketplace's Retry-After.
    """
    last = since + MAX_AGE
    if attempts >= MAX_ATTEMPTS or now >= last:
        return None
    ceiling: timedelta = min(CAP, BASE * 2 ** (attempts - 1))
    return now + min(wish or timedelta(0), last - now) + ceiling * rng.random()
