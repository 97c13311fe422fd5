"""The text client against a provider on the wire that refuses, stalls, truncates and lies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from opendeep.common.campaign_plan import AssistantTurn
from opendeep.common.errors import ProviderFault, ProviderRefused
from opendeep.llm_integrations.json_schemas import response_format
from opendeep.llm_integrations.openai_form_client import LoopResult, OpenAIFormClient, ToolStep
from opendeep.post_call_analyzer_service.analysis_schema import CallAnalysis
from tests.support.minds import ScriptedProvider, completion, failure, json_response, tool_call


class Verdict(BaseModel):
    ok: bool
    why: str | None = None


GOOD = completion('{"ok": true, "why": null}')


@asynccontextmanager
async def client(provider: ScriptedProvider, timeout_ms: int = 5_000) -> AsyncIterator[OpenAIFormClient]:
    async with provider.serving() as url:
        llm = OpenAIFormClient("secret-key", url, "the-model", timeout_ms)
        yield llm
        await llm.close()


async def ask(llm: OpenAIFormClient) -> Verdict:
    return await llm.structured("Judge.", [{"role": "user", "content": "Well?"}], Verdict, "verdict")


async def test_the_request_names_its_schema_strictly() -> None:
    provider = ScriptedProvider([GOOD])
    async with client(provider) as llm:
        assert await ask(llm) == Verdict(ok=True)
    request = provider.requests[0]
    schema = request["response_format"]["json_schema"]
    assert (request["model"], schema["name"], schema["strict"]) == ("the-model", "verdict", True)
    assert schema["schema"]["required"] == ["ok", "why"]
    assert [message["role"] for message in request["messages"]] == ["system", "user"]
    assert provider.headers[0]["authorization"] == "Bearer secret-key"


@pytest.mark.parametrize(
    ("answer", "error", "requests"),
    [
        (failure(401), ProviderRefused, 1),
        (failure(400), ProviderRefused, 1),
        (failure(404), ProviderRefused, 1),
        (failure(429, "insufficient_quota"), ProviderRefused, 1),
        (failure(429, "rate_limit_exceeded"), ProviderFault, 2),
        (failure(500), ProviderFault, 2),
        (failure(503), ProviderFault, 2),
        (Response("<html>", 502), ProviderFault, 2),
        (Response("nonsense", 200, media_type="application/json"), ProviderFault, 2),
        (json_response({"choices": []}), ProviderFault, 2),
        (json_response({"choices": 7}), ProviderFault, 2),
        (json_response({"choices": [{"message": "yes"}]}), ProviderFault, 2),
        (json_response({"choices": [{"message": {"content": ["yes"]}}]}), ProviderFault, 2),
        (json_response({"choices": [{"message": {"tool_calls": [{"function": 1}]}}]}), ProviderFault, 2),
        (json_response(["choices"]), ProviderFault, 2),
        (json_response(7), ProviderFault, 2),
        (completion(None, refusal="No."), ProviderRefused, 1),
        (completion("", finish="content_filter"), ProviderRefused, 1),
        (completion("not json"), ProviderFault, 2),
        (completion('{"ok": "perhaps"}'), ProviderFault, 2),
        (completion('{"ok": tr', finish="length"), ProviderFault, 2),
    ],
)
async def test_faults_are_told_apart_and_asked_again_only_where_it_helps(
    answer: Response, error: type[ProviderFault], requests: int
) -> None:
    provider = ScriptedProvider([answer])
    async with client(provider) as llm:
        with pytest.raises(ProviderFault) as caught:
            await ask(llm)
    assert type(caught.value) is error
    assert len(provider.requests) == requests
    assert "secret-key" not in str(caught.value)


async def test_a_fault_that_passes_is_not_seen() -> None:
    async with client(ScriptedProvider([failure(503), GOOD])) as llm:
        assert (await ask(llm)).ok


async def test_an_unusable_answer_is_shown_back_once() -> None:
    provider = ScriptedProvider([completion('{"ok": "perhaps"}'), GOOD])
    async with client(provider) as llm:
        assert (await ask(llm)).ok
    repair = provider.requests[1]["messages"]
    assert [message["role"] for message in repair] == ["system", "user", "assistant", "user"]
    assert "ok" in repair[-1]["content"]


async def test_a_provider_that_stalls_is_given_up_at_the_deadline() -> None:
    release = asyncio.Event()

    async def stall(request: Request) -> Response:
        await release.wait()
        return GOOD

    async with client(ScriptedProvider([stall]), timeout_ms=1_000) as llm:
        llm._timeout_s = 0.2
        with pytest.raises(ProviderFault, match="in time"):
            await ask(llm)
        release.set()


async def test_a_provider_that_is_not_there_is_a_fault() -> None:
    async with ScriptedProvider([GOOD]).serving() as url:
        pass
    llm = OpenAIFormClient(None, url, "m", 1_000)
    with pytest.raises(ProviderFault, match="cannot be reached"):
        await ask(llm)
    await llm.close()


# -- the tool loop


class Tools:
    """Answers by name; counts how many run at once."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.together = asyncio.Barrier(2)

    def tool_definitions(self) -> list[dict[str, Any]]:
        return [{"name": "look", "description": "Look.", "parameters": {"type": "object", "properties": {}}}]

    async def call(self, name: str, arguments: Any) -> dict[str, Any]:
        self.calls.append((name, arguments))
        if arguments.get("together"):
            await self.together.wait()
        return {"status": "found", "saw": arguments}


