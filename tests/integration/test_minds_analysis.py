"""The analyser on a real database: judgements by the offline minds over HTTP, and by scripted providers that err."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from opendeep.common.data_models import (
    Call,
    CallStatus,
    Disposition,
    DndScope,
    FeedbackKind,
    Task,
    TaskStatus,
)
from opendeep.common.errors import DatabaseUnavailable
from opendeep.config.app_config import load_config
from opendeep.llm_integrations.openai_form_client import OpenAIFormClient
from opendeep.post_call_analyzer_service.analysis_svc import AnalysisService
from opendeep.post_call_analyzer_service.judge import MAX_TRIES
from tests.support.database import World, add_campaign, add_user, make_world, sample_plan, sqlite_url
from tests.support.finished_calls import Line, finished_call
from tests.support.minds import ScriptedProvider, completion, failure, offline_minds

Fact = tuple[str, dict[str, Any]]
NUMBER = "+12025550101"
ASK = ("ai", "This is an AI assistant calling on behalf of Maria Keller. Does Tuesday at ten work for you?")
YES: list[Line] = [
    ("ai", "Hello."),
    ("callee", "hello good morning how can i help you"),
    ASK,
    ("callee", "yes tuesday at ten works for me"),
    ("ai", "Thank you. I have noted: yes to Tuesday at ten. Thank you for your time. Goodbye."),
]


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


@asynccontextmanager
async def analyser(world: World, base_url: str) -> AsyncIterator[AnalysisService]:
    llm = OpenAIFormClient("key", base_url, "model", 5_000)
    config = load_config(node_id="test", global_dnd_threshold=2)
    yield AnalysisService(world.db, world.bell, llm, world.clock, config, jitter=lambda: 0.0)
    await llm.close()


async def analysed(world: World, task: Task) -> tuple[Task, Call]:
    async with world.db.read() as work:
        call = await work.calls.latest_of_task(task.id)
        assert call is not None
        return await work.tasks.get(task.user_id, task.id), call


async def by_offline_minds(world: World, task: Task, lines: list[Line], reason: str, note: str = "") -> Task:
    await finished_call(world, task, lines, reason=reason, note=note)
    async with offline_minds() as url, analyser(world, url) as service:
        await service.round()
    after, call = await analysed(world, task)
    assert call.analysis is not None
    assert call.analysis["by"] == "model"
    return after


def _bug() -> float:
    raise RuntimeError("a bug between the model's answer and the rows")


# -- outcomes, judged by the offline minds


async def test_a_yes_completes_the_task_with_its_evidence(world: World, task: Task) -> None:
    after = await by_offline_minds(world, task, YES, "completed")
    assert (after.status, after.disposition) == (TaskStatus.COMPLETED, Disposition.ACHIEVED)
    proof = after.result["slot_ok"]
    assert (proof["value"], proof["turns"], proof["quote"]) == ("yes", [4], "yes tuesday at ten works for me")


async def test_an_opt_out_is_listed_and_never_called_again(world: World, task: Task) -> None:
    lines = [
        *YES[:3],
        ("callee", "please stop calling me take me off your list"),
        ("ai", "I will take you off our list."),
    ]
    after = await by_offline_minds(world, task, lines, "opt_out")
    assert (after.status, after.disposition) == (TaskStatus.FAILED, Disposition.OPTED_OUT)
    async with world.db.read() as work:
        entry = await work.dnd.match(task.user_id, task.campaign_id, NUMBER)
    assert entry is not None
    assert entry.scope is DndScope.USER
    assert entry.call_id is not None


async def test_a_call_back_is_made_at_the_time_that_was_said(world: World, task: Task) -> None:
    lines = [
        *YES[:3],
        ("callee", "i am busy right now can you call me tomorrow at three"),
        ("ai", "All right. Goodbye."),
    ]
    after = await by_offline_minds(world, task, lines, "callback", "tomorrow at three")
    assert (after.status, after.disposition) == (TaskStatus.SCHEDULED, Disposition.CALLBACK_REQUESTED)
    assert after.promised_at == after.next_attempt_at
    assert after.next_attempt_at is not None
    local = after.next_attempt_at.astimezone(ZoneInfo("America/New_York"))
    assert (local.day, local.hour, local.minute) == (3, 15, 0)  # the world's clock starts on Monday the 2nd


async def test_a_wrong_number_fails(world: World, task: Task) -> None:
    lines = [*YES[:3], ("callee", "sorry you have the wrong number nobody here has that name")]
    after = await by_offline_minds(world, task, lines, "wrong_number")
    assert (after.status, after.disposition) == (TaskStatus.FAILED, Disposition.WRONG_NUMBER)


async def test_a_message_is_left_once_and_counts_when_the_budget_ends(world: World, task: Task) -> None:
    lines: list[Line] = [
        ("callee", "hello you have reached my voicemail please leave a message after the beep"),
        ("ai", "Hello. This is an AI assistant calling on behalf of Maria Keller. We will call again. Goodbye."),
    ]
    after = await by_offline_minds(world, task, lines, "voicemail")
    assert (after.status, after.disposition) == (TaskStatus.SCHEDULED, Disposition.VOICEMAIL_LEFT)
    assert after.next_attempt_at == world.clock.now() + timedelta(minutes=30)
    after = await by_offline_minds(world, task, lines[:1], "voicemail")  # told to hang up on the mailbox
    assert (after.status, after.disposition) == (TaskStatus.SCHEDULED, Disposition.VOICEMAIL)
    assert after.next_attempt_at == world.clock.now() + timedelta(minutes=60)
    after = await by_offline_minds(world, task, lines[:1], "voicemail")
    assert after.disposition is Disposition.VOICEMAIL_LEFT
    _, call = await analysed(world, task)
    assert call.disposition is Disposition.VOICEMAIL
    async with world.db.read() as work:
        earlier = (await work.calls.brief(call.id)).earlier_calls
    assert [known.disposition for known in earlier[:2]] == ["VOICEMAIL_LEFT", "VOICEMAIL"]
    assert after.status is TaskStatus.COMPLETED


async def test_a_no_with_another_offer_goes_to_the_user(world: World, task: Task) -> None:
    lines: list[Line] = [
        *YES[:3],
        ("callee", "no sorry that does not work"),
        ("ai", "All right. Which other day and time would suit you?"),
        ("callee", "thursday afternoon would be better"),
        ("ai", "Thank you, I will pass that on. Goodbye."),
    ]
    after = await by_offline_minds(world, task, lines, "completed")
    assert (after.status, after.disposition) == (TaskStatus.NEEDS_USER, Disposition.DECLINED)
    async with world.db.read() as work:
        questions = await work.feedback.pending(task.user_id)
    assert [q.kind for q in questions] == [FeedbackKind.DECISION]
    assert "thursday afternoon" in questions[0].question


async def test_a_call_without_an_answer_to_the_question_is_repeated(world: World, task: Task) -> None:
    after = await by_offline_minds(world, task, [*YES[:3], ("callee", "who is this")], "no_progress")
    assert (after.status, after.disposition) == (TaskStatus.SCHEDULED, Disposition.INCONCLUSIVE)


# -- calls that nobody answered: no model is asked


@pytest.mark.parametrize(
    ("status", "disposition", "next_status"),
    [
        (CallStatus.BUSY, Disposition.BUSY, TaskStatus.SCHEDULED),
        (CallStatus.NO_ANSWER, Disposition.NO_ANSWER, TaskStatus.SCHEDULED),
        (CallStatus.REJECTED, Disposition.REJECTED, TaskStatus.SCHEDULED),
        (CallStatus.UNALLOCATED, Disposition.UNREACHABLE, TaskStatus.FAILED),
        (CallStatus.CONGESTION, Disposition.FAILED, TaskStatus.SCHEDULED),
    ],
)
async def test_unanswered_calls_are_judged_by_the_table(
    world: World, task: Task, status: CallStatus, disposition: Disposition, next_status: TaskStatus
) -> None:
    await finished_call(world, task, status=status)
    provider = ScriptedProvider([failure(500)])
    async with provider.serving() as url, analyser(world, url) as service:
        await service.round()
    after, call = await analysed(world, task)
    assert provider.requests == []
    assert (after.status, after.disposition) == (next_status, disposition)
    assert call.analysis is not None
    assert call.analysis["by"] == "table"


async def test_a_busy_line_is_tried_sooner_and_the_budget_ends_it(world: World, task: Task) -> None:
    async with ScriptedProvider([failure(500)]).serving() as url, analyser(world, url) as service:
        await finished_call(world, task, status=CallStatus.BUSY)
        await service.round()
        after, _ = await analysed(world, task)
        assert after.next_attempt_at == world.clock.now() + timedelta(minutes=7.5)
        for _ in range(2):
            await finished_call(world, task, status=CallStatus.NO_ANSWER)
            await service.round()
    after, _ = await analysed(world, task)
    assert (after.status, after.attempts) == (TaskStatus.FAILED, 3)


# -- rules outrank the model


def judged(**changes: Any) -> Any:
    """A model's judgement on the wire; ACHIEVED without evidence unless changed."""
    base = {
        "disposition": "ACHIEVED",
        "summary": "All went well.",
        "fields": [],
        "next_step": "complete",
        "callback_words": None,
        "question_for_user": None,
        "dnd": False,
        "evidence_turns": [1, 99],
    }
    return completion(orjson.dumps(base | changes).decode())


