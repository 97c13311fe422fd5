"""The tool loop with somebody who watches: answers come piece by piece, over a real connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import BaseModel
from starlette.responses import Response

from opendeep.common.campaign_plan import AssistantTurn
from opendeep.common.errors import ProviderFault, ProviderRefused
from opendeep.llm_integrations import openai_form_client
from opendeep.llm_integrations.openai_form_client import LoopResult, OpenAIFormClient, ToolStep
from tests.support.minds import ScriptedProvider, completion, failure, offline_minds, streamed, tool_call

DEADLINE_S = 60.0


class Turn(BaseModel):
    message: str
    count: int = 0


class Record:
    """A `Watch` that keeps what it was told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    def tool_started(self, call_id: str, name: str, arguments: dict[str, Any]) -> None:
        self.events.append(("started", call_id))

    def tool_finished(self, step: ToolStep) -> None:
        self.events.append(("finished", step.id))

    def said(self, text: str) -> None:
        self.events.append(("said", text))

    def unsaid(self) -> None:
        self.events.append(("unsaid", None))

    @property
    def text(self) -> str:
        """What stands on the page at the end."""
        text = ""
        for kind, value in self.events:
            text = "" if kind == "unsaid" else text + value if kind == "said" else text
        return text


class Tools:
    """`slow` waits until `quick` has been called; `hang` never ends."""

    def __init__(self) -> None:
        self.quick_called = asyncio.Event()

    def tool_definitions(self) -> list[dict[str, Any]]:
        return [{"name": name, "description": name, "parameters": {"type": "object"}} for name in ("slow", "quick")]

    async def call(self, name: str, arguments: Any) -> dict[str, Any]:
        if name == "hang":
            await asyncio.Event().wait()
        if name == "slow":
            await self.quick_called.wait()
        self.quick_called.set()
        return {"status": "found", "name": name}


@asynccontextmanager
async def client(provider: ScriptedProvider) -> AsyncIterator[OpenAIFormClient]:
    async with provider.serving() as url:
        llm = OpenAIFormClient("key", url, "m", 60_000)
        yield llm
        await llm.close()


async def think(llm: OpenAIFormClient, watch: Record, **more: Any) -> LoopResult[Turn]:
    asked = [{"role": "user", "content": "Well?"}]
    return await llm.tool_loop(
        "S.", asked, Tools(), Turn, "turn", max_rounds=3, deadline_s=DEADLINE_S, watch=watch, **more
    )


async def test_the_message_comes_piece_by_piece_and_the_answer_is_whole() -> None:
    provider = ScriptedProvider([streamed(['{"mess', 'age": "Hel', "lo \\u00", 'e9", "cou', 'nt": 2}'])])
    watch = Record()
    async with client(provider) as llm:
        result = await think(llm, watch)
    assert result.answer == Turn(message="Hello é", count=2)
    assert provider.requests[0]["stream"] is True
    assert [value for kind, value in watch.events if kind == "said"] == ["Hel", "lo ", "é"]


async def test_streamed_tool_calls_run_together_and_their_results_keep_their_order() -> None:
    calls = [tool_call("a", "slow", '{"long": "argument"}'), tool_call("b", "quick", "{}")]
    provider = ScriptedProvider([streamed([], calls=calls), streamed(['{"message": "Done."}'])])
    watch = Record()
    async with client(provider) as llm:
        result = await think(llm, watch)
    assert [step.id for step in result.steps] == ["a", "b"]
    assert result.steps[0].arguments == {"long": "argument"}
    told = [event for event in watch.events if event[0] in ("started", "finished")]
    assert told == [("started", "a"), ("started", "b"), ("finished", "b"), ("finished", "a")]
    fed = provider.requests[1]["messages"][2:]
    assert [(m["role"], m.get("tool_call_id")) for m in fed] == [("assistant", None), ("tool", "a"), ("tool", "b")]


async def test_a_tool_that_hangs_costs_its_own_result_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_form_client, "TOOL_DEADLINE_S", 0.3)
    calls = [tool_call("a", "hang", "{}"), tool_call("b", "quick", "{}")]
    provider = ScriptedProvider([streamed([], calls=calls), streamed(['{"message": "Done."}'])])
    async with client(provider) as llm:
        result = await think(llm, Record())
    assert [step.result["status"] for step in result.steps] == ["error", "found"]


