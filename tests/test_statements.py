"""Every statement of the protocol has a test that names it, and every contradiction of its sources an answer."""

import subprocess
import sys
from pathlib import Path

from .statements import ROWS, SETTINGS, STATEMENTS, TESTS, documented_settings, listing, missing, proofs


def test_the_tables_name_every_statement_and_row() -> None:
    assert list(STATEMENTS) == [f"P{number}" for number in range(1, 83)]
    assert list(ROWS) == [f"row {number}" for number in range(1, 45)]


def test_every_statement_and_row_has_a_test_or_a_setting() -> None:
    assert not missing(), "\n".join(missing())


def test_no_test_names_a_statement_or_row_that_does_not_exist() -> None:
    assert proofs().keys() - STATEMENTS.keys() - ROWS.keys() == set()


def test_the_settings_that_decide_a_row_are_documented() -> None:
    assert SETTINGS.keys() <= ROWS.keys()
    assert set(SETTINGS.values()) - documented_settings() == set()


def test_the_listing_has_each_statement_and_row_with_its_tests() -> None:
    lines = list(listing())
    heads = [line for line in lines if not line.startswith(" ")]
    assert [line.split("  ")[0].strip() for line in heads] == [*STATEMENTS, *ROWS]
    named = {line.strip() for line in lines if "::" in line}
    assert named == {test for tests in proofs().values() for test in tests}


def test_the_option_prints_the_listing_and_runs_nothing() -> None:
    command = [sys.executable, "-m", "pytest", "--vtex-statements"]
    done = subprocess.run(command, cwd=TESTS.parent, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.splitlines() == list(listing())
    assert done.returncode == (1 if missing() else 0)


SAMPLE = '''
"""P1: a module names nothing."""

def test_plain():
    """P2; row 3."""

def test_row_4_in_a_name(): ...

def helper():
    """P5."""

class TestGroup:
    """Row 6."""

    def test_inner(self):
        """P7 and P99, but neither P 8 nor GP9."""
'''


def test_a_test_is_named_by_itself_or_its_class(tmp_path: Path) -> None:
    (tmp_path / "sandbox").mkdir()
    for file in ("test_sample.py", "other.py", "sandbox/test_sample.py"):
        (tmp_path / file).write_text(SAMPLE, encoding="utf-8")
    place = f"{tmp_path.name}/test_sample.py"
    inner = [f"{place}::TestGroup::test_inner"]
    assert proofs(tmp_path) == {
        "P2": [f"{place}::test_plain"],
        "row 3": [f"{place}::test_plain"],
        "row 4": [f"{place}::test_row_4_in_a_name"],
        "row 6": inner,
        "P7": inner,
        "P99": inner,
    }
