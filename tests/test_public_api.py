"""The public surface, and what importing it does not do."""

import subprocess
import sys
from types import ModuleType

import pytest

import flask_vtex_seller

PROBE = """
import sys, threading
import {module}
assert threading.enumerate() == [threading.main_thread()], threading.enumerate()
heavy = sorted({{name.partition(".")[0] for name in sys.modules}} & {{"celery", "pytest"}})
assert not heavy, heavy
"""


def test_all_names_everything_public_and_nothing_else() -> None:
    public = [
        name
        for name, value in vars(flask_vtex_seller).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    ]
    assert flask_vtex_seller.__all__ == sorted(public)


@pytest.mark.parametrize("name", flask_vtex_seller.__all__)
def test_every_public_class_and_function_says_what_it_is(name: str) -> None:
    public = getattr(flask_vtex_seller, name)
    if isinstance(public, type) and public is not int:
        assert public.__module__.startswith("flask_vtex_seller.")
    assert public.__doc__


def test_importing_starts_no_thread_and_loads_no_scheduler() -> None:
    probe = [sys.executable, "-W", "error", "-c", PROBE.format(module="flask_vtex_seller")]
    result = subprocess.run(probe, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr
