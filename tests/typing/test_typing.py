"""mypy accepts the hooks that fit and refuses the others, at the line of the decorator."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="mypy is not installed")

HERE = Path(__file__).parent
ERROR = re.compile(r"^(?P<file>.+?\.py):(?P<line>\d+): error: (?P<message>.*)$", re.MULTILINE)


@pytest.fixture(scope="module")
def errors(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[int, str]]:
    """The first error of each line, by file name."""
    cache = getattr(request.config, "cache", None)
    where = cache.mkdir("mypy-of-tests-typing") if cache else tmp_path_factory.mktemp("mypy")
    files = [str(HERE / "accepted.py"), str(HERE / "refused.py")]
    # In a process of its own: what mypy knows of a program is more than everything else here, and it keeps it.
    mypy = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={where}"]
    done = subprocess.run([*mypy, *files], capture_output=True, text=True, check=False, timeout=600)
    assert not done.stderr
    found: dict[str, dict[int, str]] = {"accepted.py": {}, "refused.py": {}}
    for match in ERROR.finditer(done.stdout):
        # the package itself is checked elsewhere
        found.setdefault(Path(match["file"]).name, {}).setdefault(int(match["line"]), match["message"])
    return found


def test_functions_that_fit_are_accepted(errors: dict[str, dict[int, str]]) -> None:
    assert errors["accepted.py"] == {}


def test_each_line_marked_as_refused_is_refused_and_no_other(errors: dict[str, dict[int, str]]) -> None:
    lines = (HERE / "refused.py").read_text(encoding="utf-8").splitlines()
    marked = {number for number, line in enumerate(lines, start=1) if line.endswith("# refused")}
    assert len(marked) > 20
    assert {number: errors["refused.py"].get(number) for number in marked ^ errors["refused.py"].keys()} == {}