async def with_model(
    world: World, task: Task, lines: list[Line], answer: Any, reason: str | None = None, facts: Sequence[Fact] = ()
) -> Call:
    await finished_call(world, task, lines, reason=reason, facts=facts)
    async with ScriptedProvider([answer]).serving() as url, analyser(world, url) as service:
        await service.round()
    return (await analysed(world, task))[1]


async def test_a_field_whose_citation_does_not_hold_is_emptied(world: World, task: Task) -> None:
    invented = {"key": "slot_ok", "value": "yes", "turns": [4], "quote": "yes of course with pleasure"}
    call = await with_model(world, task, YES, judged(fields=[invented]))
    after, _ = await analysed(world, task)
    assert after.result == {}
    assert after.disposition is Disposition.INCONCLUSIVE  # ACHIEVED needs the required answer
    assert call.analysis is not None
    assert call.analysis["dropped"] == ["slot_ok: the quote is not in the cited turns"]
    assert call.analysis["evidence_turns"] == [1]


async def test_our_own_words_prove_nothing(world: World, task: Task) -> None:
    ours = {"key": "slot_ok", "value": "yes", "turns": [5], "quote": "yes to Tuesday at ten"}
    await with_model(world, task, YES, judged(fields=[ours]))
    assert (await analysed(world, task))[0].result == {}


