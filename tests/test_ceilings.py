"""What fits in a head: the ceilings of a module, a function and a view."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(path for folder in ("flask_vtex_seller", "example_shop") for path in (ROOT / folder).rglob("*.py"))
LINES, FUNCTION, VIEW = 400, 40, 10


def lines(function: ast.FunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_and_its_functions_are_short(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= LINES
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    assert {function.name: lines(function) for function in functions if lines(function) > FUNCTION} == {}


def test_a_view_of_the_protocol_is_short() -> None:
    source = (ROOT / "flask_vtex_seller" / "web" / "blueprint.py").read_text(encoding="utf-8")
    views = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and isinstance(node.returns, ast.Name) and node.returns.id == "Response"
    ]
    assert len(views) > 4
    # its first line and its docstring apart
    assert {view.name: lines(view) - 2 for view in views if lines(view) - 2 > VIEW} == {}
