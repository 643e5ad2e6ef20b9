"""The scale of the security tests; they note their figures as the chaos tests do."""

import pytest

from ..chaos.conftest import Scale, figures, pytest_runtest_makereport, rng, seed, write
from .report import SECURITY

__all__ = ["figures", "pytest_runtest_makereport", "rng", "seed"]


@pytest.fixture
def scale(request: pytest.FixtureRequest) -> Scale:
    return Scale(request.config.getoption("--security-full"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--security-full"):
        for item in items:
            item.add_marker(pytest.mark.timeout(3600))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.getoption("--security-full"):
        write("security/figures", SECURITY, session.config)
