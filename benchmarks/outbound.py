"""What the benchmarks of outbound calls compare with, and measure by."""

import random
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

THREADS = 32
HEADERS = {"X-VTEX-API-AppKey": "key", "X-VTEX-API-AppToken": "token"}


def bare(urls: Iterable[str], body: Any = None) -> float:
    """Return the seconds that `THREADS` threads take which post to the addresses, and do nothing else."""
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", HTTPAdapter(pool_maxsize=THREADS))
    left, lock = iter(urls), threading.Lock()

    def work() -> None:
        while True:
            with lock:
                url = next(left, None)
            if url is None:
                return
            session.post(url, json=body, headers=HEADERS, timeout=15).json()

    def together() -> None:
        threads = [threading.Thread(target=work) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return seconds(together)


def share(calls: int, rounds: int, ways: Mapping[str, Callable[[], float]], title: str) -> float:
    """Return the median of how much of the first way's calls a second the second way makes, pair by pair.

    Args:
        ways: two by name; each makes the calls and returns the seconds that they took.
    """
    one, other = ways
    shares = []
    for number in range(rounds):
        rates = {name: calls / ways[name]() for name in random.sample([one, other], 2)}
        shares.append(rates[other] / rates[one])
        words = f"{one} {rates[one]:5.0f}/s, {other} {rates[other]:5.0f}/s, share {shares[-1]:.2f}"
        print(f"  {title}, round {number + 1}: {words}", flush=True)
    return statistics.median(shares)


def seconds(work: Callable[[], object]) -> float:
    """Return how long it takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def growth(work: Callable[[], object]) -> float:
    """Return by how many megabytes this process's memory is larger at most, while and after it works."""
    before, most, stop = _megabytes(), [0.0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.1):
            most[0] = max(most[0], _megabytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        stop.set()
        watcher.join()
    return max(most[0], _megabytes()) - before


def _megabytes() -> float:
    resident = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(resident) * 4096 / 1e6
