"""Delivering beside a command that writes: nothing that is written while it looks is forgotten."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest

from flask_vtex_seller.cli.delivering import Delivery
from flask_vtex_seller.outbox.drain import Report

_PATIENCE = 10.0
"""Seconds; only a test that fails waits for so long."""


@dataclass
class Looks:
    """A drain of which each look at the outbox does what the test says."""

    does: list[Callable[[], object]]
    announce: Callable[..., object] = print
    looked: list[int] = field(default_factory=list)

    def run(self, **_: Any) -> Report:
        self.looked.append(len(self.looked))
        if self.does:
            self.does.pop(0)()
        return Report()


def delivery_of(looks: Looks) -> Delivery:
    return Delivery(looks, counted=(), threads=1, context=nullcontext)  # type: ignore[arg-type]


@pytest.mark.parametrize("word", ["wake", "finish"])
def test_what_is_said_during_a_look_is_looked_for_by_another(word: str) -> None:
    looks = Looks([lambda: getattr(delivery, word)(), lambda: delivery.finish()])
    with (delivery := delivery_of(looks)):
        assert delivery.wait(_PATIENCE), "it sleeps, though more was written"
    assert len(looks.looked) == {"wake": 3, "finish": 2}[word], "the last look begins after all is written"


def test_leaving_the_block_ends_it_though_nobody_said_that_all_is_written() -> None:
    looks = Looks([])
    with (delivery := delivery_of(looks)):
        pass
    assert delivery.wait(0)


def test_what_it_failed_with_is_raised_where_it_is_waited_for() -> None:
    def fail() -> None:
        raise LookupError("no such table")

    with (delivery := delivery_of(Looks([fail]))), pytest.raises(LookupError, match="no such table"):
        delivery.wait(_PATIENCE)
