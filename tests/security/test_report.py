"""The pages about security say what the tests do."""

import re
from pathlib import Path

from ..chaos.report import render
from .report import PAGE, SECURITY

HERE = Path(__file__).parent


def test_each_promise_has_a_line_that_names_its_tests() -> None:
    page = (PAGE.parent / "security.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (S\d+) \|.*\| ((?:`\w+\.py`(?:, )?)+) \|$", page, re.M))
    assert set(rows) == {promise for promise in SECURITY.promises if promise[1:].isdigit()}
    for promise, names in rows.items():
        for name in re.findall(r"`(\w+\.py)`", names):
            assert f'"{promise}"' in (HERE / name).read_text(encoding="utf-8"), f"{name} notes no figure of {promise}"


def test_a_promise_that_was_not_run_says_so() -> None:
    assert render({}, SECURITY).count("Not run in its full form for this report.") == len(SECURITY.promises)
