"""Orchestrator, scheduler, feedback and controls on a real database."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from opendeep.common import channels
from opendeep.common.campaign_plan import CallingWindow
from opendeep.common.data_models import (
    CallCreate,
    DNDEntryBase,
    DndScope,
    FeedbackKind,
    FeedbackRequest,
    FeedbackStatus,
    Task,
    TaskStatus,
)
from opendeep.common.decisions import OPTIONS, STOP, TRY_AGAIN
from opendeep.common.errors import Conflict, InvalidPlan, NotFound, UserMistake
from opendeep.common.ids import new_id
from opendeep.task_manager.campaign_query_svc import CampaignQueryService
from opendeep.task_manager.compliance_gate import GateRules
from opendeep.task_manager.feedback_manager_svc import FeedbackManagerService
from opendeep.task_manager.orchestrator_svc import OrchestratorService
from opendeep.task_manager.task_scheduler_svc import SchedulerSettings, TaskSchedulerService
from tests.support.database import World, add_campaign, add_plan, add_user, make_world, sample_plan, sqlite_url

NUMBERS = ["+12025550101", "+12025550102", "+12025550103"]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = await make_world(sqlite_url(tmp_path))
    yield world
    await world.db.close()


class Lines:
    """The dialer's side of the wall: so many free lines."""

    def __init__(self, free: int) -> None:
        self.free = free

    def free_lines(self) -> int:
        return self.free


RULES = GateRules(region="US", extensions=("7000",), allowed_countries=("US",), home_zone="America/New_York")


def scheduler(world: World, lines: int = 10, **rules: Any) -> TaskSchedulerService:
    settings = SchedulerSettings(
        node_id="node",
        poll_s=1.0,
        lease_s=30.0,
        gate=replace(RULES, **rules),
    )
    return TaskSchedulerService(world.db, world.bell, world.clock, Lines(lines), settings)


async def statuses(world: World, user_id: UUID, campaign_id: UUID) -> list[TaskStatus]:
    async with world.db.read() as work:
        return [task.status for task in await work.tasks.of_campaign(user_id, campaign_id)]


async def timeline(world: World, task: Task) -> list[tuple[str, Any]]:
    async with world.db.read() as work:
        return [(e.kind, e.data.get("reason")) for e in await work.events.of_task(task.user_id, task.id)]


# -- orchestrator


async def test_a_plan_becomes_rows_once_however_often_it_is_confirmed(world: World) -> None:
    user = await add_user(world.db)
    plan_id = await add_plan(world.db, user.id, sample_plan(["(202) 555-0101", "7000"]))
    orchestrator = OrchestratorService(world.db, "US", ("7000",))
    campaigns = await asyncio.gather(*(orchestrator.execute_campaign(user.id, plan_id) for _ in range(5)))
    assert len({campaign.id for campaign in campaigns}) == 1
    async with world.db.read() as work:
        tasks = await work.tasks.of_campaign(user.id, campaigns[0].id)
    assert [task.phone_number for task in tasks] == ["+12025550101", "7000"]
    assert tasks[0].brief["questions"][0]["key"] == "slot_ok"


async def test_a_plan_of_another_user_does_not_exist(world: World) -> None:
    user, stranger = await add_user(world.db), await add_user(world.db, "Stranger")
    plan_id = await add_plan(world.db, user.id, sample_plan(NUMBERS))
    with pytest.raises(NotFound):
        await OrchestratorService(world.db, "US", ()).execute_campaign(stranger.id, plan_id)


@pytest.mark.parametrize("numbers", [[], ["not a number"], ["+12025550101", "2025550101"]])
async def test_a_plan_with_problems_is_refused_whole(world: World, numbers: list[str]) -> None:
    user = await add_user(world.db)
    plan_id = await add_plan(world.db, user.id, sample_plan(numbers))
    with pytest.raises(InvalidPlan, match="cannot be confirmed yet"):
        await OrchestratorService(world.db, "US", ()).execute_campaign(user.id, plan_id)
    async with world.db.read() as work:
        assert await work.campaigns.recent(user.id) == []


