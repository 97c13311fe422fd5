"""What only PostgreSQL can show: writers of the same rows at the same moment, and values that it does not take."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from opendeep.call_processor_service.attempt_records import AttemptRecorder, Ending
from opendeep.common.clock import SystemClock
from opendeep.common.data_models import Call, CallCreate, CallStatus
from opendeep.common.errors import DatabaseUnavailable
from tests.support.database import World, add_campaign, add_user, make_world, sample_plan

pytestmark = pytest.mark.postgres

DEADLINE_S = 60.0


@pytest.fixture
async def world(postgres_url: str) -> AsyncIterator[World]:
    world = await make_world(postgres_url)
    yield world
    await world.db.close()


async def live_call(world: World) -> Call:
    user = await add_user(world.db)
    campaign, (task,) = await add_campaign(world.db, user.id, sample_plan(["+12025550101"]))
    new = CallCreate(user.id, campaign.id, task.id, task.phone_number, None, "node")
    return await world.db.create_call_attempt(new, 30)


async def test_both_sides_of_a_call_write_their_end_at_once(world: World) -> None:
    """Each adds lines that refer to the call, then changes the call: no deadlock."""
    call = await live_call(world)
    both_have_lines = asyncio.Barrier(2)

    async def line(kind: str, end: CallStatus | None) -> None:
        async with world.db.transaction() as work:
            await work.events.add(call.user_id, kind, "The end.", task_id=call.task_id, call_id=call.id)
            await work.session.flush()
            await both_have_lines.wait()
            if end is None:
                await work.calls.save_media(call.id, {"line_ms": 1}, None)
            else:
                await work.calls.update_call_status(call.id, end)

    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(line("media", None), line("telephony", CallStatus.COMPLETED))
    after = await world.db.get_call_by_id(call.id)
    assert (after.status, after.usage) == (CallStatus.COMPLETED, {"line_ms": 1})


@pytest.mark.parametrize(("kind", "detail"), [("x", "a NUL \0 here"), ("x" * 61, "a name that is too long")])
async def test_a_value_that_is_never_taken_is_no_outage(world: World, kind: str, detail: str) -> None:
    """Taken for an outage it would be written again and again, and the line of its call never be freed."""
    call = await live_call(world)
    with pytest.raises(DBAPIError) as refused:
        async with world.db.transaction() as work:
            await work.events.add(call.user_id, kind, detail)
    assert detail not in str(refused.value)  # it may be logged
    recorder = AttemptRecorder(world.db, call, SystemClock())
    recorder.note(kind, detail)
    recorder.finish(Ending(CallStatus.COMPLETED, None, "The call ended."))
    await asyncio.wait_for(recorder.run(), DEADLINE_S)
    assert (await world.db.get_call_by_id(call.id)).status is CallStatus.COMPLETED


async def test_one_name_is_one_tenant_however_many_sign_in_at_once(world: World) -> None:
    users = await asyncio.gather(*(add_user(world.db, f"Maria {n // 8}") for n in range(40)))
    assert len({user.id for user in users}) == 5


async def test_a_connection_lost_within_a_part_is_an_outage(world: World) -> None:
    """Taken for the fault of that part alone, the transaction would be used on, and its worker die of that."""
    known: list[Exception] = []

    async def lose_it() -> None:
        async with world.db.transaction() as work:
            try:
                async with work.part():
                    await work.session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
            except Exception as error:  # what a boundary within the transaction would see
                known.append(error)
                raise

    with pytest.raises(DatabaseUnavailable) as outside:
        await lose_it()
    assert known == [outside.value]
    assert await live_call(world)


async def test_what_is_committed_survives_a_crash_of_the_server(world: World) -> None:
    """Whatever the server's own setting (here: off), for the dialling rests on the committed row."""
    async with world.db.transaction() as work:
        assert await work.session.scalar(text("SHOW synchronous_commit")) == "on"
