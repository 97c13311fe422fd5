"""What an analysis says beside its outcome: sentiment, quality, words of a call-back. Each as far as its proof goes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from opendeep.common.data_models import Call, Disposition, Speaker, Task, TaskStatus, TranscriptTurn
from opendeep.config.app_config import load_config
from opendeep.llm_integrations.openai_form_client import OpenAIFormClient
from opendeep.post_call_analyzer_service.analysis_svc import AnalysisService
from tests.integration.test_minds_analysis import ASK, YES, analysed, analyser, judged
from tests.support.database import World, add_campaign, add_user, make_world, sample_plan, sqlite_url
from tests.support.finished_calls import Line, finished_call
from tests.support.minds import ScriptedProvider, offline_minds

DEADLINE_S = 60.0


@pytest.fixture
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """On SQLite unless the test is marked for PostgreSQL."""
    on_postgres = request.node.get_closest_marker("postgres") is not None
    world = await make_world(request.getfixturevalue("postgres_url") if on_postgres else sqlite_url(tmp_path))
    yield world
    await world.db.close()


@pytest.fixture
async def task(world: World) -> Task:
    user = await add_user(world.db)
    _, tasks = await add_campaign(world.db, user.id, sample_plan(["+12025550101"]))
    return tasks[0]


async def read_by(world: World, task: Task, answer: Any, lines: list[Line] = YES) -> dict[str, Any]:
    await finished_call(world, task, lines, reason="completed")
    async with ScriptedProvider([answer]).serving() as url, analyser(world, url) as service:
        await service.round()
    _, call = await analysed(world, task)
    assert call.analysis is not None
    return dict(call.analysis)


async def test_sentiment_and_remarks_are_kept_with_turns_that_exist(world: World, task: Task) -> None:
    mood = {"mood": "positive", "turns": [4, 2]}
    notes = [{"flag": "callee_confused", "turns": [2]}, {"flag": "unsupported_claim", "turns": [5]}]
    document = await read_by(world, task, judged(sentiment=mood, quality=notes))
    assert document["sentiment"] == mood
    assert document["quality"] == [{"flag": note["flag"], "by": "model", "turns": note["turns"]} for note in notes]


@pytest.mark.parametrize("turns", [[], [1], [4, 77]], ids=["none", "ours", "invented"])
async def test_a_sentiment_that_is_not_proved_is_emptied(world: World, task: Task, turns: list[int]) -> None:
    answer = judged(sentiment={"mood": "negative", "turns": turns}, quality=[{"flag": "misunderstood", "turns": [99]}])
    document = await read_by(world, task, answer)
    assert (document["sentiment"], document["quality"]) == (None, [])
    assert "sentiment: cites no words of the callee" in document["dropped"]
    assert "quality: cites turns that do not exist" in document["dropped"]


async def test_a_call_back_needs_words_that_the_callee_said(world: World, task: Task) -> None:
    lines = [*YES[:3], ("callee", "not now please call me later")]
    answer = judged(disposition="CALLBACK_REQUESTED", next_step="callback", callback_words="tomorrow at three")
    document = await read_by(world, task, answer, lines)
    assert (document["callback_words"], document["callback_at"]) == (None, None)
    assert any("was not said by the callee" in reason for reason in document["dropped"])
    after, _ = await analysed(world, task)
    assert (after.status, after.promised_at) == (TaskStatus.SCHEDULED, None)


async def test_the_words_become_a_time_in_the_callees_zone(world: World, task: Task) -> None:
    lines = [*YES[:3], ("callee", "not now please call me"), ("callee", "tomorrow at three")]
    answer = judged(disposition="CALLBACK_REQUESTED", next_step="callback", callback_words="call me tomorrow at three")
    await read_by(world, task, answer, lines)
    after, _ = await analysed(world, task)
    assert after.promised_at is not None
    local = after.promised_at.astimezone(ZoneInfo("America/New_York"))
    assert (local.day, local.hour) == (3, 15)


async def test_rows_show_what_no_model_may_hide(world: World, task: Task) -> None:
    """The model says that all was well; the turn times and the callee's words say otherwise."""
    call = await finished_call(world, task, reason="completed")
    spoken = [
        ("ai", "Hello.", 0, 800),
        ("callee", "am i talking to a robot", 1_000, 2_000),
        (*ASK, 4_500, 8_000),
        ("callee", "yes tuesday at ten works for me", 8_200, 10_000),
        (*ASK, 9_000, 12_000),
    ]
    async with world.db.transaction() as work:
        for number, (who, words, start, end) in enumerate(spoken, 1):
            turn = TranscriptTurn(call.id, number, Speaker(who), words, start, end)
            await work.transcripts.put(task.user_id, task.id, turn)
    async with ScriptedProvider([judged(quality=[])]).serving() as url, analyser(world, url) as service:
        await service.round()
    _, read = await analysed(world, task)
    assert read.analysis is not None
    assert read.analysis["quality"] == [
        {"flag": "dead_air", "by": "rows", "turns": [3], "ms": 2_500},
        {"flag": "repeated_question", "by": "rows", "turns": [5]},
        {"flag": "interrupted_by_us", "by": "rows", "turns": [5], "ms": 1_000},
        {"flag": "detected_as_ai", "by": "rows", "turns": [2]},
    ]


async def test_the_offline_judge_reads_a_mood_from_plain_words_only(world: World, task: Task) -> None:
    await finished_call(
        world, task, [*YES[:3], ("callee", "yes perfect tuesday at ten works for me")], reason="completed"
    )
    async with offline_minds() as url, analyser(world, url) as service:
        await service.round()
    _, call = await analysed(world, task)
    assert call.analysis is not None
    assert call.analysis["sentiment"] == {"mood": "positive", "turns": [4]}


@pytest.mark.postgres
async def test_many_analysers_at_once_read_a_call_once(world: World, task: Task) -> None:
    await finished_call(world, task, YES, reason="completed")
    field = {"key": "slot_ok", "value": "yes", "turns": [4], "quote": "yes tuesday at ten works for me"}
    provider = ScriptedProvider([judged(fields=[field])])
    async with provider.serving() as url:
        clients = [OpenAIFormClient("key", url, "model", 5_000) for _ in range(6)]
        workers = [
            AnalysisService(world.db, world.bell, llm, world.clock, load_config(node_id=f"n{number}"))
            for number, llm in enumerate(clients)
        ]
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(*(worker.round() for worker in workers))
        for client in clients:
            await client.close()
    after, call = await analysed(world, task)
    assert (after.status, after.disposition) == (TaskStatus.COMPLETED, Disposition.ACHIEVED)
    assert len(provider.requests) == 1
    assert await _times_read(world, task, call) == 1


async def _times_read(world: World, task: Task, call: Call) -> int:
    async with world.db.read() as work:
        events = await work.events.of_call(task.user_id, call.id)
    return [event.kind for event in events].count("analysis.done")
