"""The sums and pages of reports, on both databases; other tenants' rows are in none of them."""

from datetime import timedelta
from typing import Any

from opendeep.common.data_models import CallStatus, Disposition, Task, TaskStatus, User
from opendeep.common.ids import new_id
from opendeep.database.db_manager import DatabaseManager
from tests.support.database import World, add_campaign, add_user, sample_plan
from tests.support.finished_calls import finished_call

NUMBERS = ["+12025550101", "+12025550102", "7000"]
TALK = [("ai", "Hello, this is an AI assistant."), ("callee", "yes tuesday is fine")]
TALK_S = 4.0
RESULT = {"slot_ok": {"value": "yes", "turns": [2], "quote": "yes", "call_id": "x"}}


async def two_days(world: World) -> tuple[User, list[Task]]:
    """Three tasks: one achieved, one not reached, one (an extension) talked with on the next day."""
    user = await add_user(world.db)
    plan = sample_plan(NUMBERS)
    plan.tasks[0].timezone = "Asia/Kolkata"
    plan.tasks[1].questions = [*plan.questions, type(plan.questions[0])(key="second", ask="And what else?")]
    _, tasks = await add_campaign(world.db, user.id, plan)
    call = await finished_call(world, tasks[0], TALK, disposition=Disposition.ACHIEVED)
    async with world.db.transaction() as work:
        await work.calls.save_media(call.id, {"cost": {"usd": 0.25}}, "a.wav")
        await work.calls.save_analysis(call.id, Disposition.ACHIEVED, {"evidence_turns": [2]})
        await work.tasks.transition(
            tasks[0].id, TaskStatus.COMPLETED, "Done.", disposition=Disposition.ACHIEVED, summary="Yes.", result=RESULT
        )
    await finished_call(world, tasks[1], status=CallStatus.NO_ANSWER, disposition=Disposition.NO_ANSWER)
    world.clock.advance(timedelta(days=1).total_seconds())
    await finished_call(world, tasks[2], TALK)
    stranger = await add_user(world.db, "Somebody Else")
    _, others = await add_campaign(world.db, stranger.id, sample_plan(NUMBERS[:1]))
    await finished_call(world, others[0], TALK)
    return user, tasks


async def test_sums_of_calls_and_tasks(world: World, db: DatabaseManager) -> None:
    user, tasks = await two_days(world)
    async with db.read() as work:
        slots = await work.reports.slots(user.id, campaign_id=tasks[0].campaign_id)
        recent = await work.reports.slots(user.id, since=world.clock.now() - timedelta(hours=1))
        tallies = await work.reports.tallies(user.id, tasks[0].campaign_id)
        progress = await work.reports.progress_of(user.id, [tasks[0].campaign_id])
    assert {(slot.zone, slot.disposition, slot.calls, slot.answered) for slot in slots} == {
        ("Asia/Kolkata", "ACHIEVED", 1, 1),
        (None, "NO_ANSWER", 1, 0),
        (None, None, 1, 1),
    }
    first = next(slot for slot in slots if slot.disposition == "ACHIEVED")
    assert (round(first.talk_s, 2), round(first.billed_s, 2), first.voice_usd, first.priced) == (
        TALK_S,
        TALK_S,
        0.25,
        1,
    )
    (extension,) = recent
    assert (round(extension.talk_s, 2), extension.billed_s, extension.priced) == (TALK_S, 0.0, 0)
    assert extension.starts_at <= world.clock.now() < extension.starts_at + timedelta(seconds=900 + TALK_S + 10)
    assert {(tally.status, tally.disposition, tally.attempts, tally.tasks) for tally in tallies} == {
        ("COMPLETED", "ACHIEVED", 1, 1),
        ("PENDING_ANALYSIS", None, 1, 2),
    }
    assert progress == {tasks[0].campaign_id: {"COMPLETED": 1, "PENDING_ANALYSIS": 2}}


async def test_pages_of_tasks_with_their_calls_and_turns(world: World, db: DatabaseManager) -> None:
    user, tasks = await two_days(world)
    campaign_id = tasks[0].campaign_id
    async with db.read() as work:
        page = await work.reports.tasks(user.id, campaign_id, 0, 2)
        rest = await work.reports.tasks(user.id, campaign_id, 2, 2)
        calls = await work.reports.calls(user.id, [task.id for task in page])
        of_all = await work.reports.calls(user.id, [task.id for task in tasks])
        turns = await work.reports.turns(user.id, [call.id for call in of_all], 1, 5)
    assert [task.position for task in (*page, *rest)] == [1, 2, 3]
    assert (page[0].result, page[0].disposition, page[0].finished_at is not None) == (RESULT, "ACHIEVED", True)
    told: list[Any] = [(call.attempt, call.status, call.has_recording, tuple(call.evidence or ())) for call in calls]
    assert told == [(1, "COMPLETED", True, (2,)), (1, "NO_ANSWER", False, ())]
    of_first = [(turn.turn, turn.text) for turn in turns if turn.call_id == calls[0].id]
    assert of_first == [(1, None), (2, "yes t")]
    assert len(turns) == 4


async def test_questions_and_keys_that_get_columns(world: World, db: DatabaseManager) -> None:
    user, tasks = await two_days(world)
    campaign_id = tasks[0].campaign_id
    async with db.read() as work:
        questions = await work.reports.questions(user.id, campaign_id)
        assert sorted(question["key"] for question in questions) == ["second", "slot_ok"]
        assert await work.reports.found_keys(user.id, campaign_id) == ["slot_ok"]


async def test_heads_hold_the_figures_of_final_reports_only(world: World, db: DatabaseManager) -> None:
    user, tasks = await two_days(world)
    async with db.read() as work:
        (before,) = await work.reports.heads(user.id, 10)
    assert (before.headline, before.figures, before.generated_at) == (None, None, None)
    async with db.transaction() as work:
        report = {"headline": "Done.", "figures": {"tasks": 3}, "generated_at": "2026-11-02T15:00:00+00:00"}
        await work.campaigns.save_report(user.id, tasks[0].campaign_id, report, final=True)
    async with db.read() as work:
        (after,) = await work.reports.heads(user.id, 10)
    assert (after.headline, after.figures, after.generated_at) == tuple(report.values())


async def test_a_stranger_sees_nothing(world: World, db: DatabaseManager) -> None:
    user, tasks = await two_days(world)
    stranger, campaign_id = new_id(), tasks[0].campaign_id
    async with db.read() as work:
        reports = work.reports
        calls = await reports.calls(user.id, [task.id for task in tasks])
        seen = [
            await reports.tallies(stranger, campaign_id),
            await reports.slots(stranger, campaign_id=campaign_id),
            await reports.tasks(stranger, campaign_id, 0, 10),
            await reports.calls(stranger, [task.id for task in tasks]),
            await reports.turns(stranger, [call.id for call in calls], 10, 10),
            await reports.questions(stranger, campaign_id),
            await reports.found_keys(stranger, campaign_id),
            await reports.heads(stranger, 10),
        ]
        assert await reports.progress_of(stranger, [campaign_id]) == {campaign_id: {}}
    assert seen == [[]] * len(seen)
