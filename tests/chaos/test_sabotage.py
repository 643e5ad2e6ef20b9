"""Each mechanism is missed by a test when it is taken away: else that test would prove nothing."""

from pathlib import Path

import pytest

from .report import Figures
from .sabotage import SABOTAGES, Sabotage, carry_out, copy

SHORT = {
    "a lease is not checked when an attempt is settled",
    "a message does not wait for those before it in its lane",
    "Retry-After is ignored",
}
FAILED = 1
"""pytest's exit status when a test failed; others mean that there was none, or that it could not be run."""


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sabotage")
    copy(folder)
    return folder


@pytest.mark.parametrize(
    "sabotage",
    [
        pytest.param(found, id=found.what, marks=[] if found.what in SHORT else [pytest.mark.full])
        for found in SABOTAGES
    ],
)
def test_a_mechanism_that_is_taken_away_is_missed(sabotage: Sabotage, workshop: Path, figures: Figures) -> None:
    done = carry_out(sabotage, workshop)
    figures.note("sabotage", missed_by=sabotage.test.rpartition("/")[2])
    assert done.returncode == FAILED, done.stdout[-3000:]


def test_every_sabotage_still_finds_what_it_takes_away(workshop: Path) -> None:
    for found in SABOTAGES:
        assert (workshop / "flask_vtex_seller" / found.file).read_text("utf-8").count(found.old) == 1, found.what
    assert len(SABOTAGES) >= 15
    assert {found.what for found in SABOTAGES} >= SHORT
