"""The gate on real rows: refusals told once, calls counted over tenants, money held, answers that set a zone."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from opendeep.common.data_models import CallCreate, CallStatus, Task, TaskStatus
from opendeep.common.decisions import SETS_TIMEZONE, STOP
from opendeep.common.errors import UserMistake
from opendeep.task_manager.compliance_gate import GateRules
from opendeep.task_manager.feedback_manager_svc import FeedbackManagerService
from opendeep.task_manager.task_scheduler_svc import SchedulerSettings, TaskSchedulerService
from tests.support.database import World, add_campaign, add_user, make_world, sample_plan, sqlite_url
from tests.support.services import TemporaryPostgres, fresh_database

ANNA, BEN = "+12025550101", "+12025550102"
FREEPHONE = "+80012345678"  # of no country: no zone is known


class Lines:
    def free_lines(self) -> int:
        return 50


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "sqlite":
        world = await make_world(sqlite_url(tmp_path))
        yield world
        await world.db.close()
        return
    server: TemporaryPostgres = request.getfixturevalue("postgres_server")
    with fresh_database(server, "task_gate") as url:
        world = await make_world(url)
        yield world
        await world.db.close()


def scheduler(world: World, **rules: Any) -> TaskSchedulerService:
    gate = GateRules("US", ("7000",), ("US", "001"), "America/New_York")
    settings = SchedulerSettings("node", 1.0, 30.0, replace(gate, **rules))
    return TaskSchedulerService(world.db, world.bell, world.clock, Lines(), settings)


async def read(world: World, task: Task) -> Task:
    async with world.db.read() as work:
        return await work.tasks.get(task.user_id, task.id)


async def refusals(world: World, task: Task) -> list[str]:
    async with world.db.read() as work:
        events = await work.events.of_task(task.user_id, task.id)
    return [event.data["reason"] for event in events if event.kind == "call.refused"]


async def call(world: World, task: Task, minutes: float = 0, status: CallStatus = CallStatus.COMPLETED) -> None:
    """A call of the task that has ended, answered for so long."""
    new = CallCreate(task.user_id, task.campaign_id, task.id, task.phone_number, None, "node")
    async with world.db.transaction() as work:
        made = await work.calls.create_call_attempt(new, 30)
        if minutes:
            await work.calls.update_call_status(made.id, CallStatus.IN_PROGRESS)
    world.clock.advance(minutes * 60)
    async with world.db.transaction() as work:
        await work.calls.update_call_status(made.id, status)


async def test_a_task_put_off_again_for_the_same_reason_writes_no_new_line(world: World) -> None:
    user = await add_user(world.db)
    plan = sample_plan([ANNA], calling_window={"start": "23:00", "end": "23:30"})
    _, (task,) = await add_campaign(world.db, user.id, plan)
    for _ in range(5):
        await scheduler(world).round()
        waiting = await read(world, task)
        async with world.db.transaction() as work:  # somebody looks at it too early
            await work.tasks.postpone(task.id, world.clock.now(), waiting.status_reason, waiting.refused_for)
    assert await refusals(world, task) == ["outside_hours"]
    assert "opens Monday at 23:00" in (await read(world, task)).status_reason


async def test_calls_to_a_number_count_over_all_tenants(world: World) -> None:
    users = [await add_user(world.db, name) for name in ("Maria", "Noah")]
    tasks = [(await add_campaign(world.db, user.id, sample_plan([ANNA])))[1][0] for user in users]
    for status in (CallStatus.COMPLETED, CallStatus.BUSY, CallStatus.FAILED, CallStatus.CONGESTION):
        await call(world, tasks[0], status=status)  # the last two never rang
    limited = scheduler(world, calls_per_number=3)
    await limited.round()
    states = [await read(world, task) for task in tasks]
    assert [state.status for state in states] == [TaskStatus.QUEUED_FOR_CALL, TaskStatus.SCHEDULED]
    assert await refusals(world, tasks[1]) == ["called_too_often"]
    assert "Maria" not in states[1].status_reason
    first_rang = world.clock.now()
    assert states[1].next_attempt_at == first_rang + timedelta(hours=24)


async def test_money_is_held_for_open_calls_and_the_budget_is_never_overdrawn(world: World) -> None:
    user = await add_user(world.db)
    numbers = [f"+1202555{n:04}" for n in range(10)]
    plan = sample_plan(numbers, max_call_minutes=10, max_spend=3.5)
    _, tasks = await add_campaign(world.db, user.id, plan)
    await call(world, tasks[0], minutes=5)  # 0.50 are spent
    await scheduler(world, price_per_minute=0.1).round()
    states = [(await read(world, task)).status for task in tasks]
    assert states.count(TaskStatus.QUEUED_FOR_CALL) == 3  # 0.50 + 3 x 1.00 = 3.50
    assert states.count(TaskStatus.SCHEDULED) == 7  # until it is known what these cost
    world.clock.advance(10)
    async with world.db.transaction() as work:
        await work.tasks.release_stale(0)
    assert (await refusals(world, tasks[9])) == ["budget_used"]


async def test_a_tenants_budget_of_a_day_holds_over_campaigns(world: World) -> None:
    user, other = await add_user(world.db), await add_user(world.db, "Other")
    _, (first,) = await add_campaign(world.db, user.id, sample_plan([ANNA]))
    _, (second,) = await add_campaign(world.db, user.id, sample_plan([BEN]))
    _, (foreign,) = await add_campaign(world.db, other.id, sample_plan([BEN]))
    await call(world, first, minutes=9)
    await scheduler(world, price_per_minute=0.1, max_spend_per_day=1.0).round()
    assert (await read(world, second)).status is TaskStatus.SCHEDULED
    assert await refusals(world, second) == ["day_budget_used"]
    assert (await read(world, foreign)).status is TaskStatus.QUEUED_FOR_CALL


async def test_an_unknown_zone_is_asked_for_and_the_answer_sets_it(world: World) -> None:
    user = await add_user(world.db)
    _, (task,) = await add_campaign(world.db, user.id, sample_plan([FREEPHONE], calling_window={}))
    await scheduler(world).round()
    async with world.db.read() as work:
        (question,) = await work.feedback.pending(user.id)
    assert (question.sets, STOP in question.options) == (SETS_TIMEZONE, True)
    service = FeedbackManagerService(world.db, world.bell)
    for vague in ("no idea", "CST"):
        with pytest.raises(UserMistake, match="Europe/Berlin"):
            await service.answer(user.id, question.id, vague)
    async with world.db.read() as work:
        assert len(await work.feedback.pending(user.id)) == 1  # it stays open
    await service.answer(user.id, question.id, "they are in Berlin")
    assert (await read(world, task)).timezone == "Europe/Berlin"
    await scheduler(world).round()
    assert (await read(world, task)).status is TaskStatus.QUEUED_FOR_CALL  # 16:00 there


async def test_a_user_can_stop_instead_of_naming_a_zone(world: World) -> None:
    user = await add_user(world.db)
    _, (task,) = await add_campaign(world.db, user.id, sample_plan([FREEPHONE], calling_window={}))
    await scheduler(world).round()
    async with world.db.read() as work:
        (question,) = await work.feedback.pending(user.id)
    await FeedbackManagerService(world.db, world.bell).answer(user.id, question.id, STOP)
    stopped = await read(world, task)
    assert (stopped.status, stopped.timezone) == (TaskStatus.CANCELLED, None)


async def test_a_window_that_never_opens_ends_the_task_and_says_so(world: World) -> None:
    user = await add_user(world.db)
    _, (task,) = await add_campaign(world.db, user.id, sample_plan([ANNA], calling_window={"weekdays": []}))
    await scheduler(world).round()
    ended = await read(world, task)
    assert (ended.status, await refusals(world, task)) == (TaskStatus.FAILED, ["window_never_opens"])
    assert "never opens" in ended.status_reason


async def test_the_facts_of_a_round_are_read_at_once(world: World) -> None:
    """The number of looks at lists and calls does not grow with the tasks."""
    user = await add_user(world.db)
    sent: list[str] = []
    event.listen(world.db._engine.sync_engine, "before_cursor_execute", lambda *parts: sent.append(parts[2]))
    looks = []
    for first, count in ((0, 2), (100, 30)):
        plan = sample_plan([f"+1202555{n:04}" for n in range(first, first + count)], max_spend=100)
        await add_campaign(world.db, user.id, plan)
        sent.clear()
        await scheduler(world, calls_per_number=3, price_per_minute=0.1).round()
        looks.append(sum("FROM dnd_list" in text or "FROM calls" in text for text in sent))
    assert looks[0] == looks[1]
