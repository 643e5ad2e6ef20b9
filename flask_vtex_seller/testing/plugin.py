"""Fixtures for a shop's own tests; opt in with `pytest_plugins = ["flask_vtex_seller.testing.plugin"]`."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

import pytest
from flask import Flask

from ..clock import SystemClock
from ..database import DatabaseClock
from ..outbox.drain import Report
from .clock import Latest, VtexClock
from .marketplace import VtexMarketplace
from .wire import overheard

_NOW = timedelta(0)


class DeliverNow(Protocol):
    """Delivers what the shop said."""

    def __call__(self, *, after: timedelta = _NOW) -> Report:
        """Run the drain until nothing is due. What fails is due again after 2 seconds, then 4, and so on.

        Args:
            after: let this much time pass first.

        Raises:
            RuntimeError: time shall pass, and the application has a clock of its own.
        """


@pytest.fixture
def vtex_marketplace(request: pytest.FixtureRequest) -> Iterator[VtexMarketplace]:
    """Stand in for every marketplace; no call of the extension's leaves the process.

    The application under test is the fixture `app`, unless the test names another with `vtex_marketplace.use(app)`.
    """

    def find_app() -> Flask:
        try:
            app: Flask = request.getfixturevalue("app")
        except pytest.FixtureLookupError:
            raise RuntimeError("name the application: a fixture `app`, or vtex_marketplace.use(app)") from None
        return app

    marketplace = VtexMarketplace(find_app)
    with overheard(marketplace.hear):
        yield marketplace


@pytest.fixture
def vtex_clock() -> Iterator[VtexClock]:
    """Let the extension's time pass with `vtex_clock.advance(…)`; the shop's own code keeps the machine's."""
    with VtexClock.installed() as clock:
        yield clock


@pytest.fixture
def deliver_now(vtex_marketplace: VtexMarketplace, vtex_clock: VtexClock) -> DeliverNow:
    """Deliver what the shop said, here and now, to `vtex_marketplace`."""

    def deliver(*, after: timedelta = _NOW) -> Report:
        drain = vtex_marketplace.state.drain
        if after and not isinstance(drain.clock, SystemClock | DatabaseClock):
            raise RuntimeError("VtexSeller(db, clock=…) has a clock of its own: move that, then call deliver_now()")
        vtex_clock.advance(after)
        return replace(drain, rng=Latest()).run()

    return deliver
