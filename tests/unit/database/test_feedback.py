"""Questions to the user on both databases: one answer, in time or late, against the deadline and the hang-up."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import pytest

from opendeep.common import channels
from opendeep.common.data_models import (
    Call,
    CallCreate,
    CallStatus,
    FeedbackKind,
    FeedbackRequest,
    FeedbackStatus,
    Task,
    TaskStatus,
)
from opendeep.common.errors import Conflict, NotFound
from opendeep.database.db_manager import DatabaseManager
from opendeep.database.store_calls import MAX_BRIEF_ANSWERS
from opendeep.database.store_feedback import MAX_MISSED, MISSED_FOR
from tests.support.clock import ManualClock
from tests.support.database import World, add_campaign, add_user, sample_plan

NUMBER = "+12025550101"
TIMEOUT_S = 45.0
ROUNDS = 6


async def a_call(db: DatabaseManager, name: str = "Maria Keller") -> tuple[Task, Call]:
    user = await add_user(db, name)
    _, [task] = await add_campaign(db, user.id, sample_plan([NUMBER]))
    return task, await next_call(db, task)


async def next_call(db: DatabaseManager, task: Task) -> Call:
    return await db.create_call_attempt(
        CallCreate(task.user_id, task.campaign_id, task.id, task.phone_number, None, "node"), 60
    )


async def ask(
    db: DatabaseManager, call: Call, question: str = "Is it far?", tool_call_id: str | None = None
) -> FeedbackRequest:
    async with db.transaction() as work:
        return await work.feedback.ask(
            call.user_id,
            call.campaign_id,
            call.task_id,
            question,
            kind=FeedbackKind.LIVE,
            call_id=call.id,
            tool_call_id=tool_call_id,
            timeout_s=TIMEOUT_S,
        )


async def answer(db: DatabaseManager, asked: FeedbackRequest, text: str = "No.") -> FeedbackRequest:
    async with db.transaction() as work:
        return await work.feedback.answer(asked.user_id, asked.id, text)


async def expire(db: DatabaseManager, asked: FeedbackRequest) -> FeedbackRequest:
    async with db.transaction() as work:
        return await work.feedback.close(asked.id, FeedbackStatus.EXPIRED)


async def withdraw(db: DatabaseManager, asked: FeedbackRequest) -> FeedbackRequest | None:
    assert asked.call_id is not None
    async with db.transaction() as work:
        withdrawn = await work.feedback.withdraw_of_call(asked.call_id)
    return withdrawn[0] if withdrawn else None


async def row(db: DatabaseManager, asked: FeedbackRequest) -> FeedbackRequest:
    async with db.read() as work:
        return await work.feedback.get(asked.user_id, asked.id)


async def test_a_question_is_asked_once_and_answered_once(world: World) -> None:
    db = world.db
    _, call = await a_call(db)
    first = await ask(db, call, tool_call_id="t1")
    assert (await ask(db, call, tool_call_id="t1")).id == first.id
    with pytest.raises(Conflict, match="open question"):
        await ask(db, call, tool_call_id="t2")
    async with world.bell.listen(channels.call_commands(call.id)) as commands:
        answers = await asyncio.gather(*(answer(db, first, text) for text in "abc"), return_exceptions=True)
        [kept] = [given for given in answers if isinstance(given, FeedbackRequest)]
        assert sum(isinstance(given, Conflict) for given in answers) == 2
        message = await commands.next(5)
        assert message is not None
        assert message.data == {"type": "feedback_answered", "feedback_id": str(first.id)}
    assert await row(db, first) == kept
    assert not kept.late
    assert (await expire(db, first)).status is FeedbackStatus.ANSWERED
    assert await withdraw(db, first) is None
    assert (await ask(db, call, tool_call_id="t2")).id != first.id


@pytest.mark.parametrize("how", [expire, withdraw, None])
async def test_an_answer_after_the_deadline_is_late_and_counts(
    world: World, how: Callable[[DatabaseManager, FeedbackRequest], Awaitable[object]] | None
) -> None:
    """Also when nobody has closed the question yet."""
    db = world.db
    _, call = await a_call(db)
    asked = await ask(db, call)
    world.clock.advance(TIMEOUT_S + 1)
    if how is not None:
        await how(db, asked)
    given = await answer(db, asked, "Two streets.")
    assert (given.status, given.answer, given.late) == (FeedbackStatus.ANSWERED, "Two streets.", True)
    assert given.expires_at == asked.expires_at
    with pytest.raises(Conflict, match="answered"):
        await answer(db, asked, "Three streets.")


async def test_an_answer_after_the_call_is_late_although_there_was_time(world: World) -> None:
    db = world.db
    _, call = await a_call(db)
    withdrawn = await ask(db, call)
    assert (await withdraw(db, withdrawn)) is not None
    assert (await answer(db, withdrawn)).late
    forgotten = await ask(db, call, "And this?")
    await db.update_call_status(call.id, CallStatus.LOST)  # its process could not withdraw anything
    given = await answer(db, forgotten)
    assert given.late
    assert given.expires_at == world.clock.now()


async def test_a_clock_that_is_behind_makes_no_late_answer_early(world: World) -> None:
    db = world.db
    _, call = await a_call(db)
    asked = await ask(db, call)
    await withdraw(db, asked)
    behind = DatabaseManager(world.url, world.bell, ManualClock(world.clock.now() - timedelta(seconds=5)))
    try:
        assert (await answer(behind, asked)).late
    finally:
        await behind.close()


@pytest.mark.parametrize("turn", range(ROUNDS))
async def test_of_answer_deadline_and_hang_up_one_finds_the_question_open(world: World, turn: int) -> None:
    db = world.db
    _, call = await a_call(db)
    asked = await ask(db, call)
    rivals: list[Callable[[DatabaseManager, FeedbackRequest], Awaitable[object]]] = [answer, expire, withdraw]
    order = rivals[turn % 3 :] + rivals[: turn % 3]
    seen = await asyncio.gather(*(rival(db, asked) for rival in (order if turn < 3 else order[::-1])))
    said = {rival: found for rival, found in zip(order if turn < 3 else order[::-1], seen, strict=True)}
    after = await row(db, asked)
    assert (after.status, after.answer) == (FeedbackStatus.ANSWERED, "No.")  # no answer is ever lost
    assert said[answer] == after
    closed = [found for rival, found in said.items() if rival is not answer and found is not None]
    closers = {found.status for found in closed if isinstance(found, FeedbackRequest)}
    assert after.late == bool(closers - {FeedbackStatus.ANSWERED})
    assert len(closers - {FeedbackStatus.ANSWERED}) <= 1


async def test_the_deadline_closes_all_that_is_overdue_and_tells_each_user(world: World) -> None:
    db = world.db
    (_, first), (_, second) = await a_call(db), await a_call(db, "Ben Ortiz")
    early = [await ask(db, first), await ask(db, second)]
    world.clock.advance(TIMEOUT_S + 1)
    third = await ask(db, (await a_call(db, "Ann Lee"))[1])
    async with world.bell.listen(channels.user_events(second.user_id)) as pages:
        async with db.transaction() as work:
            assert {asked.id for asked in await work.feedback.overdue()} == {asked.id for asked in early}
            assert len(await work.feedback.expire_overdue()) == 2
            assert await work.feedback.expire_overdue() == []
        told = await pages.next(5)
    assert told is not None
    assert (told.data["feedback"]["id"], told.data["feedback"]["status"]) == (str(early[1].id), "EXPIRED")
    assert (await row(db, third)).status is FeedbackStatus.PENDING
    assert {(await row(db, asked)).status for asked in early} == {FeedbackStatus.EXPIRED}


async def test_missed_questions_are_offered_while_their_task_goes_on(world: World) -> None:
    db = world.db
    task, call = await a_call(db)
    _, other = await a_call(db, "Ben Ortiz")
    await expire(db, await ask(db, other, "Of another user?"))
    missed = []
    for number in range(MAX_MISSED + 1):
        world.clock.advance(1)
        missed.append(await expire(db, await ask(db, call, f"Question {number}?")))
    await answer(db, missed[-1])
    async with db.transaction() as work:
        shown = await work.feedback.missed(task.user_id)
        assert [asked.id for asked in shown] == [asked.id for asked in missed[-2::-1]]
        decision = await work.feedback.ask(
            task.user_id, task.campaign_id, task.id, "Go on?", kind=FeedbackKind.DECISION
        )
        await work.feedback.close(decision.id, FeedbackStatus.CANCELLED)
        assert len(await work.feedback.missed(task.user_id)) == MAX_MISSED
    with pytest.raises(Conflict, match="cancelled"):
        await answer(db, decision)
    async with db.transaction() as work:
        await work.tasks.transition(task.id, TaskStatus.CANCELLED, "stop")
        assert await work.feedback.missed(task.user_id) == []
        await work.tasks.transition(task.id, TaskStatus.SCHEDULED, "again")
        assert await work.feedback.missed(task.user_id) != []
    world.clock.advance(MISSED_FOR.total_seconds() + 60)
    async with db.read() as work:
        assert await work.feedback.missed(task.user_id) == []


async def test_a_late_answer_reaches_the_next_call(world: World) -> None:
    db = world.db
    task, call = await a_call(db)
    asked = await expire(db, await ask(db, call, "May it cost 90?"))
    await db.update_call_status(call.id, CallStatus.COMPLETED)
    assert (await answer(db, asked, "Up to 100.")).late
    async with db.transaction() as work:
        zone = await work.feedback.ask(
            task.user_id, task.campaign_id, task.id, "Which city?", kind=FeedbackKind.DECISION, sets="timezone"
        )
        await work.feedback.answer(task.user_id, zone.id, "Lisbon")
    second = await next_call(db, task)
    await expire(db, await ask(db, second, "Nobody answers this?"))
    async with db.read() as work:
        assert (await work.calls.brief(second.id)).answered_questions == (("May it cost 90?", "Up to 100."),)
    for number in range(MAX_BRIEF_ANSWERS):
        world.clock.advance(1)
        await answer(db, await ask(db, second, f"{number}?"), str(number))
    async with db.read() as work:
        latest = (await work.calls.brief(second.id)).answered_questions
    assert latest == tuple((f"{number}?", str(number)) for number in range(MAX_BRIEF_ANSWERS))


async def test_another_users_question_is_not_there(world: World) -> None:
    _, call = await a_call(world.db)
    asked = await ask(world.db, call)
    stranger = await add_user(world.db, "Stranger")
    async with world.db.transaction() as work:
        with pytest.raises(NotFound):
            await work.feedback.answer(stranger.id, asked.id, "yes")
        with pytest.raises(NotFound):
            await work.feedback.close(UUID(int=1), FeedbackStatus.EXPIRED)
    assert (await row(world.db, asked)).status is FeedbackStatus.PENDING
