"""The lifecycle manager and the summariser on a real database."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from opendeep.campaign_summarizer_service.summarizer_svc import RETRY_AFTER_BUG, CampaignSummarizerService
from opendeep.common.data_models import CallStatus, CampaignStatus, Task, TaskStatus
from opendeep.common.decisions import OPTIONS
from opendeep.common.errors import Conflict, ProviderFault
from opendeep.config.app_config import load_config
from opendeep.llm_integrations.openai_form_client import Message, OpenAIFormClient
from opendeep.post_call_analyzer_service.analysis_svc import AnalysisService
from opendeep.task_manager.task_lifecycle_manager_svc import TaskLifecycleManagerService
from tests.support.database import World, add_campaign, add_user, make_world, sample_plan, sqlite_url
from tests.support.finished_calls import Line, finished_call
from tests.support.minds import ScriptedProvider, completion, failure, offline_minds

HOUR_S = 3_600.0
YES: list[Line] = [
    ("ai", "Does Tuesday at ten work for you?"),
    ("callee", "yes tuesday at ten works for me"),
    ("ai", "Thank you. Goodbye."),
]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = await make_world(sqlite_url(tmp_path))
    yield world
    await world.db.close()


@pytest.fixture
async def task(world: World) -> Task:
    user = await add_user(world.db)
    _, tasks = await add_campaign(world.db, user.id, sample_plan(["+12025550101"]))
    return tasks[0]


def manager(world: World) -> TaskLifecycleManagerService:
    return TaskLifecycleManagerService(world.db, world.bell, world.clock, load_config())


async def now(world: World, task: Task) -> Task:
    async with world.db.read() as work:
        return await work.tasks.get(task.user_id, task.id)


async def decisions_of(world: World, task: Task) -> list[tuple[Any, Any]]:
    async with world.db.read() as work:
        return [(one.rule, one.action) for one, _, _ in await work.lifecycle.recent(task.user_id)]


async def move(world: World, task: Task, *statuses: TaskStatus) -> None:
    async with world.db.transaction() as work:
        for status in statuses:
            await work.tasks.transition(task.id, status, "Moved by the test.")


class BuggyManager(TaskLifecycleManagerService):
    """Fails for one tenant."""

    broken_for: UUID | None = None

    async def look_after(self, user_id: UUID) -> int:
        if user_id == self.broken_for:
            raise RuntimeError("a bug that one tenant's rows bring out")
        return await super().look_after(user_id)


class BuggyModel:
    """A model client with a bug that one campaign brings out; for the others a provider that is away."""

    def __init__(self, words: str) -> None:
        self.words = words
        self.asked = 0

    async def structured(self, system: str, messages: Sequence[Message], response_model: type[Any], name: str) -> Any:
        self.asked += 1
        if self.words in messages[0]["content"]:
            raise RuntimeError("a bug that one campaign brings out")
        raise ProviderFault("The language model cannot be reached.")


# -- lifecycle


async def test_one_tenants_trouble_is_not_the_others(world: World, task: Task) -> None:
    other = await add_user(world.db, "Somebody Else")
    _, (theirs,) = await add_campaign(world.db, other.id, sample_plan(["+12025550102"]))
    world.clock.advance(HOUR_S)
    buggy = BuggyManager(world.db, world.bell, world.clock, load_config())
    buggy.broken_for = task.user_id
    await buggy.round()
    assert (await now(world, task)).priority == 0
    assert (await now(world, theirs)).priority == 10


async def test_nothing_is_done_where_nothing_is_wrong(world: World, task: Task) -> None:
    assert await manager(world).look_after(task.user_id) == 0
    assert await decisions_of(world, task) == []


async def test_an_overdue_task_is_preferred_once_an_hour_up_to_a_limit(world: World, task: Task) -> None:
    world.clock.advance(HOUR_S)
    await manager(world).round()
    await manager(world).round()
    assert (await now(world, task)).priority == 10
    assert await decisions_of(world, task) == [("overdue", "reprioritise")]
    for _ in range(8):
        world.clock.advance(HOUR_S + 1)
        await manager(world).round()
    assert (await now(world, task)).priority == 50


async def test_tasks_of_a_paused_campaign_are_not_overdue(world: World, task: Task) -> None:
    async with world.db.transaction() as work:
        await work.campaigns.set_status(task.user_id, task.campaign_id, CampaignStatus.PAUSED)
    world.clock.advance(HOUR_S)
    assert await manager(world).look_after(task.user_id) == 0


async def test_a_task_that_waits_for_a_worker_is_reported_and_its_bell_rung(world: World, task: Task) -> None:
    await move(world, task, TaskStatus.QUEUED_FOR_CALL)
    world.clock.advance(600)
    async with world.bell.listen("bell:tasks_queued") as rings:
        await manager(world).round()
        assert await rings.next(timeout=5) is not None
    after = await now(world, task)
    assert (after.status, after.version) == (TaskStatus.QUEUED_FOR_CALL, 2)
    assert await decisions_of(world, task) == [("stuck", "report")]


async def test_a_task_that_somebody_holds_is_left_alone(world: World, task: Task) -> None:
    await finished_call(world, task, YES)
    async with world.db.transaction() as work:
        await work.tasks.claim(TaskStatus.PENDING_ANALYSIS, "analysis:elsewhere", 1, HOUR_S)
    world.clock.advance(HOUR_S / 2)
    assert await manager(world).look_after(task.user_id) == 0
    world.clock.advance(HOUR_S)
    assert await manager(world).look_after(task.user_id) == 1


async def test_a_call_without_an_end_is_given_to_the_analyser(world: World, task: Task) -> None:
    await move(world, task, TaskStatus.QUEUED_FOR_CALL, TaskStatus.CALL_IN_PROGRESS)
    world.clock.advance(600)
    await manager(world).round()
    assert (await now(world, task)).status is TaskStatus.PENDING_ANALYSIS
    assert await decisions_of(world, task) == [("lost_call", "reanalyse")]


async def test_a_task_that_waits_for_the_user_gets_its_question_once(world: World, task: Task) -> None:
    await move(world, task, TaskStatus.NEEDS_USER)
    for _ in range(3):
        world.clock.advance(120)
        await manager(world).round()
    async with world.db.read() as work:
        questions = await work.feedback.pending(task.user_id)
    assert [tuple(question.options) for question in questions] == [OPTIONS]
    world.clock.advance(5 * HOUR_S)
    await manager(world).round()
    await manager(world).round()
    assert await decisions_of(world, task) == [("unanswered_question", "remind"), ("no_question", "check_in_with_user")]


async def test_a_hold_ends_at_its_time(world: World, task: Task) -> None:
    async with world.db.transaction() as work:
        until = work.now
        await work.tasks.transition(task.id, TaskStatus.ON_HOLD, "On hold.", next_attempt_at=until)
    world.clock.advance(1)
    await manager(world).round()
    assert (await now(world, task)).status is TaskStatus.SCHEDULED


async def test_a_long_running_task_is_put_to_the_user_once(world: World) -> None:
    user = await add_user(world.db)
    _, (task,) = await add_campaign(world.db, user.id, sample_plan(["+12025550101"], max_attempts=9))
    for _ in range(4):
        await move(world, task, TaskStatus.QUEUED_FOR_CALL, TaskStatus.CALL_IN_PROGRESS, TaskStatus.PENDING_ANALYSIS)
        async with world.db.transaction() as work:
            reason = "Nobody picked up."
            await work.tasks.transition(task.id, TaskStatus.SCHEDULED, reason, counts_attempt=True)
    await manager(world).round()
    assert (await now(world, task)).status is TaskStatus.NEEDS_USER
    assert await decisions_of(world, task) == [("long_running", "check_in_with_user")]


async def test_one_tenants_tasks_say_nothing_to_another(world: World, task: Task) -> None:
    stranger = await add_user(world.db, "Somebody Else")
    world.clock.advance(HOUR_S)
    assert await manager(world).look_after(stranger.id) == 0
    assert (await now(world, task)).priority == 0


# -- the report


async def finished_campaign(world: World) -> Task:
    """Two tasks: one achieved with evidence, one cancelled."""
    user = await add_user(world.db)
    _, (first, second) = await add_campaign(world.db, user.id, sample_plan(["+12025550101", "+12025550102"]))
    await finished_call(world, first, YES, reason="completed")
    async with offline_minds() as url:
        llm = OpenAIFormClient(None, url, "m", 5_000)
        await AnalysisService(world.db, world.bell, llm, world.clock, load_config()).round()
        await llm.close()
    await move(world, second, TaskStatus.CANCELLED)
    return first


async def report_by(world: World, task: Task, url: str) -> dict[str, Any]:
    llm = OpenAIFormClient(None, url, "m", 5_000)
    await CampaignSummarizerService(world.db, world.bell, llm, world.clock).round()
    await llm.close()
    async with world.db.read() as work:
        campaign = await work.campaigns.get(task.user_id, task.campaign_id)
    assert campaign.status is CampaignStatus.COMPLETED
    return dict(campaign.report or {})


async def test_the_report_links_every_paragraph_to_its_calls(world: World) -> None:
    task = await finished_campaign(world)
    async with offline_minds() as url:
        report = await report_by(world, task, url)
    assert report["by"] == "model"
    figures = report["figures"]
    assert (figures["tasks"], figures["completed"], figures["cancelled"], figures["calls"]) == (2, 1, 1, 1)
    assert figures["talk_seconds"] == 6.0
    calls = {call["call_id"] for line in report["tasks"] for call in line["calls"]}
    assert [set(paragraph["calls"]) <= calls for paragraph in report["paragraphs"]] == [True]
    assert report["paragraphs"][0]["turns"] == [2]
    assert report["tasks"][0]["result"]["slot_ok"]["turns"] == [2]


async def test_claims_without_a_valid_reference_are_removed(world: World) -> None:
    task = await finished_campaign(world)
    good = {"call": "c1", "turns": [2]}
    paragraphs = [
        {"text": "True.", "sources": [good]},
        {"text": "No call.", "sources": []},
        {"text": "No such call.", "sources": [good, {"call": "c7", "turns": []}]},
        {"text": "No such turn.", "sources": [{"call": "c1", "turns": [44]}]},
    ]
    headline = {"text": "All went well.", "sources": [good]}
    answer = completion(orjson.dumps({"headline": headline, "paragraphs": paragraphs}).decode())
    async with ScriptedProvider([answer]).serving() as url:
        report = await report_by(world, task, url)
    assert [paragraph["text"] for paragraph in report["paragraphs"]] == ["True."]
    assert report["removed_claims"] == 3


async def test_without_a_provider_the_figures_are_reported_with_a_mark(world: World) -> None:
    task = await finished_campaign(world)
    async with ScriptedProvider([failure(500)]).serving() as url:
        report = await report_by(world, task, url)
    assert (report["by"], report["paragraphs"]) == ("figures", [])
    assert report["headline"] == "Inspections: 1 of 2 tasks completed."


async def test_a_campaign_with_open_tasks_has_no_report_yet(world: World, task: Task) -> None:
    provider = ScriptedProvider([failure(500)])
    async with provider.serving() as url:
        llm = OpenAIFormClient(None, url, "m", 5_000)
        await CampaignSummarizerService(world.db, world.bell, llm, world.clock).round()
        await llm.close()
    assert provider.requests == []


async def test_a_bug_in_one_report_delays_only_that_one(world: World, task: Task) -> None:
    other = await add_user(world.db, "Somebody Else")
    plan = sample_plan(["+12025550102"]).model_copy(update={"objective": "Bring out the bug."})
    _, (poisoned,) = await add_campaign(world.db, other.id, plan)
    for one in (poisoned, task):
        await finished_call(world, one, status=CallStatus.BUSY)
        async with world.db.transaction() as work:
            await work.tasks.transition(one.id, TaskStatus.CANCELLED, "Moved by the test.")
    model = BuggyModel("Bring out the bug.")
    service = CampaignSummarizerService(world.db, world.bell, model, world.clock)
    await service.round()
    await service.round()
    assert model.asked == 2  # the poisoned report waits before it is tried again
    async with world.db.read() as work:
        written = (await work.campaigns.get(task.user_id, task.campaign_id)).report
        missing = (await work.campaigns.get(other.id, poisoned.campaign_id)).report
    assert written is not None
    assert written["by"] == "figures"
    assert missing is None
    world.clock.advance(RETRY_AFTER_BUG.total_seconds() + 1)
    await service.round()
    assert model.asked == 3


async def test_two_summarisers_write_one_report(world: World) -> None:
    """The second begins and ends while the first still waits for its model."""
    task = await finished_campaign(world)
    second: list[CampaignSummarizerService] = []

    async def slow(request: Any) -> Any:
        await second[0].round()
        late = {"text": "Too late.", "sources": [{"call": "c1", "turns": [2]}]}
        return completion(orjson.dumps({"headline": late, "paragraphs": [late]}).decode())

    async with ScriptedProvider([slow]).serving() as slow_url, ScriptedProvider([failure(500)]).serving() as quick_url:
        clients = [OpenAIFormClient(None, url, "m", 5_000) for url in (slow_url, quick_url)]
        first, other = (CampaignSummarizerService(world.db, world.bell, llm, world.clock) for llm in clients)
        second.append(other)
        await first.round()
        for client in clients:
            await client.close()
    async with world.db.read() as work:
        campaign = await work.campaigns.get(task.user_id, task.campaign_id)
    assert campaign.report is not None
    assert campaign.report["headline"] != "Too late."
    with pytest.raises(Conflict):
        async with world.db.transaction() as work:
            await work.campaigns.save_report(task.user_id, task.campaign_id, {"headline": "Later."}, final=True)