async def test_opt_out_words_count_whatever_the_model_says(world: World, task: Task) -> None:
    lines = [*YES[:3], ("callee", "Don't call me again!")]
    await with_model(world, task, lines, judged(next_step="retry", disposition="INCONCLUSIVE"))
    after, _ = await analysed(world, task)
    assert (after.status, after.disposition) == (TaskStatus.FAILED, Disposition.OPTED_OUT)


async def test_a_number_that_several_users_must_not_call_becomes_global(world: World, task: Task) -> None:
    other = await add_user(world.db, "Somebody Else")
    _, (second,) = await add_campaign(world.db, other.id, sample_plan([NUMBER]))
    for one in (task, second):
        await with_model(world, one, [*YES[:3], ("callee", "stop calling")], judged())
    third = await add_user(world.db, "A Third One")
    async with world.db.read() as work:
        entry = await work.dnd.match(third.id, task.campaign_id, NUMBER)
    assert entry is not None
    assert entry.scope is DndScope.GLOBAL


async def test_a_call_back_date_never_comes_from_the_model(world: World, task: Task) -> None:
    answer = judged(disposition="CALLBACK_REQUESTED", next_step="callback", callback_words="when pigs fly")
    await with_model(world, task, [*YES[:3], ("callee", "call me when pigs fly")], answer)
    after, _ = await analysed(world, task)
    assert after.next_attempt_at == world.clock.now() + timedelta(minutes=30)


async def test_a_question_of_the_model_reaches_the_user(world: World, task: Task) -> None:
    answer = judged(disposition="INCONCLUSIVE", next_step="needs_user", question_for_user="They want a fee. Pay?")
    await with_model(world, task, [*YES[:3], ("callee", "that costs a fee")], answer)
    after, _ = await analysed(world, task)
    assert after.status is TaskStatus.NEEDS_USER
    async with world.db.read() as work:
        assert [q.question for q in await work.feedback.pending(task.user_id)] == ["They want a fee. Pay?"]


