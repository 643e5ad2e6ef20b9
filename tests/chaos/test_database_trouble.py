"""A database that restarts, is full, or does not take writes. (R5, R17)"""

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text

from .. import postgres
from ..outbox.box import Box
from ..shops import Shop, order_body
from . import kit
from .conftest import Scale
from .kit import (
    Marketplace,
    Nursery,
    Speaker,
    described,
    doubled,
    overtaken,
    slowly,
    tell,
    wait_until_settled,
)
from .report import Figures
from .troubles import FULL, NONE, READ_ONLY, ask_for_trouble


@pytest.fixture
def restarting(
    postgres_server: postgres.Server, new_shop: Callable[..., Shop], marketplace: Marketplace, tmp_path: Path
) -> Iterator[tuple[Speaker, Nursery]]:
    shop = new_shop(database_url=postgres_server.url)
    box = Box(shop=shop, clock=shop.seller._clock)  # type: ignore[arg-type]
    with kit.nursery(described(postgres_server.url, marketplace.url), tmp_path / "processes.log") as nursery:
        try:
            yield Speaker(box), nursery
        finally:
            for child in list(nursery.alive.values()):
                nursery.kill(child)
            with shop.app.app_context():
                shop.db.session.remove()
                shop.db.engine.dispose()
                shop.db.drop_all()


@pytest.mark.postgres
def test_a_server_that_restarts_again_and_again_loses_nothing(
    postgres_server: postgres.Server,
    restarting: tuple[Speaker, Nursery],
    marketplace: Marketplace,
    rng: Random,
    scale: Scale,
    figures: Figures,
) -> None:
    """R5: connections break in the middle of everything; the workers stay alive and go on at once."""
    speaker, nursery = restarting
    restarts, lanes = scale(2, 10), 100
    marketplace.behave = lambda _: slowly(0.02)
    workers = [nursery.start() for _ in range(2)]
    recoveries = []
    for _ in range(restarts):
        speaker.say(*(f"{lane}" for lane in range(lanes)))
        marketplace.wait_for_more(rng.randint(5, lanes // 2))
        postgres_server.stop()
        postgres_server.start()
        accepting, before = time.monotonic(), len(marketplace.arrivals)
        speaker.box.state.drain.engine.dispose()
        speaker.say("after")
        assert marketplace.wait_for(lambda arrivals, before=before: len(arrivals) > before)  # type: ignore[misc]
        recoveries.append(marketplace.arrivals[before].at - accepting)
        assert not any(nursery.has_ended(worker) for worker in workers)
    wait_until_settled(speaker.box, seconds=60)
    nursery.end()
    arrivals = marketplace.arrivals
    lost = len(speaker.all - {arrival.what for arrival in arrivals})
    figures.note("R5", restarts=restarts, events=len(speaker.all), lost=lost, out_of_order=len(overtaken(arrivals)))
    figures.note("R5", sent_twice=doubled(arrivals), slowest_recovery=f"{max(recoveries):.1f} s")
    assert (lost, overtaken(arrivals)) == (0, [])
    assert max(recoveries) <= 5


@pytest.mark.postgres
def test_a_worker_that_starts_before_its_database_waits_for_it(
    postgres_server: postgres.Server, restarting: tuple[Speaker, Nursery], marketplace: Marketplace
) -> None:
    """R5"""
    speaker, nursery = restarting
    speaker.say("before")
    postgres_server.stop()
    try:
        nursery.start()
        begun = time.monotonic()
        while "the database failed at the start" not in nursery.log.read_text():
            assert time.monotonic() - begun < 60, nursery.log.read_text()
            time.sleep(0.05)
    finally:
        postgres_server.start()
        speaker.box.state.drain.engine.dispose()
    marketplace.wait_for_more(1)
    wait_until_settled(speaker.box, seconds=60)
    nursery.end()
    assert doubled(marketplace.arrivals) == 0


@pytest.fixture
def trouble(box: Box, tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "trouble"
    tell(file, NONE)
    ask_for_trouble(box.state.drain.engine, file)
    yield file
    tell(file, NONE)


@pytest.mark.parametrize("kind", [FULL, READ_ONLY])
def test_an_order_that_cannot_be_written_is_answered_503_and_taken_afterwards(
    box: Box, trouble: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """R17"""
    caplog.set_level(logging.INFO)
    shop = box.shop
    assert shop.call("/pvt/orders", [order_body("A-01")]).status_code == 200
    tell(trouble, kind)
    with shop.app.app_context():
        shop.db.session.remove()
        shop.db.engine.dispose()
    # a full database still has room in its last pages
    bodies = [order_body(f"B-{number:04}") for number in range(1000)]
    answers = (shop.call("/pvt/orders", [body]) for body in bodies)
    number, refused = next((number, answer) for number, answer in enumerate(answers) if answer.status_code != 200)
    assert (refused.status_code, refused.json["error"]["code"]) == (503, "TEMPORARILY_UNAVAILABLE")
    assert refused.json["error"]["exception"] is None
    assert refused.headers["x-vtex-error-code"] == "TEMPORARILY_UNAVAILABLE"
    assert "Traceback" not in refused.text + caplog.text
    tell(trouble, NONE)
    assert shop.call("/pvt/orders", [bodies[number]]).status_code == 200
    assert len(shop.order_ids()) == number + 2


@pytest.mark.parametrize("kind", [FULL, READ_ONLY])
def test_a_worker_outlives_a_database_that_takes_no_writes(
    request: pytest.FixtureRequest,
    speaker: Speaker,
    marketplace: Marketplace,
    nursery: Nursery,
    tmp_path: Path,
    scale: Scale,
    figures: Figures,
    kind: str,
) -> None:
    """R17: it goes on when writes are taken again, and nothing is broken."""
    times, trouble, lanes = scale(1, 10), tmp_path / "trouble", 40
    tell(trouble, NONE)
    marketplace.behave = lambda _: slowly(0.02)
    worker = nursery.start(shop={"trouble_file": str(trouble)})
    recoveries = []
    for _ in range(times):
        for _ in range(3):
            speaker.say(*(f"{lane}" for lane in range(lanes)))
        marketplace.wait_for_more(lanes)
        tell(trouble, kind)
        # a worker that took nothing more would come to a halt; one that met a full page may go on for a while
        marketplace.wait_for(lambda _: False, seconds=1.5)
        assert not nursery.has_ended(worker), nursery.log.read_text()
        before, relieved = len(marketplace.arrivals), time.monotonic()
        tell(trouble, NONE)
        if len(speaker.all) > len({arrival.what for arrival in marketplace.arrivals}):
            assert marketplace.wait_for(lambda arrivals, before=before: len(arrivals) > before)  # type: ignore[misc]
            recoveries.append(marketplace.arrivals[before].at - relieved)
        wait_until_settled(speaker.box, seconds=60)
    nursery.end()
    arrivals, slowest = marketplace.arrivals, max(recoveries, default=0.0)
    figures.note("R17", kind=kind, times=times, events=len(speaker.all), out_of_order=len(overtaken(arrivals)))
    figures.note("R17", sent_twice=doubled(arrivals), slowest_recovery=f"{slowest:.1f} s")
    assert {arrival.what for arrival in arrivals} == speaker.all
    assert overtaken(arrivals) == []
    assert slowest <= 10
    if request.config.getoption("--database") == "sqlite":
        with speaker.box.state.drain.engine.connect() as connection:
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
