"""What the stores promise, on SQLite and on PostgreSQL alike."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from opendeep.common import channels
from opendeep.common.data_models import (
    LIVE_CALL_STATUSES,
    Call,
    CallCreate,
    CallStatus,
    CampaignStatus,
    Disposition,
    DNDEntryBase,
    DndScope,
    FeedbackKind,
    Speaker,
    Task,
    TaskStatus,
    TranscriptTurn,
)
from opendeep.common.errors import Conflict, InvalidTransition, NotFound
from opendeep.common.ids import new_id
from opendeep.database.db_manager import DatabaseManager
from tests.support.database import World, add_campaign, add_user, sample_plan

NUMBERS = [f"+1202555010{n}" for n in range(1, 6)]
LEASE_S = 30.0


async def one_task(db: DatabaseManager) -> Task:
    user = await add_user(db)
    return (await add_campaign(db, user.id, sample_plan(NUMBERS[:1])))[1][0]


async def one_call(db: DatabaseManager, task: Task) -> Call:
    attempt = CallCreate(task.user_id, task.campaign_id, task.id, task.phone_number, None, "node")
    return await db.create_call_attempt(attempt, LEASE_S)


async def test_never_two_live_calls_for_one_task(db: DatabaseManager) -> None:
    task = await one_task(db)
    results = await asyncio.gather(*(one_call(db, task) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(result, Call) for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 7
    first = next(result for result in results if isinstance(result, Call))
    await db.update_call_status(first.id, CallStatus.BUSY, end_reason="busy")
    second = await one_call(db, task)
    assert second.attempt_number == 2


async def test_a_call_only_moves_forward(world: World) -> None:
    db = world.db
    call = await one_call(db, await one_task(db))
    assert (await db.update_call_status(call.id, CallStatus.IN_PROGRESS)).status is CallStatus.IN_PROGRESS
    assert (await db.update_call_status(call.id, CallStatus.RINGING)).status is CallStatus.IN_PROGRESS
    world.clock.advance(61)
    ended = await db.update_call_status(call.id, CallStatus.COMPLETED, end_reason="hung up", hangup_cause=16)
    assert (ended.talk_seconds, ended.live, ended.hangup_cause) == (61.0, False, 16)
    assert (await db.update_call_status(call.id, CallStatus.DIALING)).status is CallStatus.COMPLETED
    with pytest.raises(InvalidTransition):
        await db.update_call_status(call.id, CallStatus.BUSY)
    assert set(LIVE_CALL_STATUSES).isdisjoint({ended.status})


async def test_claims_respect_lease_time_priority_and_campaign(world: World) -> None:
    db = world.db
    user = await add_user(db)
    campaign, tasks = await add_campaign(db, user.id, sample_plan(NUMBERS))
    async with db.transaction() as work:
        await work.tasks.change(user.id, tasks[3].id, tasks[3].version, priority=5)
        await work.tasks.postpone(tasks[4].id, world.clock.now() + timedelta(hours=1), "later")
    async with db.transaction() as work:
        claimed = await work.tasks.claim_due("a", 2, LEASE_S)
    assert [task.id for task in claimed] == [tasks[3].id, tasks[0].id]
    async with db.transaction() as work:
        assert [t.id for t in await work.tasks.claim_due("b", 9, LEASE_S)] == [tasks[1].id, tasks[2].id]
    async with db.transaction() as work:
        assert await work.tasks.claim_due("c", 9, LEASE_S) == []
    world.clock.advance(LEASE_S + 1)
    async with db.transaction() as work:
        assert len(await work.tasks.claim_due("c", 9, LEASE_S)) == 4  # the leases ran out, the postponed one waits
    world.clock.advance(3600)
    async with db.transaction() as work:
        await work.campaigns.set_status(user.id, campaign.id, CampaignStatus.PAUSED)
        assert await work.tasks.claim_due("c", 9, LEASE_S) == []
        assert await work.tasks.next_due_at() is None


async def test_concurrent_claims_never_share_a_task(db: DatabaseManager) -> None:
    user = await add_user(db)
    await add_campaign(db, user.id, sample_plan([f"+120255501{n:02}" for n in range(1, 41)]))

    async def claim(owner: str) -> list[UUID]:
        async with db.transaction() as work:
            return [task.id for task in await work.tasks.claim_due(owner, 7, LEASE_S)]

    claims = await asyncio.gather(*(claim(f"worker-{n}") for n in range(8)))
    everything = [task_id for claim_ in claims for task_id in claim_]
    assert len(everything) == len(set(everything)) == 40


async def test_transitions_follow_the_table_ring_and_count(world: World) -> None:
    db = world.db
    task = await one_task(db)
    watched = (channels.TASKS_QUEUED, channels.CALLS_ENDED, channels.user_events(task.user_id))
    async with world.bell.listen(*watched) as rings:
        async with db.transaction() as work:
            await work.tasks.transition(task.id, TaskStatus.QUEUED_FOR_CALL, "go")
            assert rings.drain() == []  # nothing rings before the commit
        assert [m.channel for m in rings.drain()] == [watched[0], watched[2]]
        async with db.transaction() as work:
            await work.tasks.transition(task.id, TaskStatus.CALL_IN_PROGRESS, "calling")
            done = await work.tasks.transition(task.id, TaskStatus.PENDING_ANALYSIS, "ended", counts_attempt=True)
        assert done.attempts == 1
        assert {m.channel for m in rings.drain()} == {watched[1], watched[2]}
    async with db.transaction() as work:
        with pytest.raises(InvalidTransition):
            await work.tasks.transition(task.id, TaskStatus.QUEUED_FOR_CALL, "no")
        with pytest.raises(Conflict):
            await work.tasks.transition(task.id, TaskStatus.COMPLETED, "no", expected=TaskStatus.CALL_IN_PROGRESS)


async def test_a_rolled_back_transaction_rings_nothing_and_keeps_nothing(world: World) -> None:
    task = await one_task(world.db)
    async with world.bell.listen(channels.TASKS_QUEUED) as rings:

        async def fail_in_the_middle() -> None:
            async with world.db.transaction() as work:
                await work.tasks.transition(task.id, TaskStatus.QUEUED_FOR_CALL, "go")
                raise RuntimeError

        with pytest.raises(RuntimeError):
            await fail_in_the_middle()
        assert rings.drain() == []
    async with world.db.read() as work:
        assert (await work.tasks.get(task.user_id, task.id)).status is TaskStatus.SCHEDULED


async def test_a_stale_change_is_refused(db: DatabaseManager) -> None:
    task = await one_task(db)
    async with db.transaction() as work:
        await work.tasks.change(task.user_id, task.id, task.version, priority=3)
        with pytest.raises(Conflict):
            await work.tasks.change(task.user_id, task.id, task.version, priority=4)
        with pytest.raises(ValueError, match="may be changed"):
            await work.tasks.change(task.user_id, task.id, task.version + 1, status="COMPLETED")


async def test_rows_of_another_tenant_are_absent(db: DatabaseManager) -> None:
    task = await one_task(db)
    call = await one_call(db, task)
    stranger = (await add_user(db, "Stranger")).id
    async with db.transaction() as work:
        for attempt in (
            work.tasks.get(stranger, task.id),
            work.campaigns.get(stranger, task.campaign_id),
            work.calls.get_call_by_id(call.id, stranger),
            work.tasks.change(stranger, task.id, task.version, priority=1),
            work.campaigns.set_status(stranger, task.campaign_id, CampaignStatus.PAUSED),
            work.feedback.get(stranger, new_id()),
            work.plans.get(stranger, new_id()),
            work.chats.require(stranger, new_id()),
        ):
            with pytest.raises(NotFound):
                await attempt
        assert await work.tasks.of_campaign(stranger, task.campaign_id) == []
        assert await work.calls.of_campaign(stranger, task.campaign_id) == []
        assert await work.transcripts.of_call(stranger, call.id) == []
        assert await work.campaigns.progress(stranger, task.campaign_id) == {}


async def test_do_not_call_scopes_and_the_global_threshold(db: DatabaseManager) -> None:
    number = NUMBERS[0]
    users = [await add_user(db, name) for name in ("One", "Two", "Three", "Four")]
    campaign, _ = await add_campaign(db, users[0].id, sample_plan(NUMBERS[:1]))
    async with db.transaction() as work:
        only_there = DNDEntryBase(
            NUMBERS[1], DndScope.CAMPAIGN, "here only", "user", user_id=users[0].id, campaign_id=campaign.id
        )
        assert await work.dnd.add(only_there)
        assert await work.dnd.match(users[0].id, campaign.id, NUMBERS[1]) is not None
        assert await work.dnd.match(users[0].id, new_id(), NUMBERS[1]) is None
        for count, user in enumerate(users[:3], 1):
            entry = DNDEntryBase(number, DndScope.USER, "asked us to stop", "call", user_id=user.id)
            assert await work.dnd.add(entry)
            assert not await work.dnd.add(entry)
            assert await work.dnd.promote_to_global(number, 3) == (count == 3)
        blocked = await work.dnd.match(users[3].id, campaign.id, number)
        assert blocked is not None
        assert blocked.scope is DndScope.GLOBAL
        assert await work.dnd.remove(users[0].id, number) == 1
        assert [e.phone_number for e in await work.dnd.entries(users[0].id)] == [NUMBERS[1]]


async def test_the_brief_carries_what_earlier_calls_taught(db: DatabaseManager) -> None:
    task = await one_task(db)
    first = await one_call(db, task)
    await db.update_call_status(first.id, CallStatus.COMPLETED, end_reason="hung up")
    async with db.transaction() as work:
        await work.calls.save_analysis(first.id, Disposition.CALLBACK_REQUESTED, {"summary": "Call on Friday."})
        question = await work.feedback.ask(
            task.user_id, task.campaign_id, task.id, "May it cost 90?", kind=FeedbackKind.DECISION
        )
        await work.feedback.answer(task.user_id, question.id, "Up to 100.")
    second = await one_call(db, task)
    async with db.read() as work:
        brief = await work.calls.brief(second.id)
    assert brief.call.attempt_number == 2
    assert [(e.attempt_number, e.disposition, e.summary) for e in brief.earlier_calls] == [
        (1, "CALLBACK_REQUESTED", "Call on Friday.")
    ]
    assert brief.answered_questions == (("May it cost 90?", "Up to 100."),)


async def test_transcript_turns_are_ordered_and_replaceable(db: DatabaseManager) -> None:
    task = await one_task(db)
    call = await one_call(db, task)
    async with db.transaction() as work:
        for turn in (
            TranscriptTurn(call.id, 2, Speaker.CALLEE, "Yes.", 900, 1400),
            TranscriptTurn(call.id, 1, Speaker.AI, "Hello, I am calling to", 0, 1000),
            TranscriptTurn(call.id, 1, Speaker.AI, "Hello, I am", 0, 700, interrupted=True),
        ):
            await work.transcripts.put(task.user_id, task.id, turn)
    async with db.read() as work:
        turns = await work.transcripts.of_call(task.user_id, call.id)
    assert [(t.turn, t.text, t.interrupted) for t in turns] == [(1, "Hello, I am", True), (2, "Yes.", False)]


async def test_times_are_utc_and_naive_ones_are_refused(db: DatabaseManager) -> None:
    task = await one_task(db)
    assert task.created_at.tzinfo is UTC
    async with db.transaction() as work:
        later = await work.tasks.postpone(task.id, datetime.fromisoformat("2026-03-03T10:00:00+02:00"), "later")
        assert later.next_attempt_at == datetime(2026, 3, 3, 8, 0, tzinfo=UTC)
    with pytest.raises(Exception, match="without a time zone"):
        async with db.transaction() as work:
            await work.tasks.postpone(task.id, datetime(2026, 3, 3, 10, 0), "naive")


async def test_the_same_name_is_the_same_tenant(db: DatabaseManager) -> None:
    assert (await add_user(db, "Guest")).id == (await add_user(db, "Guest")).id


async def test_messages_that_arrive_at_once_are_all_kept(db: DatabaseManager) -> None:
    user, stranger = await add_user(db), await add_user(db, "Stranger")
    async with db.transaction() as work:
        chat_id = await work.chats.create(user.id)

    async def write(content: str) -> None:
        async with db.transaction() as work:
            await work.chats.add_message(user.id, chat_id, "user", content)

    await asyncio.gather(*(write(f"message {n}") for n in range(8)))
    async with db.transaction() as work:
        kept = await work.chats.messages(user.id, chat_id)
        assert {message.content for message in kept} == {f"message {n}" for n in range(8)}
        with pytest.raises(NotFound):
            await work.chats.add_message(stranger.id, chat_id, "user", "hello")


async def test_tenants_are_those_with_open_tasks(db: DatabaseManager) -> None:
    owners = []
    for name, numbers in (("One", NUMBERS[:1]), ("Many", NUMBERS), ("Done", NUMBERS[:2])):
        user = await add_user(db, name)
        _, tasks = await add_campaign(db, user.id, sample_plan(numbers))
        owners.append(user.id)
    await add_user(db, "Without tasks")
    async with db.transaction() as work:
        for task in tasks:
            await work.tasks.transition(task.id, TaskStatus.CANCELLED, "for the test")
    async with db.read() as work:
        assert await work.tasks.tenants() == owners[:2]  # ids count up
