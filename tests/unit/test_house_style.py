"""The habits that a reader may rely on, checked on the source; exceptions are listed here with their reason."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import opendeep

ROOT = Path(opendeep.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
MAX_FILE_LINES = 400
BROAD = {"Exception", "BaseException"}
MAX_FUNCTION_LINES = 50  # without its docstring

LONG_FILES: dict[str, str] = {
    "database/migrations/versions/0001_create_the_first_schema.py": "one migration is one file",
}
LONG_FUNCTIONS: dict[str, str] = {
    "database/migrations/versions/0001_create_the_first_schema.py:upgrade": "one migration is one function",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def length(function: Function) -> int:
    docstring = ast.get_docstring(function, clean=False)
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    return lines - (docstring.count("\n") + 1 if docstring else 0)


def broad_handlers(path: Path) -> Iterator[int]:
    """Lines of `except Exception` that neither say which boundary they are nor raise again."""
    source = path.read_text().splitlines()
    for node in ast.walk(ast.parse("\n".join(source))):
        if not isinstance(node, ast.ExceptHandler):
            continue
        broad = node.type is None or (
            isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}
        )
        raises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
        if broad and not raises and "# boundary:" not in source[node.lineno - 1]:
            yield node.lineno


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module(path: Path) -> None:
    """Opens with what it owns; file and functions are short; broad handlers only at named boundaries; named tasks."""
    source = path.read_text()
    tree = ast.parse(source)
    if source.strip():
        assert ast.get_docstring(tree), "a module opens by saying what it owns"
    if name_of(path) not in LONG_FILES:
        assert source.count("\n") <= MAX_FILE_LINES
    for function in functions(tree):
        if f"{name_of(path)}:{function.name}" not in LONG_FUNCTIONS:
            assert length(function) <= MAX_FUNCTION_LINES, function.name
    assert list(broad_handlers(path)) == []
    unnamed = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "create_task"
        and not any(keyword.arg == "name" for keyword in node.keywords)
    ]
    assert unnamed == [], "every asyncio task has a name"


def test_the_exceptions_still_exist() -> None:
    assert all((ROOT / name).exists() for name in LONG_FILES)
    assert all((ROOT / name.split(":")[0]).exists() for name in LONG_FUNCTIONS)
