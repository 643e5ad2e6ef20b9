"""How simulations go, as a command and as a route for a monitor."""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from flask_vtex_seller import SimulationRequest, Sla
from flask_vtex_seller.simulation.figures import Figures
from flask_vtex_seller.simulation.health import RECENT_SECONDS

from ..cli.conftest import served
from ..shops import Shop, StoppedClock
from .test_deadline import ADDRESS, LONG, SHORT, wait_for_threads

TOKEN = "monitor-secret"


@dataclass
class Watched:
    """A shop with a monitor, and the event that its delivery options wait for."""

    shop: Shop
    clock: StoppedClock
    event: threading.Event

    def simulate(self, times: int = 1) -> None:
        for _ in range(times):
            assert self.shop.simulate(("apple", 1), **ADDRESS).status_code == 200

    def ask(self) -> tuple[int, dict[str, Any]]:
        with self.shop.app.test_client() as client:
            answer = client.get(f"/api/vtex/-/health?token={TOKEN}")
        return answer.status_code, answer.get_json()

    def status(self, *options: str) -> tuple[int, str]:
        result = self.shop.app.test_cli_runner().invoke(args=["vtex-seller", "status", *options])
        return result.exit_code, result.output


@pytest.fixture
def watched(new_shop: Callable[..., Shop]) -> Iterator[Callable[..., Watched]]:
    made: list[Watched] = []

    def make(**config: Any) -> Watched:
        clock, event = StoppedClock(), threading.Event()
        shop = new_shop(clock=clock, VTEX_SELLER_HEALTH_TOKEN=TOKEN, **config)
        made.append(Watched(shop, clock, event))

        def slas(_: SimulationRequest) -> Iterable[Sla]:
            assert event.wait(LONG)
            return []

        shop.slas = slas
        return made[-1]

    yield make
    for found in made:
        found.event.set()
        if found.shop.app.config.get("VTEX_SELLER_SIMULATION_SECONDS"):
            wait_for_threads(found.shop)


def test_answers_and_the_time_of_the_hooks_are_counted_with_and_without_a_budget(
    watched: Callable[..., Watched],
) -> None:
    for config in ({}, {"VTEX_SELLER_SIMULATION_SECONDS": LONG}):
        found = watched(**config)
        found.event.set()
        found.simulate(3)
        code, said = found.ask()
        assert (code, said["status"], said["simulations"]["answered"]) == (200, "ok", 3)
        assert 0 < said["simulations"]["slowestHookSeconds"] + said["simulations"]["hookSeconds"] < LONG
        assert said["simulations"]["threads"] == (16 if config else None)
        assert "3 answered, 0 late" in found.status()[1]


def test_the_slowest_answer_is_the_slowest_whenever_it_came() -> None:
    figures = Figures(StoppedClock())
    for seconds in (0.5, 2.0, 1.0):
        figures.add_answer(seconds)
    counts = figures.counts()
    assert (counts.answered, counts.hook_seconds, counts.slowest_seconds) == (3, 3.5, 2.0)


def test_a_late_answer_is_a_warning_for_a_while(watched: Callable[..., Watched]) -> None:
    found = watched(VTEX_SELLER_SIMULATION_SECONDS=SHORT)
    found.simulate()
    code, said = found.ask()
    assert (code, said["status"], said["problems"]) == (200, "warn", ["simulations: 1 were late"])
    assert said["simulations"]["hanging"] == ["sla_loader"]
    code, output = found.status()
    assert code == 0
    assert "1 late, 0 without a thread, 0 from memory" in output
    assert "1 of 16 threads hang" in output
    found.clock.advance(RECENT_SECONDS)
    assert found.ask()[1]["status"] == "ok"


def test_a_saturated_pool_is_a_failure_until_its_threads_return(watched: Callable[..., Watched]) -> None:
    found = watched(VTEX_SELLER_SIMULATION_SECONDS=SHORT, VTEX_SELLER_SIMULATION_THREADS=2)
    found.simulate(5)
    code, said = found.ask()
    problem = "simulations: every one of 2 threads hangs in sla_loader"
    assert (code, said["status"], said["problems"][0]) == (503, "fail", problem)
    assert (said["simulations"]["late"], said["simulations"]["saturated"]) == (2, 3)
    code, output = found.status()
    assert code == 1
    assert f"✗ {problem}" in output
    found.clock.advance(RECENT_SECONDS)
    assert found.ask()[0] == 503  # they still hang
    found.event.set()
    wait_for_threads(found.shop)
    assert found.ask()[0] == 200


def test_a_jam_that_is_over_is_told_to_the_next_monitor(watched: Callable[..., Watched]) -> None:
    found = watched(VTEX_SELLER_SIMULATION_SECONDS=SHORT, VTEX_SELLER_SIMULATION_THREADS=1)
    found.simulate(2)
    found.event.set()
    wait_for_threads(found.shop)
    assert found.ask()[1]["problems"][0] == "simulations: 1 found no thread free"
    assert found.ask()[0] == 503
    found.clock.advance(RECENT_SECONDS)
    assert found.ask()[0] == 200


def test_the_command_asks_the_shop_that_runs(watched: Callable[..., Watched]) -> None:
    """What is counted in a process is known there only."""
    found, elsewhere = watched(VTEX_SELLER_SIMULATION_SECONDS=SHORT, VTEX_SELLER_SIMULATION_THREADS=1), watched()
    found.simulate(2)
    with served(found.shop.app) as url:
        for address in ("", "/api/vtex"):
            code, output = elsewhere.status("--url", f"{url}{address}")
            assert code == 1
            assert "✗ simulations: every one of 1 threads hangs in sla_loader" in output
        code, output = elsewhere.status("--url", f"{url}/shop")
        assert (code, "has no health route for this token: 404" in output) == (1, True)
    code, output = elsewhere.status("--url", url)
    assert (code, "gives no answer" in output) == (1, True)
    assert TOKEN not in output


def test_asking_a_shop_that_runs_takes_a_token(new_shop: Callable[..., Shop]) -> None:
    runner = new_shop().app.test_cli_runner()
    result = runner.invoke(args=["vtex-seller", "status", "--url", "https://shop.example"])
    assert (result.exit_code, "VTEX_SELLER_HEALTH_TOKEN" in result.output) == (1, True)
