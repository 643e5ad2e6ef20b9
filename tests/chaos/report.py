"""The page that the full form of some tests writes: what was seen, on which machine, from which seed."""

import os
import platform
import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import postgres

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "reliability-report.md"
PROMISES = {
    "R1": "Nothing is lost once a transaction commits; nothing is sent if it rolls back",
    "R2": "The death of a worker loses nothing",
    "R3": "The order of a lane is kept",
    "R4": "One stuck order blocks no other",
    "R5": "A restart of the database is survived",
    "R6": "Repeats are polite",
    "R7": "An outage is not amplified",
    "R8": "A rate is one for all workers",
    "R9": "Placing is idempotent",
    "R10": "Calls about an order are safe in any order, however often and however simultaneously they come",
    "R11": "A hook that fails leaves no half order",
    "R13": "Of several schedulers one acts",
    "R14": "Dead letters stay usable",
    "R15": "A message that kills its worker cannot loop",
    "R16": "Clocks may jump",
    "R17": "A full or unwritable database is met cleanly",
    "R18": "Every fault of the network is an attempt with an end",
    "R19": "A stop is graceful",
    "R20": "It runs for long",
    "R21": "Marketplaces come to show what the shop sells",
    "sabotage": "Each mechanism is missed by a test when it is taken away",
}
DATABASES = ("sqlite", "postgres")


@dataclass
class Figures:
    """What one test saw."""

    promise: str = ""
    database: str = ""
    seed: int = 0
    seen: dict[str, Any] = field(default_factory=dict)
    load: float = 0.0
    day: str = ""
    passed: bool = False

    def note(self, promise: str, **seen: Any) -> None:
        """Note figures; a name's underscores become spaces."""
        self.promise = promise
        self.seen.update(seen)


@dataclass(frozen=True, kw_only=True)
class Report:
    """A page of figures, and what it is about."""

    page: Path
    head: str
    promises: Mapping[str, str]
    """A title each, by number; what is no number is a title alone."""
    only: Mapping[str, Sequence[str]]
    """What is about one database; the others are about both."""


Known = dict[str, dict[str, Any]]
"""Figures by test and database, as they are kept from run to run."""


def add(known: Known, test: str, figures: Figures) -> None:
    if figures.promise:
        figures.load, figures.day = round(os.getloadavg()[1], 1), datetime.now(UTC).date().isoformat()
        known[f"{test} {figures.database}"] = asdict(figures)


def write(known: Known, report: Report) -> None:
    report.page.write_text(render(known, report), encoding="utf-8")


def render(known: Known, report: Report) -> str:
    lines = [*report.head.splitlines(), ""]
    lines += [f"- {name}: {value}" for name, value in _machine().items()]
    loads = [row["load"] for row in known.values()]
    if loads:
        lines.append(f"- other work meanwhile: load averages of {min(loads)} to {max(loads)}, ours included")
    for promise, title in report.promises.items():
        rows = {test: row for test, row in known.items() if row["promise"] == promise}
        lines += ["", f"## {promise}: {title}" if promise[1:].isdigit() else f"## {title}", ""]
        lines += _table(rows) if rows else ["Not run in its full form for this report."]
        seen = {row["database"] for row in rows.values()}
        absent = [name for name in report.only.get(promise, DATABASES) if rows and name not in seen]
        lines += ["", f"Not run in its full form on {', '.join(absent)}."] if absent else []
    return "\n".join(lines) + "\n"


def _table(rows: Mapping[str, Mapping[str, Any]]) -> Sequence[str]:
    lines = ["| test | database | seed | seen | |", "|---|---|---|---|---|"]
    for test, row in sorted(rows.items()):
        name = test.rpartition(" ")[0].rpartition("::")[2]
        seen = ", ".join(f"{what.replace('_', ' ')}: {value}" for what, value in row["seen"].items())
        kept = f"kept, {row['day']}" if row["passed"] else f"**not kept**, {row['day']}"
        lines.append(f"| `{name}` | {row['database']} | {row['seed']} | {seen} | {kept} |")
    return lines


def _machine() -> dict[str, str]:
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "machine": f"{os.cpu_count()} processors ({platform.machine()}), {gigabytes:.0f} GB, {platform.system()}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "PostgreSQL": _postgres(),
    }


def _postgres() -> str:
    try:
        command = [str(postgres.binaries() / "postgres"), "--version"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[2]
    except (postgres.NoServer, OSError, subprocess.CalledProcessError):
        return "none"


RELIABILITY = Report(
    page=PAGE,
    head="""# Reliability report

Written by the tests themselves: `pytest tests/chaos --chaos-full` writes what it saw, and a later run replaces the
rows that it saw anew. What each promise means, and the short form that runs with every change, is in
[](reliability.md). *Kept* is the pass figure of the promise, as the test asserts it; a promise without a row was not
tried in this form. The machine below is shared with other work, which a figure about time has to bear.
""",
    promises=PROMISES,
    only={"R5": ("postgres",), "sabotage": ("sqlite",)},  # the sabotage is about the tests
)
