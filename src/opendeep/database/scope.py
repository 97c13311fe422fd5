"""Tenant scope. Every `select`, `update` and `delete` on a tenant's table goes through one of these two helpers; a test
reads this package's source and fails on a statement that does not.
"""

from typing import Any, Protocol, Self, TypeVar
from uuid import UUID


class _Filterable(Protocol):
    """A `Select`, `Update` or `Delete`."""

    def where(self, *criteria: Any) -> Self: ...


Statement = TypeVar("Statement", bound=_Filterable)


def for_user(statement: Statement, model: Any, user_id: UUID) -> Statement:
    """Only the rows of one tenant."""
    return statement.where(model.user_id == user_id)


def across_tenants(statement: Statement, why: str) -> Statement:
    """The few statements that serve all tenants at once; `why` says what makes that right."""
    if not why:
        raise ValueError("say why this statement may cross tenants")
    return statement
