"""How answering simulations goes in this process, for a monitor."""

from typing import NamedTuple

from ..clock import Clock
from ..outbox.health import Level
from .figures import Counts, Figures
from .threads import DaemonPool

RECENT_SECONDS = 120.0
"""How long a simulation that was late, or found no thread, is spoken of: monitors ask every minute or so."""


class SimulationHealth(NamedTuple):
    """How simulations go, at a moment."""

    counts: Counts
    threads: int | None
    """How many simulations are asked about at a time; None without a time budget."""
    hanging: tuple[str, ...] = ()
    """The functions that nobody waits for any more and that still hold a thread, one entry a thread."""
    problems: tuple[str, ...] = ()
    level: Level = Level.OK


def look(figures: Figures, pool: DaemonPool | None, clock: Clock) -> SimulationHealth:
    """Return how simulations go in this process.

    Args:
        pool: where the shop's functions run; None when that is in the requests themselves.
    """
    counts, now = figures.counts(), clock.monotonic()
    if pool is None:
        return SimulationHealth(counts=counts, threads=None)
    hanging = pool.hanging
    names = ", ".join(sorted(set(hanging)))
    failures, warnings = [], []
    if len(hanging) >= pool.size:
        failures.append(f"simulations: every one of {pool.size} threads hangs in {names}")
    elif _is_recent(counts.saturated_at, now):
        failures.append(f"simulations: {counts.saturated} found no thread free")
    if _is_recent(counts.late_at, now):
        warnings.append(f"simulations: {counts.late} were late")
    return SimulationHealth(
        counts=counts,
        threads=pool.size,
        hanging=hanging,
        problems=(*failures, *warnings),
        level=Level.FAIL if failures else Level.WARN if warnings else Level.OK,
    )


def _is_recent(moment: float | None, now: float) -> bool:
    return moment is not None and now - moment < RECENT_SECONDS
