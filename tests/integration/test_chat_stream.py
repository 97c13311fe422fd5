"""`POST /api/chat/stream` and `POST /api/chat` over HTTP, with a slow provider at the other wire."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from opendeep.llm_integrations.openai_form_client import OpenAIFormClient
from tests.support.minds import Answer, ScriptedProvider, failure, streamed, tool_call
from tests.support.web_world import WebWorld, serving, web_world

DEADLINE_S = 60.0
SIGNED = {"message": "Call somebody", "user_name": "Maria Keller"}


@asynccontextmanager
async def desk(directory: Path, *answers: Answer) -> AsyncIterator[tuple[WebWorld, httpx.AsyncClient]]:
    """The web interface over a real text client, and a browser's connection to it."""
    async with ScriptedProvider(list(answers)).serving() as provider:
        llm = OpenAIFormClient("key", provider, "m", 60_000)
        async with (
            web_world(directory, llm=llm) as world,
            serving(world.app) as url,
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=DEADLINE_S) as client,
        ):
            yield world, client
        await llm.close()


Event = tuple[str, Any]


async def events_of(response: httpx.Response) -> AsyncIterator[Event]:
    kind = ""
    async for line in response.aiter_lines():
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield kind, orjson.loads(line.removeprefix("data: "))


def answer(message: str) -> str:
    return orjson.dumps({"message": message, "form": None, "campaign_plan": None}).decode()


async def kept(client: httpx.AsyncClient, chat_id: str, count: int) -> list[dict[str, Any]]:
    """The chat once it has so many messages."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            messages: list[dict[str, Any]] = (await client.get(f"/api/chat/{chat_id}")).json()["messages"]
            if len(messages) >= count:
                return messages
            await asyncio.sleep(0.01)


async def test_a_round_is_told_as_it_happens_and_ends_in_the_reply_of_the_json_way(tmp_path: Path) -> None:
    gate = asyncio.Event()
    calls = streamed([], calls=[tool_call("a", "find_contacts", '{"name": "<b>Anna</b>"}')])
    said = streamed(['{"message": "Whom ', gate, 'shall I call?", "form": null, "campaign_plan": null}'])
    async with desk(tmp_path, calls, said, streamed([answer("Whom shall I call?")])) as (_, client):
        events: list[Event] = []
        async with client.stream("POST", "/api/chat/stream", json=SIGNED) as response:
            assert response.status_code == 200
            assert response.headers["content-type"].startswith("text/event-stream")
            assert response.headers["cache-control"] == "no-store"
            assert "set-cookie" in response.headers
            async for event in events_of(response):
                events.append(event)
                if event == ("text", {"text": "Whom "}):
                    gate.set()  # the first words are here while the provider still holds the rest
        whole = await client.post("/api/chat", json={"message": "Again"})
    kinds = [kind for kind, _ in events]
    assert kinds[:3] == ["opened", "tool_started", "tool_finished"]
    assert kinds[-1] == "reply"
    reply = events[-1][1]
    assert reply["message"] == "Whom shall I call?"
    assert reply["chat_id"] == events[0][1]["chat_id"]
    assert reply["user"]["name"] == events[0][1]["user"]["name"] == "Maria Keller"
    assert set(reply) == set(whole.json())
    assert events[1][1]["arguments"] == {"name": "<b>Anna</b>"}


@pytest.mark.parametrize("way", ["/api/chat/stream", "/api/chat"])
async def test_a_client_that_goes_away_ends_the_providers_request(tmp_path: Path, way: str) -> None:
    gate = asyncio.Event()
    slow = streamed(['{"message": "I will ', gate])
    async with desk(tmp_path, streamed([answer("Hello.")]), slow) as (_, client):
        chat_id = (await client.post("/api/chat", json=SIGNED)).json()["chat_id"]
        body = {"message": "Well?", "chat_id": chat_id}

        async def ask() -> None:
            async with client.stream("POST", way, json=body) as response:
                async for _ in response.aiter_bytes():
                    pass

        asking = asyncio.create_task(ask(), name="asking")
        async with asyncio.timeout(DEADLINE_S):
            await slow.begun.wait()
            asking.cancel()
            await asyncio.wait({asking})
            await slow.left.wait()
        messages = await kept(client, chat_id, 4)
    assert messages[-1]["stopped"] is True
    assert messages[-1]["content"] in ("", "I will ")


async def test_mistakes_have_their_status_before_the_stream_begins(tmp_path: Path) -> None:
    async with desk(tmp_path, streamed([answer("Hello.")])) as (_, client):
        assert (await client.post("/api/chat/stream", json={"message": "hello"})).status_code == 401
        assert (await client.post("/api/chat/stream", json=SIGNED | {"message": " "})).status_code == 400
        foreign = {"message": "hello", "chat_id": "00000000-0000-4000-8000-000000000000"}
        answered = await client.post("/api/chat/stream", json=SIGNED | foreign)
        assert answered.status_code == 404
        assert answered.json()["error"]["code"] == "NotFound"


async def test_a_provider_that_fails_is_an_ordinary_reply(tmp_path: Path) -> None:
    async with (
        desk(tmp_path, failure(401)) as (_, client),
        client.stream("POST", "/api/chat/stream", json=SIGNED) as response,
    ):
        events = [event async for event in events_of(response)]
    assert events[-1][0] == "reply"
    assert "OPENAI_API_KEY" in events[-1][1]["message"]


async def test_two_users_chats_stay_apart(tmp_path: Path) -> None:
    async with desk(tmp_path, streamed([answer("Hello.")])) as (_, client):
        chat_id = (await client.post("/api/chat", json=SIGNED)).json()["chat_id"]
        client.cookies.clear()
        other = {"message": "hello", "user_name": "Somebody Else", "chat_id": chat_id}
        assert (await client.post("/api/chat/stream", json=other)).status_code == 404
