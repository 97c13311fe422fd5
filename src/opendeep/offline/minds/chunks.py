"""A whole completion as the stream of chunks that a client with `stream: true` reads.

Owns the cutting and the server-sent events. The answer is known before the stream begins: rules do not think aloud.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

PIECE_CHARS: Final = 48


def chunks_of(answer: dict[str, Any], *, with_usage: bool) -> Iterator[bytes]:
    """The events of the stream, `[DONE]` at the end. `with_usage`: every chunk has a `usage`, the last one filled."""
    choice = answer["choices"][0]
    base = {name: answer[name] for name in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    for delta in _deltas(choice["message"]):
        yield _event(base, delta, None, with_usage)
    yield _event(base, {}, choice["finish_reason"], with_usage)
    if with_usage:
        yield _data({**base, "choices": [], "usage": answer["usage"]})
    yield b"data: [DONE]\n\n"


def _deltas(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": None if message.get("tool_calls") else "", "refusal": None}
    for piece in _pieces(message["content"] or ""):
        yield {"content": piece}
    for index, call in enumerate(message.get("tool_calls", ())):
        function = call["function"]
        head = {"index": index, "id": call["id"], "type": "function"}
        yield {"tool_calls": [{**head, "function": {"name": function["name"], "arguments": ""}}]}
        for piece in _pieces(function["arguments"]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _pieces(text: str) -> Iterator[str]:
    return (text[start : start + PIECE_CHARS] for start in range(0, len(text), PIECE_CHARS))


def _event(base: dict[str, Any], delta: dict[str, Any], finish: str | None, with_usage: bool) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return _data({**base, "choices": [choice], **({"usage": None} if with_usage else {})})


def _data(document: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(document) + b"\n\n"
