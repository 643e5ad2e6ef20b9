"""Each mechanism is missed by a test when it is taken away: else that test would prove nothing."""

from pathlib import Path

import pytest

from ..chaos.conftest import Scale
from ..chaos.report import Figures
from ..chaos.sabotage import ROOT, Sabotage, carry_out, copy
from ..chaos.test_sabotage import FAILED
from .sabotage import SABOTAGES

SHORT = "failures are not counted"


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sabotage")
    copy(folder)
    return folder


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda found: found.what)
def test_a_mechanism_that_is_taken_away_is_missed(
    sabotage: Sabotage, workshop: Path, scale: Scale, figures: Figures
) -> None:
    if not scale.full and sabotage.what != SHORT:
        pytest.skip("takes long: run with --security-full")
    done = carry_out(sabotage, workshop)
    figures.note("sabotage", missed_by=sabotage.test.rpartition("/")[2])
    assert done.returncode == FAILED, done.stdout[-3000:]


def test_every_sabotage_still_finds_what_it_takes_away() -> None:
    for found in SABOTAGES:
        assert (ROOT / "flask_vtex_seller" / found.file).read_text("utf-8").count(found.old) == 1, found.what
    assert SHORT in {found.what for found in SABOTAGES}