# -- scheduler


async def test_only_as_many_as_there_are_lines(world: World) -> None:
    user = await add_user(world.db)
    campaign, _ = await add_campaign(world.db, user.id, sample_plan(NUMBERS))
    await scheduler(world, lines=2).round()
    assert sorted(await statuses(world, user.id, campaign.id)) == ["QUEUED_FOR_CALL", "QUEUED_FOR_CALL", "SCHEDULED"]
    assert await scheduler(world, lines=0).round() is None  # one is due; a line that becomes free rings


async def test_do_not_call_is_refused_with_its_reason_stored(world: World) -> None:
    user = await add_user(world.db)
    campaign, tasks = await add_campaign(world.db, user.id, sample_plan(NUMBERS[:2]))
    async with world.db.transaction() as work:
        await work.dnd.add(DNDEntryBase(NUMBERS[0], DndScope.USER, "Asked us to stop.", "call", user_id=user.id))
    await scheduler(world).round()
    assert await statuses(world, user.id, campaign.id) == ["FAILED", "QUEUED_FOR_CALL"]
    assert await timeline(world, tasks[0]) == [("call.refused", "do_not_call")]


async def test_outside_hours_waits_and_then_goes(world: World) -> None:
    user = await add_user(world.db)
    plan = sample_plan(NUMBERS[:1], calling_window=CallingWindow().model_dump())
    campaign, tasks = await add_campaign(world.db, user.id, plan)
    world.clock.advance(12 * 3600)  # 22:00 in New York
    wait = await scheduler(world).round()
    assert wait == 11 * 3600
    assert await statuses(world, user.id, campaign.id) == ["SCHEDULED"]
    assert await timeline(world, tasks[0]) == [("call.refused", "outside_hours")]
    world.clock.advance(wait)
    await scheduler(world).round()
    assert await statuses(world, user.id, campaign.id) == ["QUEUED_FOR_CALL"]


async def test_an_unreadable_task_fails_alone(world: World) -> None:
    user = await add_user(world.db)
    campaign, tasks = await add_campaign(world.db, user.id, sample_plan(NUMBERS[:2]))
    async with world.db.transaction() as work:
        await work.tasks.change(user.id, tasks[0].id, tasks[0].version, brief={"questions": "none"})
    await scheduler(world).round()
    assert await statuses(world, user.id, campaign.id) == ["FAILED", "QUEUED_FOR_CALL"]


async def test_a_draining_scheduler_hands_nothing_over(world: World) -> None:
    user = await add_user(world.db)
    campaign, _ = await add_campaign(world.db, user.id, sample_plan(NUMBERS[:1]))
    service = scheduler(world)
    service.stop_claiming()
    await service.round()
    assert await statuses(world, user.id, campaign.id) == ["SCHEDULED"]


# -- questions to the user


async def ask(world: World, task: Task, kind: FeedbackKind, timeout_s: float | None = None) -> FeedbackRequest:
    call_id = None
    if kind is FeedbackKind.LIVE:
        attempt = CallCreate(task.user_id, task.campaign_id, task.id, task.phone_number, None, "node")
        call_id = (await world.db.create_call_attempt(attempt, 30)).id
    async with world.db.transaction() as work:
        return await work.feedback.ask(
            task.user_id, task.campaign_id, task.id, "Go on?", kind=kind, call_id=call_id, options=OPTIONS,
            timeout_s=timeout_s,
        )  # fmt: skip


