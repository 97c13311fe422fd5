"""A language model behind the offline voice: its stream in any pieces, its faults, a session that it talks in."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from websockets.asyncio.client import connect

from opendeep.common.errors import PeerFault
from opendeep.offline.minds.language_model import LONGEST_SENTENCE, ChatServer, StreamReader
from opendeep.offline.minds.small_talk import Offer, ToolCall
from opendeep.offline.server import OfflineServer
from tests.unit.offline.briefs import instructions
from tests.unit.offline.realtime.harness import SERVER_EVENTS
from tests.unit.offline.realtime.test_connection import FakeEngines

DEADLINE_S = 30.0
WEATHER = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}


def chunk(**delta: Any) -> bytes:
    return b"data: " + orjson.dumps({"choices": [{"index": 0, "delta": delta}]}) + b"\n\n"


def call(arguments: str, name: str | None = None, index: int = 0) -> dict[str, Any]:
    return {"index": index, "function": {"name": name, "arguments": arguments}}


class Model:
    """A server on a real socket that plays what it is given, and keeps what it was asked."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.status = 200
        self.asked: list[dict[str, Any]] = []

    async def answer(self, request: Request) -> Response:
        self.asked.append(orjson.loads(await request.body()))
        if self.status != 200:
            return Response("no", self.status)
        return StreamingResponse(iter(self.pieces), media_type="text/event-stream")


