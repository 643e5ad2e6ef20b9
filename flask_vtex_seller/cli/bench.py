"""How fast the shop answers: carts of several sizes, one after the other, for a few seconds."""

import json
import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice

from ..conformance import Answer, Endpoint, Place
from .door import SIMULATION, Door
from .report import Report
from .shelf import cart_of

SIZES = (1, 10, 100)
"""Lines of a cart."""
SLOW_SECONDS = 1.0
"""Marketplaces wait for 2.5 seconds, and a shop under load is slower than one that is asked by one caller."""
_WARM_UP = 3
_HEADERS = {"accept": "application/json", "content-type": "application/json", "prefer": "server-timing"}
_HOOKS = re.compile(r"\bhooks;dur=([0-9]+(?:\.[0-9]+)?)")


@dataclass(slots=True)
class _Series:
    """What calls with carts of one size showed."""

    seconds: list[float] = field(default_factory=list)
    hook_seconds: float | None = 0.0
    """None where an answer does not tell: a proxy may drop its header, or the one that asks for it."""
    empty: int = 0
    """Answers with nothing available."""

    def add(self, answer: Answer, seconds: float) -> None:
        self.seconds.append(seconds)
        told = _HOOKS.search(answer.headers.get("server-timing", ""))
        known = self.hook_seconds is not None and told is not None
        self.hook_seconds = self.hook_seconds + float(told[1]) / 1000 if known else None  # type: ignore[operator,index]
        self.empty += _is_empty(answer.body)

    def percentile(self, share: float) -> float:
        """Return the seconds within which that share of the calls was answered."""
        return sorted(self.seconds)[max(0, math.ceil(share * len(self.seconds)) - 1)]

    def __str__(self) -> str:
        times = "   ".join(f"p{int(100 * share)} {1000 * self.percentile(share):.1f} ms" for share in (0.5, 0.95, 0.99))
        hooks = "-" if self.hook_seconds is None else f"{self.hook_seconds / sum(self.seconds):.0%}"
        return f"{times}   hooks {hooks}   {len(self.seconds)} calls"


def measure(
    door: Door, sku_ids: Sequence[str], place: Place, report: Report, *, seconds: float, max_items: int
) -> None:
    """Print how long answers take; complain where one of a hundred takes longer than a second.

    Args:
        sku_ids: in stock; they are repeated to fill a cart.
        seconds: for each size.

    Raises:
        Unreachable: nobody answers.
    """
    for size in (size for size in SIZES if size <= max_items):
        carts = f"{door.name}: carts of {size} item{'s' * (size > 1)}"
        body = cart_of([*islice(cycle(sku_ids), size)], place, door.marketplace.seller_id)
        series = _fire(door, body, seconds)
        if isinstance(series, int):
            report.complain(f"{carts} are answered with {series}")
            continue
        report.say(f"{carts:<30}   {series}")
        if series.empty:
            report.complain(f"{carts}: {series.empty} of {len(series.seconds)} answers had nothing available")
        if (slow := series.percentile(0.99)) > SLOW_SECONDS:
            report.complain(f"{carts}: p99 is {slow:.1f} s, and marketplaces drop a shop after 2.5 s")


def _fire(door: Door, body: bytes, seconds: float) -> _Series | int:
    """Return what the calls showed; the status of the first that was not answered as it should be."""
    path, series = Endpoint(door.endpoint).at(SIMULATION), _Series()
    for _ in range(_WARM_UP):
        if (answer := door.target.send("POST", path, body, _HEADERS)).status != 200:
            return answer.status
    until = time.monotonic() + seconds
    while not series.seconds or time.monotonic() < until:
        begun = time.perf_counter()
        answer = door.target.send("POST", path, body, _HEADERS)
        took = time.perf_counter() - begun
        if answer.status != 200:
            return answer.status
        series.add(answer, took)
    return series


def _is_empty(body: bytes) -> bool:
    try:
        return not any(item["quantity"] for item in json.loads(body)["items"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return True
