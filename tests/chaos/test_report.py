"""The pages about reliability say what the tests do."""

import re
from pathlib import Path

from .report import PAGE, PROMISES, RELIABILITY, Figures, add, render

HERE = Path(__file__).parent


def test_the_page_has_each_figure_and_says_what_was_not_run() -> None:
    known: dict[str, dict[str, object]] = {}
    figures = Figures(database="sqlite", seed=7)
    figures.note("R2", kills=100, sent_twice=3)
    figures.passed = True
    add(known, "tests/chaos/test_x.py::test_that[in a call]", figures)
    page = render(known, RELIABILITY)
    assert re.search(r"\| `test_that\[in a call\]` \| sqlite \| 7 \| kills: 100, sent twice: 3 \| kept, ", page)
    assert page.count("Not run in its full form for this report.") == len(PROMISES) - 1
    assert "Not run in its full form on postgres." in page


def test_what_failed_is_not_called_kept() -> None:
    known: dict[str, dict[str, object]] = {}
    figures = Figures(database="sqlite", seed=7)
    figures.note("R2", kills=100)
    add(known, "tests/chaos/test_x.py::test_that", figures)
    assert "**not kept**" in render(known, RELIABILITY)


def test_each_promise_has_a_line_that_names_its_tests() -> None:
    page = (PAGE.parent / "reliability.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (R\d+) \|.*\| ((?:`\w+\.py`(?:, )?)+) \|$", page, re.M))
    assert set(rows) == {promise for promise in PROMISES if promise.startswith("R")}
    for promise, names in rows.items():
        for name in re.findall(r"`(\w+\.py)`", names):
            assert f'"{promise}"' in (HERE / name).read_text(encoding="utf-8"), f"{name} notes no figure of {promise}"
