"""A marketplace on a real socket of this machine."""

from collections.abc import Iterator

import pytest

from .loopback import Loopback, loopback


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as server:
        yield server