@asynccontextmanager
async def served(model: Model) -> AsyncIterator[str]:
    app = Starlette(routes=[Route("/v1/chat/completions", model.answer, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="language-model")
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        server.should_exit = True
        await serving


async def answers(model: Model, offer: Offer | None = None, max_tokens: int | None = None) -> list[str | ToolCall]:
    async with served(model) as url, ChatServer(url, "tiny", "key") as mind:
        parts = mind.answer([{"role": "user", "content": "hello"}], offer or Offer(), max_tokens=max_tokens)
        return [part async for part in parts]


async def test_sentences_come_whole_then_the_calls() -> None:
    model = Model()
    model.pieces = [
        chunk(role="assistant", content=""), chunk(content="Good mor"), chunk(content="ning. It costs 3.50 to"),
        chunk(content="day! Bye"), chunk(tool_calls=[call("", "get_weather")]), chunk(tool_calls=[call('{"city":')]),
        chunk(tool_calls=[call('"Rome"}'), call("{}", "end_call", 1)]), b'data: {"choices":[],"usage":{}}\n\n',
        b": keep-alive\n\n", b"data: [DONE]\n\n",
    ]  # fmt: skip
    offer = Offer((WEATHER,), "required")
    assert await answers(model, offer, 100) == [
        "Good morning.",
        "It costs 3.50 today!",
        "Bye",
        ToolCall("get_weather", {"city": "Rome"}),
        ToolCall("end_call", {}),
    ]
    asked = model.asked[0]
    assert (asked["model"], asked["stream"], asked["max_completion_tokens"]) == ("tiny", True, 100)
    assert asked["tools"] == [{"type": "function", "function": {key: WEATHER[key] for key in ("name", "parameters")}}]
    assert asked["tool_choice"] == "required"


async def test_a_named_tool_is_named_and_forbidden_ones_are_left_out() -> None:
    model = Model()
    await answers(model, Offer((WEATHER,), "get_weather"))
    await answers(model, Offer((WEATHER,), "none"))
    assert model.asked[0]["tool_choice"] == {"type": "function", "function": {"name": "get_weather"}}
    assert "tools" not in model.asked[1]


@pytest.mark.parametrize(
    ("status", "pieces", "words"),
    [
        (500, [], "answered 500; check OFFLINE_LLM_URL"),
        (200, [b"data: {}\n\n"], "no completion"),
        (200, [b"data: nonsense\n\n"], "no completion"),
        (200, [b'data: {"choices":[{"delta":[]}]}\n\n'], "no completion"),
        (200, [chunk(tool_calls=[call("{", "x")])], "no JSON"),
        (200, [chunk(tool_calls=[call("[]", "x")])], "no object"),
        (200, [chunk(tool_calls=[call("{}", "x", at)]) for at in range(17)], "more than 16"),
    ],
)
async def test_what_is_no_answer_is_a_fault_that_says_so(status: int, pieces: list[bytes], words: str) -> None:
    model = Model()
    model.status, model.pieces = status, pieces
    with pytest.raises(PeerFault, match=words):
        await answers(model)


async def test_a_server_that_is_away_is_a_fault_that_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
    async with ChatServer(url, "tiny") as mind:
        with pytest.raises(PeerFault, match="did not answer"):
            [part async for part in mind.answer([], Offer(), max_tokens=None)]


@given(st.lists(st.text(alphabet="ab .!?\n", max_size=30), max_size=8))
def test_no_word_is_lost_wherever_the_stream_is_cut(pieces: list[str]) -> None:
    reader = StreamReader()
    heard = [part for piece in pieces for part in reader.receive_line(chunk(content=piece).decode().strip())]
    heard += [part for part in reader.rest() if isinstance(part, str)]
    assert " ".join(heard).split() == "".join(pieces).split()


def test_a_sentence_without_end_is_cut_at_a_blank() -> None:
    reader = StreamReader()
    parts = list(reader.receive_line(chunk(content="word " * 200).decode().strip()))
    assert parts
    assert all(len(part) <= LONGEST_SENTENCE for part in parts)


async def converse(url: str, *events: dict[str, Any]) -> list[dict[str, Any]]:
    """Send the events; everything up to the end of the response."""
    seen: list[dict[str, Any]] = []
    async with connect(url) as socket, asyncio.timeout(DEADLINE_S):
        for event in events:
            await socket.send(orjson.dumps(event).decode())
        while not seen or seen[-1]["type"] != "response.done":
            raw = await socket.recv()
            SERVER_EVENTS.validate_json(raw)
            seen.append(orjson.loads(raw))
    return seen


def session(**fields: Any) -> dict[str, Any]:
    return {"type": "session.update", "session": {"type": "realtime", "instructions": "Be kind.", **fields}}


def typed(text: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    return {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content}}


def done(events: list[dict[str, Any]]) -> dict[str, Any]:
    response: dict[str, Any] = events[-1]["response"]
    return response


def transcripts(events: list[dict[str, Any]]) -> Iterator[str]:
    return (event["transcript"] for event in events if event["type"] == "response.output_audio_transcript.done")


@asynccontextmanager
async def offline_with(model: Model) -> AsyncIterator[str]:
    async with (
        served(model) as url,
        ChatServer(url, "tiny") as mind,
        OfflineServer(engines=FakeEngines(), mind=mind, text_routes=()) as server,
    ):
        yield server.realtime_url


async def test_the_model_talks_and_calls_where_there_is_no_brief() -> None:
    model = Model()
    model.pieces = [chunk(content="Let me look. One moment."), chunk(tool_calls=[call("{}", "get_weather")])]
    async with offline_with(model) as url:
        events = await converse(url, session(tools=[WEATHER]), typed("the weather?"), {"type": "response.create"})
    assert list(transcripts(events)) == ["Let me look. One moment."]
    assert [item["type"] for item in done(events)["output"]] == ["message", "function_call"]
    system, user = model.asked[0]["messages"]
    assert system["content"].startswith("Be kind.")
    assert user == {"role": "user", "content": "the weather?"}


async def test_a_history_with_a_call_is_told_in_the_models_form() -> None:
    model = Model()
    model.pieces = [chunk(content="Sunny.")]
    make = "conversation.item.create"
    history = [
        {"type": make, "item": {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": "{}"}},
        {"type": make, "item": {"type": "function_call", "call_id": "c2", "name": "get_weather", "arguments": "{}"}},
        {"type": make, "item": {"type": "function_call_output", "call_id": "c1", "output": "sun"}},
    ]
    async with offline_with(model) as url:
        events = await converse(url, session(output_modalities=["text"]), *history, {"type": "response.create"})
    roles = [message["role"] for message in model.asked[0]["messages"]]
    assert roles == ["system", "assistant", "tool"]  # the call that nobody answered is left out
    assert done(events)["output"][0]["content"][0]["text"] == "Sunny."


async def test_a_brief_is_followed_by_the_script_not_by_the_model() -> None:
    model = Model()
    async with offline_with(model) as url:
        events = await converse(url, session(instructions=instructions()), {"type": "response.create"})
    assert list(transcripts(events)) == ["Hello."]
    assert model.asked == []


async def test_a_model_that_fails_ends_the_response_not_the_session() -> None:
    model = Model()
    model.status = 503
    async with offline_with(model) as url:
        events = await converse(url, typed("hello"), {"type": "response.create"})
    error = done(events)["status_details"]["error"]
    assert (done(events)["status"], error["code"]) == ("failed", "language_model_failed")


async def test_an_answer_out_of_band_reads_only_its_input() -> None:
    model = Model()
    model.pieces = [chunk(content="A greeting.")]
    wish = {"conversation": "none", "instructions": "Classify it.", "input": [typed("good day")["item"]]}
    async with offline_with(model) as url:
        events = await converse(url, typed("secret"), {"type": "response.create", "response": wish})
    assert [message["content"].split("\n")[0] for message in model.asked[0]["messages"]] == ["Classify it.", "good day"]
    assert done(events)["conversation_id"] is None
