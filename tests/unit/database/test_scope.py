"""No statement on a tenant's table without its scope: the package's source is read and checked."""

import ast
from pathlib import Path

import pytest
from sqlalchemy import select

import opendeep.database as database
from opendeep.database.models import TaskRow
from opendeep.database.scope import across_tenants

PACKAGE = Path(database.__file__).parent
STATEMENTS = {"select", "update", "delete"}
SCOPES = {"for_user", "across_tenants"}


def unscoped(source: str) -> list[int]:
    """Lines of `select/update/delete(...)` whose result never passes through a scope helper in the same function."""
    lines = []
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.AsyncFunctionDef | ast.FunctionDef):
            continue
        calls = [n for n in ast.walk(function) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
        statements = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id in STATEMENTS]
        scopes = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id in SCOPES]
        if statements and not scopes:
            lines += [statement.lineno for statement in statements]
    return lines


def stores() -> list[Path]:
    return sorted(PACKAGE.glob("store_*.py"))


@pytest.mark.parametrize("path", stores(), ids=lambda p: p.name)
def test_every_statement_is_scoped(path: Path) -> None:
    assert unscoped(path.read_text()) == []


def test_the_check_itself_finds_an_unscoped_statement() -> None:
    assert unscoped("async def f(self):\n    return select(TaskRow)\n") == [2]


def test_sql_lives_nowhere_else() -> None:
    root = PACKAGE.parent
    offenders = [
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if PACKAGE not in path.parents and "sqlalchemy" in path.read_text()
    ]
    assert offenders == []


def test_crossing_tenants_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="say why"):
        across_tenants(select(TaskRow), "")
