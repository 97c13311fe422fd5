"""Expressions over the tables that the two databases say in other words."""

from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Float, Integer, cast, extract, func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from opendeep.database.models import CallRow

SECONDS_A_DAY: Final = 86_400


def is_sqlite(session: AsyncSession) -> bool:
    """Whether the session's database is SQLite; PostgreSQL is the only other one."""
    return session.get_bind().dialect.name == "sqlite"


def talk_seconds(session: AsyncSession) -> ColumnElement[Any]:
    """Seconds between answer and end of a call; NULL for calls without both."""
    if is_sqlite(session):
        days = func.julianday(CallRow.ended_at) - func.julianday(CallRow.answered_at)
        return days * float(SECONDS_A_DAY)
    return cast(extract("epoch", CallRow.ended_at - CallRow.answered_at), Float)


def slot_number(session: AsyncSession, column: InstrumentedAttribute[Any], slot_s: int) -> ColumnElement[Any]:
    """How many slots of `slot_s` seconds have passed between 1970 and the time in `column`."""
    if is_sqlite(session):
        return cast(func.strftime("%s", column), Integer) // slot_s
    return cast(func.floor(extract("epoch", column) / slot_s), BigInteger)
