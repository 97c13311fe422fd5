"""A streamed Chat Completions answer put together again: chunks in, the same `Reply` as of a whole answer out. Pure.

Servers differ: tool calls come in pieces by their index (OpenAI), or whole and without one; some end without a
`finish_reason`. What cannot be an answer is one `ProviderFault`, as in `chat_completion`.
"""

from typing import Any, Final

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from opendeep.common.errors import ProviderFault
from opendeep.llm_integrations.chat_completion import FunctionCall, Reply, ReplyMessage, ToolCall

MAX_REPLY_CHARS: Final = 2_000_000  # of an answer with its tool calls
MAX_TOOL_CALLS: Final = 64
CUT_OFF: Final = "The language model's answer stopped in the middle."


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", from_attributes=True)


class _FunctionPart(_Part):
    name: str | None = None
    arguments: str | None = None


class _CallPart(_Part):
    index: int | None = None
    id: str | None = None
    function: _FunctionPart | None = None


class _Delta(_Part):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_CallPart] | None = None


class _Choice(_Part):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(_Part):
    choices: list[_Choice] | None = None  # none in the chunk with the usage


class _Call:
    """A tool call as far as it has come."""

    def __init__(self, at: int) -> None:
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []
        self._at = at

    def whole(self) -> ToolCall:
        function = FunctionCall(name=self.name, arguments="".join(self.arguments))
        return ToolCall(id=self.id or f"call_{self._at}", function=function)


class ReplyBuilder:
    """One answer. Feed it every chunk, then ask for the `reply`."""

    def __init__(self) -> None:
        self._content: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, _Call] = {}
        self._finish: str | None = None
        self._chars = 0

    def add(self, chunk: Any) -> str:
        """Take a chunk, of whatever type the SDK made it; returns what it adds to the content.

        Raises `ProviderFault` for another shape, and when the answer becomes too long.
        """
        try:
            choices = _Chunk.model_validate(chunk).choices or []
        except ValidationError as error:
            raise ProviderFault("The language model's answer has another shape than expected (chunk).") from error
        if not choices:
            return ""
        choice = choices[0]
        self._finish = choice.finish_reason or self._finish
        delta = choice.delta or _Delta()
        for part in delta.tool_calls or []:
            self._add_call(part)
        self._refusal.append(delta.refusal or "")
        self._content.append(delta.content or "")
        self._count(len(delta.content or "") + len(delta.refusal or ""))
        return delta.content or ""

    def reply(self) -> Reply:
        """The whole answer. Raises `ProviderFault` when it was cut off."""
        content, refusal = "".join(self._content), "".join(self._refusal)
        calls = [call.whole() for _, call in sorted(self._calls.items()) if call.name]
        if self._finish is None and not self._complete(content, calls):
            raise ProviderFault(CUT_OFF)
        message = ReplyMessage(content=content or None, refusal=refusal or None, tool_calls=calls or None)
        return Reply(message=message, finish_reason=self._finish)

    def _add_call(self, part: _CallPart) -> None:
        at = part.index
        if at is None:
            at = len(self._calls) if part.id or not self._calls else max(self._calls)
        if at not in self._calls and len(self._calls) >= MAX_TOOL_CALLS:
            raise ProviderFault(f"The language model asked for more than {MAX_TOOL_CALLS} look-ups at once.")
        call = self._calls.setdefault(at, _Call(at))
        function = part.function or _FunctionPart()
        call.id = part.id or call.id
        call.name = call.name or function.name or ""
        call.arguments.append(function.arguments or "")
        self._count(len(function.arguments or ""))

    def _count(self, chars: int) -> None:
        self._chars += chars
        if self._chars > MAX_REPLY_CHARS:
            raise ProviderFault("The language model's answer is too long.")

    @staticmethod
    def _complete(content: str, calls: list[ToolCall]) -> bool:
        """Whether an answer without its end is whole all the same: every JSON in it can be read."""
        texts = [call.function.arguments or "{}" for call in calls if call.function] + ([content] if content else [])
        try:
            return bool(texts) and all(isinstance(orjson.loads(text), dict) for text in texts)
        except orjson.JSONDecodeError:
            return False
