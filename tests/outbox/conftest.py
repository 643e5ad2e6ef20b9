"""The outbox of a small shop on this test's database."""

from collections.abc import Callable
from functools import partial

import pytest

from ..shops import Shop
from .box import Box, make_box


@pytest.fixture
def new_box(new_shop: Callable[..., Shop]) -> Callable[..., Box]:
    return partial(make_box, new_shop)


@pytest.fixture
def box(new_box: Callable[..., Box]) -> Box:
    return new_box()
