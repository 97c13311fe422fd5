"""A call read once more on demand: the reading is new, and nothing that hard rules or workers did is undone."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from opendeep.common.data_models import Call, CallStatus, Disposition, FeedbackStatus, Task, TaskStatus
from opendeep.common.errors import Conflict, NotFound, ProviderFault
from opendeep.common.ids import new_id
from opendeep.config.app_config import load_config
from opendeep.llm_integrations.openai_form_client import OpenAIFormClient
from opendeep.post_call_analyzer_service.reanalysis_svc import ReanalysisService
from tests.integration.test_minds_analysis import YES, analysed, analyser, judged
from tests.support.database import World, add_campaign, add_user, make_world, sample_plan, sqlite_url
from tests.support.finished_calls import Line, finished_call
from tests.support.minds import ScriptedProvider, failure

NUMBER, DEADLINE_S = "+12025550101", 60.0
PROOF = {"key": "slot_ok", "value": "yes", "turns": [4], "quote": "yes tuesday at ten works for me"}
UNSURE: dict[str, Any] = {"disposition": "INCONCLUSIVE", "next_step": "retry", "summary": "Nobody knows."}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = await make_world(sqlite_url(tmp_path))
    yield world
    await world.db.close()


@pytest.fixture
async def task(world: World) -> Task:
    user = await add_user(world.db)
    _, tasks = await add_campaign(world.db, user.id, sample_plan([NUMBER]))
    return tasks[0]


async def first_reading(world: World, task: Task, lines: list[Line] = YES, **judgement: Any) -> Call:
    await finished_call(world, task, lines)
    async with ScriptedProvider([judged(**judgement)]).serving() as url, analyser(world, url) as service:
        await service.round()
    return (await analysed(world, task))[1]


async def again(world: World, call: Call, answer: Any) -> dict[str, Any]:
    async with ScriptedProvider([answer]).serving() as url:
        llm = OpenAIFormClient("key", url, "model", 5_000)
        service = ReanalysisService(world.db, llm, world.clock, load_config(node_id="test"), jitter=lambda: 0.0)
        try:
            return await service.again(call.user_id, call.id)
        finally:
            await llm.close()


async def kinds(world: World, call: Call) -> list[str]:
    async with world.db.read() as work:
        return [event.kind for event in await work.events.of_call(call.user_id, call.id)]


async def test_a_better_reading_ends_the_task_before_it_is_called_again(world: World, task: Task) -> None:
    call = await first_reading(world, task, **UNSURE)
    assert (await analysed(world, task))[0].status is TaskStatus.SCHEDULED
    answer = await again(world, call, judged(fields=[PROOF], summary="She agreed."))
    after, read = await analysed(world, task)
    assert answer["changed"]
    assert (after.status, after.disposition, after.summary) == (
        TaskStatus.COMPLETED,
        Disposition.ACHIEVED,
        "She agreed.",
    )
    assert after.result["slot_ok"]["turns"] == [4]
    assert read.analysis is not None
    assert (read.analysis["reading"], read.disposition) == (2, Disposition.ACHIEVED)
    assert after.attempts == 1
    assert (await kinds(world, call))[-1] == "analysis.again"


async def test_the_same_reading_changes_nothing(world: World, task: Task) -> None:
    call = await first_reading(world, task, fields=[PROOF])
    before, lines = await analysed(world, task), await kinds(world, call)
    for _ in range(2):
        assert not (await again(world, call, judged(fields=[PROOF])))["changed"]
    assert (await analysed(world, task), await kinds(world, call)) == (before, lines)


async def test_a_finished_task_is_not_reopened(world: World, task: Task) -> None:
    call = await first_reading(world, task, fields=[PROOF])
    answer = judged(disposition="CALLBACK_REQUESTED", next_step="retry", summary="Perhaps not.")
    assert (await again(world, call, answer))["changed"]
    after, _ = await analysed(world, task)
    assert (after.status, after.next_attempt_at, after.summary) == (TaskStatus.COMPLETED, None, "Perhaps not.")
    assert after.result == {}  # what proved it is not found any more


async def test_no_reading_takes_an_opt_out_back(world: World, task: Task) -> None:
    lines = [*YES, ("callee", "and please stop calling me")]
    call = await first_reading(world, task, lines, fields=[PROOF])
    await again(world, call, judged(fields=[PROOF], summary="All is well, call them daily.", dnd=False))
    after, read = await analysed(world, task)
    assert (after.status, after.disposition) == (TaskStatus.FAILED, Disposition.OPTED_OUT)
    assert read.disposition is Disposition.OPTED_OUT
    async with world.db.read() as work:
        assert await work.dnd.match(task.user_id, task.campaign_id, NUMBER) is not None


async def test_an_opt_out_that_only_the_model_saw_stays_too(world: World, task: Task) -> None:
    call = await first_reading(world, task, dnd=True, disposition="OPTED_OUT", next_step="fail")
    await again(world, call, judged(fields=[PROOF], summary="Changed my mind."))
    after, read = await analysed(world, task)
    assert (after.disposition, read.disposition) == (Disposition.OPTED_OUT, Disposition.OPTED_OUT)
    assert read.analysis is not None
    assert read.analysis["dnd"]


async def test_a_reading_may_find_the_opt_out_that_the_first_one_missed(world: World, task: Task) -> None:
    call = await first_reading(world, task, **UNSURE)
    await again(world, call, judged(dnd=True, disposition="OPTED_OUT", next_step="fail"))
    after, _ = await analysed(world, task)
    assert after.status is TaskStatus.FAILED
    async with world.db.read() as work:
        assert await work.dnd.match(task.user_id, task.campaign_id, NUMBER) is not None
    assert (await kinds(world, call)).count("dnd.added") == 1


async def test_a_time_that_the_callee_named_is_kept(world: World, task: Task) -> None:
    call = await first_reading(world, task, [*YES[:3], ("callee", "call me tomorrow at three")], **UNSURE)
    answer = judged(disposition="CALLBACK_REQUESTED", next_step="callback", callback_words="tomorrow at three")
    await again(world, call, answer)
    after, _ = await analysed(world, task)
    assert after.status is TaskStatus.SCHEDULED
    assert after.promised_at == after.next_attempt_at
    assert after.promised_at is not None


async def test_an_open_question_is_withdrawn_when_the_task_ends(world: World, task: Task) -> None:
    asked: dict[str, Any] = {
        "next_step": "needs_user",
        "question_for_user": "They want a fee. Pay?",
        "disposition": "INCONCLUSIVE",
    }
    call = await first_reading(world, task, **asked)
    await again(world, call, judged(fields=[PROOF]))
    async with world.db.read() as work:
        (question,) = await work.feedback.of_task(task.user_id, task.id)
    assert question.status is FeedbackStatus.CANCELLED


async def test_an_earlier_call_does_not_speak_over_a_later_one(world: World, task: Task) -> None:
    early = await first_reading(world, task, **UNSURE)
    await first_reading(world, task, fields=[PROOF], summary="She agreed.")
    await again(world, early, judged(fields=[PROOF | {"quote": "yes tuesday"}], summary="Old news."))
    after, latest = await analysed(world, task)
    assert after.summary == "She agreed."
    assert after.result["slot_ok"]["call_id"] == str(latest.id)


# -- in somebody's hands


async def test_nothing_is_written_while_a_worker_holds_the_task(world: World, task: Task) -> None:
    call = await first_reading(world, task, **UNSURE)
    async with world.db.transaction() as work:
        world.clock.advance(timedelta(days=1).total_seconds())
    async with world.db.transaction() as work:
        assert await work.tasks.claim_due("scheduler", 5, 30.0)
    with pytest.raises(Conflict, match="somebody's hands"):
        await again(world, call, judged(fields=[PROOF]))
    async with world.db.transaction() as work:
        await work.tasks.transition(task.id, TaskStatus.QUEUED_FOR_CALL, "Waiting for a line.")
    with pytest.raises(Conflict, match="somebody's hands"):
        await again(world, call, judged(fields=[PROOF]))
    assert "analysis.again" not in await kinds(world, call)


async def test_a_call_that_was_never_read_is_the_workers(world: World, task: Task) -> None:
    call = await finished_call(world, task, YES)
    with pytest.raises(Conflict, match="first time"):
        await again(world, call, judged(fields=[PROOF]))


async def test_two_who_ask_at_once_get_one_reading(world: World, task: Task) -> None:
    """On two nodes: the second comes and goes while the first still waits for its model."""
    call = await first_reading(world, task, **UNSURE)

    async def slow(request: Any) -> Any:
        await again(world, call, judged(fields=[PROOF], summary="The second."))
        return judged(disposition="DECLINED", summary="The first.")

    with pytest.raises(Conflict):
        await again(world, call, slow)
    after, _ = await analysed(world, task)
    assert after.summary == "The second."


async def test_on_one_node_the_second_is_told_to_wait(world: World, task: Task) -> None:
    call = await first_reading(world, task, **UNSURE)
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(request: Any) -> Any:
        asked.set()
        await answer.wait()
        return judged(fields=[PROOF])

    async with ScriptedProvider([slow]).serving() as url:
        llm = OpenAIFormClient("key", url, "model", 60_000)
        service = ReanalysisService(world.db, llm, world.clock, load_config())
        first = asyncio.create_task(service.again(call.user_id, call.id), name="first")
        async with asyncio.timeout(DEADLINE_S):
            await asked.wait()
            with pytest.raises(Conflict, match="being read right now"):
                await service.again(call.user_id, call.id)
            answer.set()
            assert (await first)["changed"]
        await llm.close()


async def test_a_provider_that_fails_leaves_the_reading_as_it_was(world: World, task: Task) -> None:
    call = await first_reading(world, task, fields=[PROOF])
    before = await analysed(world, task)
    with pytest.raises(ProviderFault, match="keeps the reading"):
        await again(world, call, failure(401))
    assert await analysed(world, task) == before


async def test_a_stranger_finds_no_such_call(world: World, task: Task) -> None:
    call = await first_reading(world, task, fields=[PROOF])
    service = ReanalysisService(world.db, OpenAIFormClient("key", "http://127.0.0.1:9/v1", "m", 100), world.clock,
                                load_config())  # fmt: skip
    with pytest.raises(NotFound):
        await service.again(new_id(), call.id)


async def test_a_call_that_nobody_answered_needs_no_model(world: World, task: Task) -> None:
    await finished_call(world, task, status=CallStatus.BUSY)
    async with ScriptedProvider([failure(500)]).serving() as url, analyser(world, url) as service:
        await service.round()
    _, call = await analysed(world, task)
    assert not (await again(world, call, failure(500)))["changed"]