async def loop(llm: OpenAIFormClient, tools: Tools, deadline_s: float = 5, rounds: int = 3) -> LoopResult[Verdict]:
    messages = [{"role": "user", "content": "Well?"}]
    return await llm.tool_loop("S.", messages, tools, Verdict, "verdict", max_rounds=rounds, deadline_s=deadline_s)


async def test_parallel_tools_run_together_and_their_results_are_fed_back() -> None:
    calls = [tool_call("a", "look", '{"together": 1}'), tool_call("b", "look", '{"together": 2}')]
    provider = ScriptedProvider([completion(None, calls=calls, finish="tool_calls"), GOOD])
    tools = Tools()
    async with client(provider) as llm:
        result = await loop(llm, tools)
    assert result.answer.ok
    assert result.steps[0] == ToolStep("a", "look", {"together": 1}, {"status": "found", "saw": {"together": 1}})
    fed = provider.requests[1]["messages"][2:]
    assert [(m["role"], m.get("tool_call_id")) for m in fed] == [("assistant", None), ("tool", "a"), ("tool", "b")]
    assert orjson.loads(fed[1]["content"])["saw"] == {"together": 1}


async def test_arguments_that_are_no_object_are_answered_not_run() -> None:
    calls = [tool_call("a", "look", "[1"), tool_call("b", "look", "[]")]
    provider = ScriptedProvider([completion(None, calls=calls, finish="tool_calls"), GOOD])
    tools = Tools()
    async with client(provider) as llm:
        result = await loop(llm, tools)
    assert tools.calls == []
    assert [step.result["status"] for step in result.steps] == ["error", "error"]


async def test_a_model_that_only_calls_tools_must_answer_in_the_end() -> None:
    again = completion(None, calls=[tool_call("a", "look", "{}")], finish="tool_calls")
    provider = ScriptedProvider([again, again, again, GOOD])
    async with client(provider) as llm:
        assert (await loop(llm, Tools(), rounds=3)).answer.ok
    assert ["tools" in request for request in provider.requests] == [True, True, True, False]


async def test_a_tool_that_hangs_ends_the_round_at_its_deadline() -> None:
    hang = completion(None, calls=[tool_call("a", "look", '{"together": 1}')], finish="tool_calls")
    async with client(ScriptedProvider([hang])) as llm:
        with pytest.raises(ProviderFault, match="too long"):
            await loop(llm, Tools(), deadline_s=0.3)


async def test_more_calls_than_allowed_are_answered_with_an_error() -> None:
    calls = [tool_call(str(number), "look", "{}") for number in range(10)]
    provider = ScriptedProvider([completion(None, calls=calls, finish="tool_calls"), GOOD])
    async with client(provider) as llm:
        result = await loop(llm, Tools())
    assert [step.result["status"] for step in result.steps] == ["found"] * 8 + ["error"] * 2


# -- schemas


async def test_control_characters_and_direction_overrides_of_a_model_go_no_further() -> None:
    provider = ScriptedProvider([completion('{"ok": true, "why": "be\\u0000cau\\u202ese \\\\u0000"}')])
    async with client(provider) as llm:
        assert (await ask(llm)).why == "because \\u0000"  # an escaped backslash is no NUL


@pytest.mark.parametrize("model", [AssistantTurn, CallAnalysis, Verdict])
def test_schemas_are_strict_all_the_way_down(model: type[BaseModel]) -> None:
    wanted = response_format(model, "a_name")["json_schema"]
    assert wanted["strict"] is True

    def check(node: Any) -> None:
        if isinstance(node, list):
            for item in node:
                check(item)
        elif isinstance(node, dict):
            if node.get("type") == "object":
                assert node["additionalProperties"] is False
                assert node["required"] == list(node["properties"])
            for key, value in node.items():
                assert key not in ("maxLength", "pattern", "minItems")
                for inner in value.values() if key in ("properties", "$defs") else [value]:
                    check(inner)

    check(wanted["schema"])


def test_free_objects_cannot_be_strict() -> None:
    class Open(BaseModel):
        anything: dict[str, str]

    assert response_format(Open, "open")["json_schema"]["strict"] is False
    with pytest.raises(ValueError, match="cannot be the name"):
        response_format(Open, "not a name")