async def waiting_task(world: World) -> Task:
    user = await add_user(world.db)
    _, tasks = await add_campaign(world.db, user.id, sample_plan(NUMBERS[:1], max_attempts=1))
    async with world.db.transaction() as work:
        await work.tasks.transition(tasks[0].id, TaskStatus.QUEUED_FOR_CALL, "go")
        await work.tasks.transition(tasks[0].id, TaskStatus.CALL_IN_PROGRESS, "calling")
        await work.tasks.transition(tasks[0].id, TaskStatus.PENDING_ANALYSIS, "ended", counts_attempt=True)
        return await work.tasks.transition(tasks[0].id, TaskStatus.NEEDS_USER, "a decision")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (TRY_AGAIN, TaskStatus.SCHEDULED),
        (STOP, TaskStatus.CANCELLED),
        ("Offer Friday.", TaskStatus.SCHEDULED),
        ("No!", TaskStatus.CANCELLED),
    ],
)
async def test_a_decision_moves_its_task_on(world: World, answer: str, status: TaskStatus) -> None:
    task = await waiting_task(world)
    question = await ask(world, task, FeedbackKind.DECISION)
    await FeedbackManagerService(world.db, world.bell).answer(task.user_id, question.id, answer)
    async with world.db.read() as work:
        after = await work.tasks.get(task.user_id, task.id)
    assert after.status is status
    assert after.max_attempts == (2 if status is TaskStatus.SCHEDULED else 1)  # the user's word gives one more attempt


async def test_answers_are_checked_and_only_taken_once(world: World) -> None:
    task = await waiting_task(world)
    question = await ask(world, task, FeedbackKind.DECISION)
    service = FeedbackManagerService(world.db, world.bell)
    for text in ("", "  ", "x" * 3000):
        with pytest.raises(UserMistake):
            await service.answer(task.user_id, question.id, text)
    with pytest.raises(NotFound):
        await service.answer((await add_user(world.db, "Stranger")).id, question.id, "yes")
    await service.answer(task.user_id, question.id, "yes")
    with pytest.raises(Conflict, match="answered"):
        await service.answer(task.user_id, question.id, "yes")


async def test_questions_of_vanished_calls_expire(world: World) -> None:
    user = await add_user(world.db)
    _, tasks = await add_campaign(world.db, user.id, sample_plan(NUMBERS[:1]))
    question = await ask(world, tasks[0], FeedbackKind.LIVE, timeout_s=45)
    service = FeedbackManagerService(world.db, world.bell)
    await service.expire_overdue()
    async with world.db.read() as work:
        assert (await work.feedback.get(user.id, question.id)).status is FeedbackStatus.PENDING
    world.clock.advance(46)
    await service.expire_overdue()
    async with world.db.read() as work:
        assert (await work.feedback.get(user.id, question.id)).status is FeedbackStatus.EXPIRED


# -- reading and controls


@pytest.fixture
def queries(world: World, tmp_path: Path) -> CampaignQueryService:
    return CampaignQueryService(world.db, tmp_path, "America/New_York")


async def test_controls(world: World, queries: CampaignQueryService) -> None:
    user = await add_user(world.db)
    campaign, _ = await add_campaign(world.db, user.id, sample_plan(NUMBERS))
    await queries.pause(user.id, campaign.id)
    await scheduler(world).round()
    assert await statuses(world, user.id, campaign.id) == ["SCHEDULED"] * 3
    await queries.resume(user.id, campaign.id)
    await scheduler(world, lines=1).round()
    async with world.db.transaction() as work:
        queued = await work.tasks.claim(TaskStatus.QUEUED_FOR_CALL, "initiator", 1, 30)
        await work.tasks.transition(queued[0].id, TaskStatus.CALL_IN_PROGRESS, "calling")
    await queries.cancel(user.id, campaign.id)
    assert await statuses(world, user.id, campaign.id) == ["CALL_IN_PROGRESS", "CANCELLED", "CANCELLED"]
    detail = await queries.detail(user.id, campaign.id)
    assert detail["progress"] == {"CALL_IN_PROGRESS": 1, "CANCELLED": 2}
    assert detail["tasks"][0]["max_attempts"] == 0  # its call ends, counted or forgiven, and nobody calls again


