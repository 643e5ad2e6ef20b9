"""What comes along with the package, and what its pages may do. (S12)"""

import re
from collections.abc import Callable
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from flask_vtex_seller.sandbox import create_app

from ..chaos.report import Figures
from ..shops import ACME, TOKEN, Shop
from .hostile import TEMPLATES

ROOT = Path(__file__).parents[2]
HTML = sorted((ROOT / "flask_vtex_seller").rglob("*.html"))
SANDBOX_PAGES = ("/", "/?before=3", "/nowhere", "/static/sandbox.css", "/static/nowhere", "/api/exchanges", "/api/x")


def wheels(name: str, found: set[str] | None = None) -> set[str]:
    """Return what an installation without extras brings along, the distribution itself included."""
    found = set() if found is None else found
    if canonicalize_name(name) in found:
        return found
    found.add(canonicalize_name(name))
    for line in requires(name) or ():
        requirement = Requirement(line)
        extras = requirement.extras or {""}
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            wheels(requirement.name, found)
            assert extras == {""}, f"{name} asks for extras of {requirement.name}, which are not counted here"
    return found


def test_the_package_brings_at_most_twenty_wheels(figures: Figures) -> None:
    found = wheels("flask-vtex-seller")
    figures.note("S12", wheels=len(found))
    assert {"flask", "sqlalchemy", "requests", "orjson"} <= found
    assert len(found) <= 20, sorted(found)


def test_installing_runs_no_code_of_ours() -> None:
    """The metadata is declared; there is no script that a build would run."""
    assert not (ROOT / "setup.py").exists()
    assert "setuptools.build_meta" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_nothing_is_imported_from_a_file_that_data_may_come_in() -> None:
    """No pickle, no marshal, no eval: data are JSON."""
    forbidden = re.compile(r"^\s*(?:import|from) (?:pickle|marshal|shelve|dill|yaml)\b|\b(?:eval|exec)\(", re.M)
    sources = (ROOT / "flask_vtex_seller").rglob("*.py")
    found = [file.name for file in sources if forbidden.search(file.read_text(encoding="utf-8"))]
    assert sorted(found) == ["schema_compiler.py", "values.py"], "they compile our own schemas and classes, and no data"


# headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_no_answer_below_the_prefix_may_be_kept(new_shop: Callable[..., Shop], method: str) -> None:
    shop = new_shop(
        marketplaces={"acme": {**ACME, "order_modifications": True, "simulation_by_get": True}},
        VTEX_SELLER_HEALTH_TOKEN="health",
    )
    client = shop.app.test_client()
    for path in (*(f"/acme{path}" for path in TEMPLATES), "", "/", "/acme", "/acme/nowhere", "/nobody", "/-/health"):
        for token in (TOKEN, "wrong", "health"):
            for body in (b"", b"{", b'{"items": [{"id": "apple", "quantity": 1}]}'):
                response = client.open(f"/api/vtex{path}?token={token}", method=method, data=body)
                assert response.headers["Cache-Control"] == "no-store", (path, token, response.status_code)


@pytest.mark.parametrize("path", SANDBOX_PAGES)
@pytest.mark.parametrize("host", ["localhost", "evil.example"])
def test_every_page_of_ours_has_a_policy_that_lets_no_script_run(path: str, host: str) -> None:
    app = create_app({"SANDBOX_FULFILLMENT_ENDPOINT": "http://127.0.0.1:1/api/vtex/acme?token=t"})
    response = app.test_client().get(path, base_url=f"http://{host}", buffered=True)
    policy = dict(part.split(maxsplit=1) for part in response.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert "script-src" not in policy
    assert policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    app.extensions["vtex_sandbox"].close()


def test_no_page_of_ours_needs_what_the_policy_forbids() -> None:
    assert HTML
    forbidden = re.compile(r"<script|<style|\bstyle=|\bon\w+=|javascript:|\|\s*safe\b|autoescape false", re.IGNORECASE)
    assert [file.name for file in HTML if forbidden.search(file.read_text(encoding="utf-8"))] == []
    assert {file.parent.name for file in HTML} == {"templates"}