async def test_an_answer_that_came_after_the_call_is_read_as_late(world: World, task: Task) -> None:
    call = await finished_call(world, task, [*YES[:3], ("callee", "will the water be off")], reason="no_progress")
    async with world.db.transaction() as work:
        asked = await work.feedback.ask(
            task.user_id, task.campaign_id, task.id, "Will it be off?", kind=FeedbackKind.LIVE, call_id=call.id
        )
        await work.feedback.withdraw_of_call(call.id)
        await work.feedback.answer(task.user_id, asked.id, "No, it stays on.")
    provider = ScriptedProvider([judged(disposition="INCONCLUSIVE")])
    async with provider.serving() as url, analyser(world, url) as service:
        await service.round()
    question = provider.requests[0]["messages"][-1]["content"]
    record = orjson.loads(question[question.index("{") : question.rindex("}") + 1])
    given = {"question": "Will it be off?", "answer": "No, it stays on.", "late": True}
    assert record["task"]["answers_of_the_user"] == [given]


# -- what the tools of the call have fixed


async def test_a_promised_call_back_outranks_the_judgement_and_the_retry_policy(world: World, task: Task) -> None:
    at = world.clock.now() + timedelta(hours=5)
    promises: list[Fact] = [
        ("call.callback_promised", {"at": "2026-01-01T00:00:00+00:00", "words": "at ten", "turn": 2}),
        ("call.callback_promised", {"at": at.isoformat(), "words": "no, at three", "turn": 4}),
    ]
    answer = judged(disposition="DECLINED", callback_words="next friday at nine", evidence_turns=[])
    call = await with_model(world, task, [*YES[:3], ("callee", "not now")], answer, "declined", promises)
    after, _ = await analysed(world, task)
    assert (after.status, after.disposition) == (TaskStatus.SCHEDULED, Disposition.CALLBACK_REQUESTED)
    assert after.next_attempt_at == after.promised_at == at
    assert call.analysis is not None
    assert (call.analysis["callback_words"], call.analysis["evidence_turns"]) == ("no, at three", [4])


async def test_a_refusal_in_the_call_outranks_promise_and_judgement(world: World, task: Task) -> None:
    at = (world.clock.now() + timedelta(hours=5)).isoformat()
    facts: list[Fact] = [
        ("call.callback_promised", {"at": at, "words": "at three", "turn": 2}),
        ("call.do_not_call", {"words": "please no more", "turn": 4}),
    ]
    await with_model(world, task, [*YES[:3], ("callee", "please no more")], judged(), "completed", facts)
    after, _ = await analysed(world, task)
    assert (after.status, after.disposition) == (TaskStatus.FAILED, Disposition.OPTED_OUT)
    async with world.db.read() as work:
        assert await work.dnd.match(task.user_id, task.campaign_id, NUMBER) is not None


async def test_what_was_recorded_counts_where_the_model_found_nothing_or_something_else(
    world: World, task: Task
) -> None:
    facts: list[Fact] = [
        ("call.result_recorded", {"key": "slot_ok", "value": "no", "words": "hello", "turn": 2}),
        ("call.result_recorded", {"key": "slot_ok", "value": "yes", "words": "yes, Tuesday at ten works", "turn": 2}),
        ("call.result_recorded", {"key": "invented", "value": "1", "words": "yes", "turn": 4}),
    ]
    other = {"key": "slot_ok", "value": "no", "turns": [2], "quote": "hello good morning"}
    call = await with_model(world, task, YES, judged(disposition="INCONCLUSIVE", fields=[other]), None, facts)
    after, _ = await analysed(world, task)
    assert (after.status, after.disposition) == (TaskStatus.COMPLETED, Disposition.ACHIEVED)
    assert (after.result["slot_ok"]["value"], after.result["slot_ok"]["turns"]) == ("yes", [4])
    assert call.analysis is not None
    assert call.analysis["dropped"] == [
        "invented: not asked for",
        "slot_ok: “no” differs from what was found first",
    ]


async def test_a_call_that_the_user_stopped_waits_for_the_user(world: World, task: Task) -> None:
    stopped: list[Fact] = [("call.stopped_by_user", {})]
    await with_model(world, task, YES[:3], judged(disposition="INCONCLUSIVE", next_step="retry"), None, stopped)
    after, _ = await analysed(world, task)
    assert after.status is TaskStatus.NEEDS_USER
    assert "You hung up" in after.status_reason