async def test_a_stream_that_is_cut_is_asked_for_again_and_what_was_said_is_taken_back() -> None:
    cut = streamed(['{"message": "I beg'], finish=None)
    provider = ScriptedProvider([cut, streamed(['{"message": "I begin anew."}'])])
    watch = Record()
    async with client(provider) as llm:
        assert (await think(llm, watch)).answer.message == "I begin anew."
    assert watch.text == "I begin anew."
    assert ("said", "I beg") in watch.events


async def test_a_stream_that_is_always_cut_is_a_fault() -> None:
    provider = ScriptedProvider([streamed(['{"message": "I beg'], finish=None)])
    async with client(provider) as llm:
        with pytest.raises(ProviderFault, match="stopped in the middle"):
            await think(llm, Record())
    assert len(provider.requests) == 2


async def test_an_answer_without_its_finish_is_taken_when_it_is_whole() -> None:
    async with client(ScriptedProvider([streamed(['{"message": "Whole."}'], finish=None)])) as llm:
        assert (await think(llm, Record())).answer.message == "Whole."


@pytest.mark.parametrize(
    ("answer", "fault", "requests"),
    [
        (failure(500), ProviderFault, 2),
        (failure(429, "insufficient_quota"), ProviderRefused, 1),
        (streamed([], refusal="I will not."), ProviderRefused, 1),
        (Response(b"data: {broken\n\n", media_type="text/event-stream"), ProviderFault, 2),
        (Response(b'data: {"choices": 7}\n\n', media_type="text/event-stream"), ProviderFault, 2),
        (Response(b'data: {"error": {"message": "x"}}\n\n', media_type="text/event-stream"), ProviderFault, 2),
        (Response(b"no json", media_type="application/json"), ProviderFault, 2),
    ],
)
async def test_faults_while_streaming(answer: Response, fault: type[Exception], requests: int) -> None:
    provider = ScriptedProvider([answer])
    async with client(provider) as llm:
        with pytest.raises(fault):
            await think(llm, Record())
    assert len(provider.requests) == requests


async def test_a_server_that_does_not_stream_is_understood() -> None:
    calls = [tool_call("a", "quick", "{}")]
    provider = ScriptedProvider([completion(None, calls=calls, finish="tool_calls"), completion('{"message": "Yes."}')])
    watch = Record()
    async with client(provider) as llm:
        assert (await think(llm, watch)).answer.message == "Yes."
    assert watch.text == "Yes."


async def test_a_server_that_knows_no_structured_output_is_shown_the_schema_and_then_taken_at_its_word() -> None:
    provider = ScriptedProvider([streamed(["Hello, ", "whom shall I call?"])])
    async with client(provider) as llm:
        result = await think(llm, Record(), from_words=lambda words: Turn(message=words))
        assert result.answer.message == "Hello, whom shall I call?"
        with pytest.raises(ProviderFault, match="no usable answer"):
            await think(llm, Record())
    assert '"properties"' in provider.requests[1]["messages"][-1]["content"]


async def test_an_answer_in_a_fence_is_read() -> None:
    async with client(ScriptedProvider([streamed(['```json\n{"message": ', '"Yes."}\n```'])])) as llm:
        assert (await think(llm, Record())).answer.message == "Yes."


async def test_calls_that_come_whole_and_without_an_index_are_kept_apart() -> None:
    calls = [tool_call("a", "quick", "{}"), tool_call("b", "quick", "{}")]
    whole = streamed([], calls=calls, indexed=False)
    async with client(ScriptedProvider([whole, streamed(['{"message": "Done."}'])])) as llm:
        assert [step.id for step in (await think(llm, Record())).steps] == ["a", "b"]


async def test_cancelling_ends_the_request_at_the_provider() -> None:
    gate = asyncio.Event()
    slow = streamed(['{"message": "I am ', gate, 'not heard."}'])
    watch, begun = Record(), asyncio.Event()
    tell = watch.said

    def said(text: str) -> None:
        tell(text)
        begun.set()

    watch.said = said  # type: ignore[method-assign]
    async with client(ScriptedProvider([slow])) as llm:
        task = asyncio.create_task(think(llm, watch), name="thinking")
        async with asyncio.timeout(DEADLINE_S):
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await slow.left.wait()
    assert watch.text == "I am "


async def test_the_offline_minds_stream_too() -> None:
    watch = Record()
    async with offline_minds() as url:
        llm = OpenAIFormClient(None, url, "offline", 60_000)
        asked = [{"role": "user", "content": "hello"}]
        result = await llm.tool_loop(
            "S.", asked, Tools(), AssistantTurn, "assistant_turn", max_rounds=3, deadline_s=DEADLINE_S, watch=watch
        )
        await llm.close()
    assert watch.text == result.answer.message != ""
