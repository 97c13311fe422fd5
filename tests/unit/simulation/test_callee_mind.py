"""The model that plays callees, against a server on a socket: what is sent, and every way in which it can fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from opendeep.common.errors import PeerFault
from opendeep.simulation.callee_mind import MAX_TURNS_SENT, ChatMind
from opendeep.simulation.speech_seam import SaidLine

SAID = (SaidLine(by_caller=False, text="hello"), SaidLine(by_caller=True, text="does tuesday work"))


class ChatServer:
    """Answers each request with the next of `answers` (status, body) and keeps what it got."""

    def __init__(self, *answers: tuple[int, bytes]) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[str, dict[str, str], dict[str, object]]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        self.requests.append((head[0], headers, body))
        status, answer = self.answers.pop(0)
        writer.write(
            f"HTTP/1.1 {status} X\r\nContent-Length: {len(answer)}\r\nConnection: close\r\n\r\n".encode() + answer
        )
        await writer.drain()
        writer.close()


@asynccontextmanager
async def chat(server: ChatServer, key: str = "") -> AsyncIterator[ChatMind]:
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener, ChatMind(f"http://127.0.0.1:{port}/v1/", "small", key) as mind:
        yield mind


def completion(content: object) -> bytes:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode()


async def test_the_persona_and_the_conversation_are_sent_and_the_words_come_back() -> None:
    server = ChatServer((200, completion("Yes, it does.")))
    async with chat(server, "secret") as mind:
        assert await mind.reply("You are Anna.", SAID) == "Yes, it does."
    [(line, headers, body)] = server.requests
    assert line.startswith("POST /v1/chat/completions ")
    assert headers["authorization"] == "Bearer secret"
    assert body["model"] == "small"
    messages = body["messages"]
    assert isinstance(messages, list)
    assert "You are Anna." in messages[0]["content"]
    assert [(one["role"], one["content"]) for one in messages[1:]] == [
        ("assistant", "hello"),
        ("user", "does tuesday work"),
    ]


async def test_a_long_conversation_is_sent_by_its_end_and_no_key_is_made_up() -> None:
    server = ChatServer((200, completion("ok")))
    async with chat(server) as mind:
        await mind.reply("x", SAID * 100)
    [(_, headers, body)] = server.requests
    assert isinstance(body["messages"], list)
    assert len(body["messages"]) == 1 + MAX_TURNS_SENT
    assert "authorization" not in headers


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, b"{}", "REHEARSAL_LLM_API_KEY"),
        (500, b"broken", "REHEARSAL_LLM_URL"),
        (200, b"no json", "no completion"),
        (200, b"[]", "no completion"),
        (200, b'{"choices": []}', "no completion"),
        (200, completion(None), "without words"),
        (200, completion([{"type": "text"}]), "without words"),
    ],
)
async def test_every_failure_is_one_error_that_says_what_to_do(status: int, body: bytes, words: str) -> None:
    async with chat(ChatServer((status, body))) as mind:
        with pytest.raises(PeerFault, match=words):
            await mind.reply("x", SAID)


async def test_a_server_that_is_away_is_told() -> None:
    async with ChatMind("http://127.0.0.1:9/v1", "small") as mind:
        with pytest.raises(PeerFault, match="REHEARSAL_LLM_URL"):
            await mind.reply("x", SAID)