async def test_whoever_was_put_through_and_left_no_result_is_the_users_matter(world: World, task: Task) -> None:
    facts: list[Fact] = [
        ("call.transferred", {"target": "reception"}),
        ("call.transfer_answered", {"target": "reception"}),
    ]
    await with_model(world, task, YES[:3], judged(disposition="INCONCLUSIVE", next_step="retry"), None, facts)
    after, _ = await analysed(world, task)
    assert after.status is TaskStatus.NEEDS_USER
    assert "reception" in after.status_reason


# -- the provider fails


async def test_a_failing_provider_is_asked_three_times_then_the_rules_judge(world: World, task: Task) -> None:
    await finished_call(world, task, YES, reason="completed")
    provider = ScriptedProvider([failure(500)])
    async with provider.serving() as url, analyser(world, url) as service:
        for expected in (5.0, 10.0):
            assert await service.round() == expected
            after, call = await analysed(world, task)
            assert (after.status, call.analysis) == (TaskStatus.PENDING_ANALYSIS, None)
            world.clock.advance(expected)
        await service.round()
    after, call = await analysed(world, task)
    assert after.status is TaskStatus.COMPLETED
    assert call.analysis is not None
    assert call.analysis["by"] == "rules"
    assert after.result["slot_ok"]["value"] == "yes"


@pytest.mark.parametrize(
    "answer",
    [failure(401), failure(429, "insufficient_quota"), completion(None, refusal="I cannot help with that.")],
    ids=["bad key", "no quota", "refusal"],
)
async def test_a_refusing_provider_is_not_asked_again(world: World, task: Task, answer: Any) -> None:
    call = await with_model(world, task, YES, answer, "completed")
    assert call.analysis is not None
    assert call.analysis["by"] == "rules"
    assert call.analysis["fault"]


async def test_wrong_json_is_repaired_once(world: World, task: Task) -> None:
    await finished_call(world, task, YES, reason="completed")
    field = {"key": "slot_ok", "value": "yes", "turns": [4], "quote": "Yes, Tuesday at ten works"}
    provider = ScriptedProvider([completion('{"disposition": "ACHI', finish="length"), judged(fields=[field])])
    async with provider.serving() as url, analyser(world, url) as service:
        await service.round()
    after, _ = await analysed(world, task)
    assert len(provider.requests) == 2
    assert "cannot be used" in provider.requests[1]["messages"][-1]["content"]
    assert after.status is TaskStatus.COMPLETED


async def test_a_bug_in_one_analysis_asks_the_model_a_bounded_number_of_times(world: World, task: Task) -> None:
    """Whatever goes wrong after the model's answer, the rules have the last word: the task is never stuck."""
    await finished_call(world, task, YES, reason="completed")
    provider = ScriptedProvider([judged(disposition="DECLINED")])
    async with provider.serving() as url, analyser(world, url) as service:
        service._jitter = _bug
        for _ in range(MAX_TRIES):
            delay = await service.round()
            assert delay is not None
            world.clock.advance(delay)
        service._jitter = lambda: 0.0
        await service.round()
    after, call = await analysed(world, task)
    assert len(provider.requests) == MAX_TRIES
    assert after.status is TaskStatus.COMPLETED
    assert call.analysis is not None
    assert call.analysis["by"] == "rules"


# -- once, and only when the words are there


async def test_the_analyser_waits_for_the_last_words_but_not_for_ever(world: World, task: Task) -> None:
    await finished_call(world, task, YES, reason="completed", media_written=False)
    async with offline_minds() as url, analyser(world, url) as service:
        assert await service.round() == 0.5
        after, _ = await analysed(world, task)
        assert after.status is TaskStatus.PENDING_ANALYSIS
        world.clock.advance(11)
        await service.round()
    after, _ = await analysed(world, task)
    assert after.status is TaskStatus.COMPLETED


