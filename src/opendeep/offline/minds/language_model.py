"""A language model behind any server that speaks Chat Completions, streamed: sentences as they come, then calls.

Owns the request, the reading of the stream and its bounds. Optional: only for sessions of the local Realtime server
without a call brief, and only where an address is set.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final

import httpx
import orjson

from opendeep.common.errors import PeerFault
from opendeep.offline.minds.small_talk import Offer, ToolCall

CONNECT_TIMEOUT_S: Final = 5.0
PIECE_TIMEOUT_S: Final = 30.0  # between two pieces of the stream
MAX_ANSWER_CHARS: Final = 8_000
MAX_ARGUMENT_CHARS: Final = 64_000
MAX_CALLS: Final = 16
MAX_LINE_CHARS: Final = 256_000
LONGEST_SENTENCE: Final = 400  # characters spoken in one go; longer ones are cut at a blank
ADVICE: Final = "check OFFLINE_LLM_URL, OFFLINE_LLM_MODEL and OFFLINE_LLM_API_KEY"

_SENTENCE = re.compile(r".+?[.!?…:](?=\s)|.+?(?=\n)", re.DOTALL)


class ChatServer:
    """One server and one model. `base_url` ends with /v1; an empty key is left out. Close it at the end."""

    def __init__(self, base_url: str, model: str, api_key: str = "") -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        timeout = httpx.Timeout(PIECE_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        self._http = httpx.AsyncClient(headers=headers, timeout=timeout)
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self.model = model

    async def answer(
        self, messages: Sequence[dict[str, Any]], offer: Offer, *, max_tokens: int | None
    ) -> AsyncGenerator[str | ToolCall, None]:
        """Sentences as soon as they are whole, then the calls. Raises PeerFault when the server does not answer."""
        reading = StreamReader()
        try:
            async with self._http.stream("POST", self._url, json=self._body(messages, offer, max_tokens)) as response:
                if response.status_code >= 400:
                    raise PeerFault(f"the language model answered {response.status_code}; {ADVICE}")
                async for line in response.aiter_lines():
                    for sentence in reading.receive_line(line):
                        yield sentence
        except httpx.HTTPError as error:
            cause = str(error) or type(error).__name__
            raise PeerFault(f"the language model did not answer ({cause}); {ADVICE}") from error
        for part in reading.rest():
            yield part

    def _body(self, messages: Sequence[dict[str, Any]], offer: Offer, max_tokens: int | None) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self.model, "messages": list(messages), "stream": True}
        if max_tokens is not None:
            body["max_completion_tokens"] = max_tokens
        if offer.usable:
            keys = ("name", "description", "parameters")
            functions = ({key: tool[key] for key in keys if key in tool} for tool in offer.usable)
            body["tools"] = [{"type": "function", "function": function} for function in functions]
            known = offer.choice in ("auto", "required")
            named = {"type": "function", "function": {"name": offer.choice}}
            body["tool_choice"] = offer.choice if known else named
        return body

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> ChatServer:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


@dataclass(slots=True)
class _Call:
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class StreamReader:
    """Server-sent events to sentences and calls: lines in, parts out. Raises PeerFault for what is no completion."""

    _text: str = ""
    _taken: int = 0
    _calls: dict[int, _Call] = field(default_factory=dict)

    def receive_line(self, line: str) -> Iterator[str]:
        """One line of the stream; the sentences that it makes whole."""
        if len(line) > MAX_LINE_CHARS:
            raise PeerFault("the language model sent a line that is too long")
        if not line.startswith("data:") or line[5:].strip() == "[DONE]":
            return
        try:
            choices = orjson.loads(line[5:])["choices"]
            delta = choices[0]["delta"] if choices else {}
            content, calls = delta.get("content"), delta.get("tool_calls") or ()
            for call in calls:
                self._take_call(call)
        except (orjson.JSONDecodeError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise PeerFault(f"the language model sent something that is no completion; {ADVICE}") from error
        if isinstance(content, str) and self._taken < MAX_ANSWER_CHARS:
            self._taken += len(content)
            self._text += content
            yield from self._whole_sentences()

    def rest(self) -> Iterator[str | ToolCall]:
        """What is left at the end of the stream: the last words, then the calls."""
        last, self._text = self._text.strip(), ""
        if last:
            yield last
        for _, call in sorted(self._calls.items()):
            try:
                arguments = orjson.loads(call.arguments or "{}")
            except orjson.JSONDecodeError as error:
                raise PeerFault(f"the language model called {call.name!r} with arguments that are no JSON") from error
            if not isinstance(arguments, dict):
                raise PeerFault(f"the language model called {call.name!r} with arguments that are no object")
            yield ToolCall(call.name, arguments)

    def _take_call(self, part: dict[str, Any]) -> None:
        index = int(part.get("index", 0))
        if index not in self._calls and len(self._calls) >= MAX_CALLS:
            raise PeerFault(f"the language model wants more than {MAX_CALLS} calls at once")
        call = self._calls.setdefault(index, _Call())
        function = part["function"]
        call.name += function.get("name") or ""
        call.arguments += function.get("arguments") or ""
        if len(call.arguments) > MAX_ARGUMENT_CHARS:
            raise PeerFault("the language model sent arguments that are too long")

    def _whole_sentences(self) -> Iterator[str]:
        while found := _SENTENCE.match(self._text):
            self._text = self._text[found.end() :].lstrip()
            if sentence := found.group().strip():
                yield sentence
        while len(self._text) > LONGEST_SENTENCE:
            cut = self._text.rfind(" ", 0, LONGEST_SENTENCE)
            end = cut if cut > 0 else LONGEST_SENTENCE
            yield self._text[:end]
            self._text = self._text[end:].lstrip()
