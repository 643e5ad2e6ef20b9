"""What importing the package does to a process: next to nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

DEPENDENCIES = (
    "flask, flask_sqlalchemy, marshmallow, orjson, sqlalchemy, blinker, click, werkzeug, requests, "
    "apscheduler.schedulers.background"
)

LOOK = """
import json, logging, sys, threading
import {dependencies}

opened = []

def watch(event, _):
    if event.startswith(("socket.", "subprocess.", "os.fork")):
        opened.append(event)

sys.addaudithook(watch)

def handlers():
    loggers = [logging.getLogger(), *map(logging.getLogger, list(logging.Logger.manager.loggerDict))]
    return sum(len(logger.handlers) for logger in loggers)

before, known = handlers(), set(sys.modules)
import flask_vtex_seller
print(json.dumps({{
    "threads": [thread.name for thread in threading.enumerate()],
    "opened": opened,
    "handlers": handlers() - before,
    "engines": [name for name in ("apispec", "celery", "flask_migrate", "pytest") if name in sys.modules],
    "others": sorted(
        name
        for name in set(sys.modules) - known
        if name.partition(".")[0] not in {{"flask_vtex_seller", *sys.stdlib_module_names}}
    ),
    "ours": [name for name in sys.modules if name.startswith("flask_vtex_seller.")],
}}))
"""


def python(code: str, cache: Path) -> str:
    """Run `code` in a fresh interpreter that keeps its bytecode in `cache`, as an installed package does."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV_"))}
    done = subprocess.run(
        [sys.executable, "-X", f"pycache_prefix={cache}", "-W", "error", "-c", code.format(dependencies=DEPENDENCIES)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    found: dict[str, object] = json.loads(python(LOOK, tmp_path_factory.mktemp("cache")))
    return found


def test_importing_starts_no_thread(seen: dict[str, object]) -> None:
    assert seen["threads"] == ["MainThread"]


def test_importing_opens_no_socket_and_starts_no_process(seen: dict[str, object]) -> None:
    assert seen["opened"] == []


def test_importing_adds_no_logging_handler(seen: dict[str, object]) -> None:
    assert seen["handlers"] == 0


def test_importing_leaves_task_queues_and_optional_packages_alone(seen: dict[str, object]) -> None:
    assert seen["engines"] == []


def test_importing_leaves_alone_what_only_a_command_or_a_test_needs(seen: dict[str, object]) -> None:
    ours = seen["ours"]
    assert isinstance(ours, list)
    assert not [name for name in ours if name.split(".")[1] in ("sandbox", "testing", "conformance", "runners")]


def test_importing_leaves_alone_what_describes_answers_and_writes_none(seen: dict[str, object]) -> None:
    ours = seen["ours"]
    assert isinstance(ours, list)
    assert not {"flask_vtex_seller.simulation.answer_schemas", "flask_vtex_seller.web.openapi"} & {*ours}


def test_importing_loads_hardly_anything_but_itself(seen: dict[str, object]) -> None:
    """What it costs in time is measured by benchmarks/import_time.py."""
    assert seen["others"] == []