async def test_two_analysers_write_one_result(world: World, task: Task) -> None:
    """The second claims after the first one's lease has run out, while the first still waits for its model."""
    await finished_call(world, task, YES, reason="completed")
    second: list[Callable[[], Awaitable[Any]]] = []

    async def slow(request: Any) -> Any:
        world.clock.advance(200)
        await second[0]()
        return judged(disposition="DECLINED")

    field = {"key": "slot_ok", "value": "yes", "turns": [4], "quote": "yes tuesday at ten works for me"}
    quick = ScriptedProvider([judged(fields=[field])])
    async with (
        ScriptedProvider([slow]).serving() as slow_url,
        quick.serving() as quick_url,
        analyser(world, slow_url) as first,
        analyser(world, quick_url) as other,
    ):
        second.append(other.round)
        await first.round()
    after, call = await analysed(world, task)
    assert (after.status, after.disposition) == (TaskStatus.COMPLETED, Disposition.ACHIEVED)
    async with world.db.read() as work:
        kinds = [event.kind for event in await work.events.of_call(task.user_id, call.id)]
    assert kinds.count("analysis.done") == 1


# -- interruptions


async def test_the_claims_of_a_killed_process_do_not_keep_its_tasks_waiting(world: World, task: Task) -> None:
    await finished_call(world, task, YES, reason="completed")
    async with world.db.transaction() as work:  # as the process did that was killed in the middle
        assert await work.tasks.claim(TaskStatus.PENDING_ANALYSIS, "analysis:test", 1, 180)
    async with offline_minds() as url, analyser(world, url) as restarted:
        await restarted.round()
    after, _ = await analysed(world, task)
    assert after.status is TaskStatus.COMPLETED


async def test_a_process_that_stops_gives_its_claims_back(world: World, task: Task) -> None:
    await finished_call(world, task, YES, reason="completed")
    asked = asyncio.Event()

    async def never(request: Any) -> Any:
        asked.set()
        await asyncio.Event().wait()

    async with ScriptedProvider([never]).serving() as url, analyser(world, url) as stopping:
        round_ = asyncio.create_task(stopping.round(), name="round")
        await asyncio.wait_for(asked.wait(), 20)
        round_.cancel()
        await asyncio.wait({round_})
        assert round_.cancelled()
    async with world.db.transaction() as work:
        assert await work.tasks.claim(TaskStatus.PENDING_ANALYSIS, "analysis:elsewhere", 1, 180)


async def test_an_analyser_that_stood_still_writes_nothing_about_a_task_that_went_on(world: World, task: Task) -> None:
    """Its lease has ended, and another one has claimed the task: the late one may not even put it off."""
    await finished_call(world, task, YES, reason="completed")

    async def late(request: Any) -> Any:
        world.clock.advance(200)
        async with world.db.transaction() as work:
            assert await work.tasks.claim(TaskStatus.PENDING_ANALYSIS, "analysis:elsewhere", 1, 180)
        return judged(disposition="DECLINED")

    async with ScriptedProvider([late]).serving() as url, analyser(world, url) as service:
        await service.round()
    after, call = await analysed(world, task)
    assert (after.status, call.analysis) == (TaskStatus.PENDING_ANALYSIS, None)
    async with world.db.transaction() as work:
        assert not await work.tasks.claim(TaskStatus.PENDING_ANALYSIS, "analysis:third", 1, 180)


async def test_the_claims_of_another_node_are_left_alone(world: World, task: Task) -> None:
    await finished_call(world, task, YES, reason="completed")
    async with world.db.transaction() as work:
        assert await work.tasks.claim(TaskStatus.PENDING_ANALYSIS, "analysis:elsewhere", 1, 180)
    async with offline_minds() as url, analyser(world, url) as service:
        await service.round()
    after, _ = await analysed(world, task)
    assert after.status is TaskStatus.PENDING_ANALYSIS


async def test_a_database_that_was_away_at_the_end_delays_one_round_only(world: World, task: Task) -> None:
    await finished_call(world, task, YES, reason="completed")
    outages = [DatabaseUnavailable("away")]

    def jitter() -> float:
        if outages:
            raise outages.pop()
        return 0.0

    async with offline_minds() as url:
        llm = OpenAIFormClient("key", url, "model", 5_000)
        service = AnalysisService(world.db, world.bell, llm, world.clock, load_config(node_id="test"), jitter=jitter)
        with pytest.raises(DatabaseUnavailable):
            await service.round()
        await service.round()
        await llm.close()
    after, _ = await analysed(world, task)
    assert after.status is TaskStatus.COMPLETED
