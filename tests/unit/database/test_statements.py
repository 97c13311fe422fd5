"""How many statements a call costs: they are most of what the dialling path spends."""

import contextlib
from collections.abc import Iterator
from typing import Any

from sqlalchemy import event

from opendeep.common.data_models import Call, CallCreate, CallStatus, TaskStatus
from opendeep.database.db_manager import DatabaseManager
from tests.support.database import add_campaign, add_user, sample_plan

LEASE_S = 30.0


@contextlib.contextmanager
def counted(db: DatabaseManager) -> Iterator[list[str]]:
    """The statements within."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    engine = db._engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def begun(db: DatabaseManager, calls: int) -> tuple[list[Call], list[str]]:
    """So many due tasks, queued and begun as scheduler and claim do it; and the statements of that."""
    user = await add_user(db)
    await add_campaign(db, user.id, sample_plan([f"+1202555{n:04d}" for n in range(100, 100 + calls)]))
    begun = []
    with counted(db) as statements:
        async with db.transaction() as work:
            for task in await work.tasks.claim_due("scheduler", calls, LEASE_S):
                await work.tasks.transition(task.id, TaskStatus.QUEUED_FOR_CALL, "Its turn.")
        async with db.transaction() as work:
            for task in await work.trunks.queued(calls, LEASE_S):
                new = CallCreate(task.user_id, task.campaign_id, task.id, task.phone_number, None, "node")
                begun.append(await work.calls.create_call_attempt(new, LEASE_S))
                await work.tasks.transition(task.id, TaskStatus.CALL_IN_PROGRESS, "Attempt 1 has begun.")
    return begun, statements


async def test_a_call_begins_with_one_statement_of_its_own(db: DatabaseManager) -> None:
    """Its INSERT; its task is not read again, and all tasks of a claim change together."""
    _, few = await begun(db, 3)
    calls, many = await begun(db, 13)
    assert len(many) - len(few) == 10
    assert all(call.status is CallStatus.INITIATED for call in calls)


async def test_a_row_that_is_held_is_read_once(db: DatabaseManager) -> None:
    ((call, *_), _) = await begun(db, 1)
    with counted(db) as statements:
        async with db.transaction() as work:
            assert await work.calls.hold_live(call.id)
            await work.calls.update_call_status(call.id, CallStatus.RINGING)
            await work.calls.update_call_status(call.id, CallStatus.BUSY, end_reason="busy")
    assert sum(statement.startswith("SELECT") for statement in statements) == 1
    assert (await db.get_call_by_id(call.id)).status is CallStatus.BUSY


async def test_what_a_failed_part_held_is_read_again(db: DatabaseManager) -> None:
    """PostgreSQL has given the lock back with the part: somebody else may have changed the row since."""
    ((call, *_), _) = await begun(db, 1)
    async with db.transaction() as work:
        with contextlib.suppress(ZeroDivisionError):
            async with work.part():
                await work.calls.update_call_status(call.id, CallStatus.BUSY, end_reason="busy")
                raise ZeroDivisionError
        assert await work.calls.hold_live(call.id)
        await work.calls.update_call_status(call.id, CallStatus.RINGING)
    assert (await db.get_call_by_id(call.id)).status is CallStatus.RINGING