async def test_strangers_see_nothing(world: World, queries: CampaignQueryService) -> None:
    user, stranger = await add_user(world.db), await add_user(world.db, "Stranger")
    campaign, tasks = await add_campaign(world.db, user.id, sample_plan(NUMBERS))
    for attempt in (
        queries.detail(stranger.id, campaign.id),
        queries.task(stranger.id, tasks[0].id),
        queries.call(stranger.id, new_id()),
        queries.pause(stranger.id, campaign.id),
        queries.cancel(stranger.id, campaign.id),
        queries.recording_path(stranger.id, new_id()),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert await queries.campaigns(stranger.id) == []


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "a\x00b"])
async def test_unusable_names_are_refused(queries: CampaignQueryService, name: str) -> None:
    with pytest.raises(UserMistake):
        await queries.sign_in(name)


# -- the queue between the scheduler and the lines


async def test_a_round_without_a_free_line_waits_for_a_bell(world: World) -> None:
    """A due task that has no line must not be a reason to look again at once: that would be a busy loop."""
    user = await add_user(world.db)
    await add_campaign(world.db, user.id, sample_plan(NUMBERS))
    assert await scheduler(world, lines=0).round() is None
    assert await scheduler(world, lines=2).round() is None


async def test_refused_tasks_take_no_lines(world: World) -> None:
    user = await add_user(world.db)
    campaign, _ = await add_campaign(world.db, user.id, sample_plan(NUMBERS))
    entry = DNDEntryBase(NUMBERS[0], DndScope.USER, "asked", "test", user.id)
    async with world.db.transaction() as work:
        await work.dnd.add(entry)
    await scheduler(world, lines=2).round()
    assert await statuses(world, user.id, campaign.id) == ["FAILED", "QUEUED_FOR_CALL", "QUEUED_FOR_CALL"]


async def test_what_waited_long_for_a_line_is_checked_again(world: World, queries: CampaignQueryService) -> None:
    """Hours pass while the switch is away: what allowed the call then says nothing about now."""
    user = await add_user(world.db)
    campaign, _ = await add_campaign(world.db, user.id, sample_plan(NUMBERS[:1]))
    await scheduler(world).round()
    assert await statuses(world, user.id, campaign.id) == ["QUEUED_FOR_CALL"]
    world.clock.advance(31)
    async with world.db.transaction() as work:
        assert await work.tasks.claim(TaskStatus.QUEUED_FOR_CALL, "initiator", 1, 30, fresh_s=30) == []
        await work.dnd.add(DNDEntryBase(NUMBERS[0], DndScope.USER, "asked", "test", user.id))
    await scheduler(world, lines=0).round()
    assert await statuses(world, user.id, campaign.id) == ["SCHEDULED"]
    await scheduler(world).round()
    assert await statuses(world, user.id, campaign.id) == ["FAILED"]


async def test_one_task_that_cannot_be_decided_does_not_stop_the_others(world: World) -> None:
    user = await add_user(world.db)
    campaign, _ = await add_campaign(world.db, user.id, sample_plan([NUMBERS[0], "7000"]))
    broken: Any = 0  # only numbers of a country are compared with it
    await scheduler(world, allowed_countries=broken).round()
    assert await statuses(world, user.id, campaign.id) == ["FAILED", "QUEUED_FOR_CALL"]


async def test_stopping_a_large_campaign_keeps_nobody_waiting(world: World, queries: CampaignQueryService) -> None:
    """It takes many short transactions, not one: others write in between."""
    user = await add_user(world.db)
    campaign, _ = await add_campaign(world.db, user.id, sample_plan([f"+1202555{n:04}" for n in range(120)]))
    stopping = asyncio.create_task(queries.cancel(user.id, campaign.id))
    async with world.bell.listen(channels.TASKS_FINISHED) as finished:
        await finished.next(10)
        await add_user(world.db, "Somebody else")
        assert not stopping.done()
        view = await stopping
    assert view["status"] == "ACTIVE"
    assert set(await statuses(world, user.id, campaign.id)) == {"CANCELLED"}


async def test_a_name_is_one_tenant_however_it_is_typed(queries: CampaignQueryService) -> None:
    composed, combining = "Zoë", "Zoe\u0308"
    assert (await queries.sign_in(composed)).id == (await queries.sign_in(f"  {combining} ")).id
