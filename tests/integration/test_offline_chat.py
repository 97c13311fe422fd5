"""The offline Chat Completions, spoken to by the vendor's SDK as strangers would: whole, streamed, tools, schemas."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import openai
import orjson
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessage
from pydantic import BaseModel

from opendeep.offline.minds.small_talk import GREETING
from opendeep.offline.server import OfflineServer
from tests.unit.offline.realtime.test_connection import FakeEngines

KEY = "a-key-of-mine"
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest_asyncio.fixture
async def client() -> AsyncIterator[AsyncOpenAI]:
    async with (
        OfflineServer(engines=FakeEngines(), api_key=KEY) as server,
        AsyncOpenAI(base_url=server.base_url, api_key=KEY, max_retries=0) as client,
    ):
        yield client


def ask(*contents: str) -> Any:
    return [{"role": "user", "content": content} for content in contents]


async def test_it_answers_in_words_and_greets_when_nobody_spoke(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="m", messages=ask("The sky is blue."))
    assert answer.choices[0].message.content == "I understood: The sky is blue."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    system: Any = [{"role": "system", "content": "Be kind."}]
    opened = await client.chat.completions.create(model="m", messages=system)
    assert opened.choices[0].message.content == GREETING


async def test_a_stream_carries_the_same_words_and_the_usage(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="m", messages=ask("word " * 60), stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk.model_dump())
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text.startswith("I understood: word word")
    assert len([chunk for chunk in chunks if chunk.choices]) > 3
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert chunks[0].usage is None


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_tool_is_called_and_its_answer_told(client: AsyncOpenAI, streamed: bool) -> None:
    messages = ask("what is the weather in Paris")
    message: ChatCompletionMessage
    if streamed:
        async with client.chat.completions.stream(model="m", messages=messages, tools=[WEATHER]) as stream:
            message = (await stream.get_final_completion()).choices[0].message
    else:
        whole = await client.chat.completions.create(model="m", messages=messages, tools=[WEATHER])
        message = whole.choices[0].message
    assert message.content is None
    assert message.tool_calls is not None
    [call] = message.tool_calls
    assert call.type == "function"
    assert (call.function.name, orjson.loads(call.function.arguments)) == ("get_weather", {"city": "Paris"})
    called = {"role": "assistant", "tool_calls": [call.model_dump()]}
    told = {"role": "tool", "tool_call_id": call.id, "content": '{"degrees": 21}'}
    history: Any = [*messages, called, told]
    answer = await client.chat.completions.create(model="m", messages=history, tools=[WEATHER])
    assert answer.choices[0].message.content == "The answer of get weather is: degrees 21."


async def test_an_argument_that_is_asked_for_finds_its_tool(client: AsyncOpenAI) -> None:
    room = {"type": "object", "properties": {"seats": {"type": "integer"}}, "required": ["seats"]}
    tools: Any = [{"type": "function", "function": {"name": "book_table", "parameters": room}}]
    first = await client.chat.completions.create(model="m", messages=ask("book a table"), tools=tools)
    assert first.choices[0].message.content == "Which seats, please?"
    second = await client.chat.completions.create(model="m", messages=ask("book a table", "four"), tools=tools)
    [call] = second.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert orjson.loads(call.function.arguments) == {"seats": 4}


async def test_a_demanded_tool_is_called_and_a_forbidden_one_is_not(client: AsyncOpenAI) -> None:
    choices: Any = {"required": 1, "none": 0}
    for choice, calls in choices.items():
        answer = await client.chat.completions.create(
            model="m", messages=ask("the weather in Rome"), tools=[WEATHER], tool_choice=choice
        )
        assert len(answer.choices[0].message.tool_calls or ()) == calls


class Order(BaseModel):
    size: str
    count: int


async def test_a_foreign_schema_is_filled_from_the_words_or_refused(client: AsyncOpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"size": {"enum": ["small", "large"]}, "count": {"type": "integer"}},
        "required": ["size", "count"],
    }
    form: Any = {"type": "json_schema", "json_schema": {"name": "order", "schema": schema}}
    answer = await client.chat.completions.create(
        model="m", messages=ask("three of the large ones"), response_format=form
    )
    assert Order.model_validate_json(answer.choices[0].message.content or "") == Order(size="large", count=3)
    with pytest.raises(openai.BadRequestError, match="do not find: size, count") as refused:
        await client.chat.completions.create(model="m", messages=ask("hello"), response_format=form)
    assert (refused.value.code, refused.value.param) == ("unsupported_schema", "response_format")
    with pytest.raises(openai.BadRequestError, match="do not find: size"):  # free text is never made up
        await client.chat.completions.parse(model="m", messages=ask("three large"), response_format=Order)


async def test_models_are_listed_and_unknown_addresses_refused_as_the_vendor_does(client: AsyncOpenAI) -> None:
    [model] = [model async for model in client.models.list()]
    assert (await client.models.retrieve(model.id)).id == model.id
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        await client.models.retrieve("gpt-nothing")
    with pytest.raises(openai.NotFoundError, match="Invalid URL"):
        await client.embeddings.create(model="m", input="x")


async def test_without_the_key_nothing_answers(client: AsyncOpenAI) -> None:
    stranger = client.with_options(api_key="wrong")
    with pytest.raises(openai.AuthenticationError, match="Incorrect API key"):
        await stranger.chat.completions.create(model="m", messages=ask("hello"))
