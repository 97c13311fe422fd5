"""What a model may call, and the running of the calls of one round: together, each to its deadline, results in order.

Owns the checks of a model's calls and the reports to whoever watches. The conversation around them is the client's.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson
import structlog

from opendeep.common.plain_text import plain, plain_json
from opendeep.llm_integrations.chat_completion import FunctionCall, ToolCall

log = structlog.get_logger(__name__)

MAX_PARALLEL_TOOLS: Final = 8  # calls in one round beyond these are answered with an error
MAX_TOOL_NAME_CHARS: Final = 64  # as the API bounds them; longer ones were made up
TOOL_DEADLINE_S: Final = 30.0  # of one call; the others of its round keep their results

Message = dict[str, Any]  # as Chat Completions has it: role, content, tool_calls, tool_call_id
Result = dict[str, Any]


class Toolbox(Protocol):
    """What the model may call. Crosses the wall to `tools/`, which lies above this package."""

    def tool_definitions(self) -> list[dict[str, Any]]:
        """Each {name, description, parameters: JSON Schema}."""
        ...

    async def call(self, name: str, arguments: Any) -> Result:
        """Never raises for what the model did wrong; the result says it."""
        ...


@dataclass(frozen=True, slots=True)
class ToolStep:
    """One tool call and its result. `id` is the provider's tool_call_id."""

    id: str
    name: str
    arguments: dict[str, Any]
    result: dict[str, Any]


class Watch(Protocol):
    """Who is told what happens while a model thinks. Must not wait: the model would wait too."""

    def tool_started(self, call_id: str, name: str, arguments: dict[str, Any]) -> None: ...
    def tool_finished(self, step: ToolStep) -> None: ...
    def said(self, text: str) -> None:
        """The answer's text goes on with this."""
        ...

    def unsaid(self) -> None:
        """What was said of the answer does not hold: it begins anew."""
        ...


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One call as it will be run and shown; `refused` is the result of one that is not run."""

    id: str
    name: str
    arguments: dict[str, Any]
    refused: Result | None = None


async def run_tools(
    calls: Sequence[ToolCall], tools: Toolbox, deadline_s: float, watch: Watch | None = None
) -> list[ToolStep]:
    """Run the calls of one round together; the steps stand in the order of the calls."""
    wanted = [_wanted(call.id, call.function, at) for at, call in enumerate(calls) if call.function is not None]
    if watch is not None:
        for call in wanted:
            watch.tool_started(call.id, call.name, call.arguments)
    return list(await asyncio.gather(*(_run(call, tools, deadline_s, watch) for call in wanted)))


def as_messages(content: str, calls: Sequence[ToolCall], steps: Sequence[ToolStep]) -> list[Message]:
    """The round as the conversation keeps it: the model's calls as it wrote them, then the results."""
    asked = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.function.name, "arguments": call.function.arguments},
        }
        for call in calls
        if call.function is not None
    ]
    results = [
        {"role": "tool", "tool_call_id": step.id, "content": orjson.dumps(step.result).decode()} for step in steps
    ]
    return [{"role": "assistant", "content": content, "tool_calls": asked}, *results]


def _wanted(identity: str, function: FunctionCall, at: int) -> _Wanted:
    name = plain(function.name)[:MAX_TOOL_NAME_CHARS]
    if at >= MAX_PARALLEL_TOOLS:
        return _Wanted(identity, name, {}, _error(f"At most {MAX_PARALLEL_TOOLS} calls at once; ask again."))
    try:
        arguments = plain_json(orjson.loads(function.arguments or "{}"))
    except orjson.JSONDecodeError:
        arguments = None
    if not isinstance(arguments, dict):
        return _Wanted(identity, name, {}, _error("The arguments must be one JSON object."))
    return _Wanted(identity, name, arguments)


async def _run(call: _Wanted, tools: Toolbox, deadline_s: float, watch: Watch | None) -> ToolStep:
    result = call.refused
    if result is None:
        try:
            async with asyncio.timeout(deadline_s):
                result = await tools.call(call.name, call.arguments)
        except TimeoutError:
            log.warning("tool.timeout", tool=call.name, deadline_s=deadline_s)
            result = _error("This took too long and was given up.")
    step = ToolStep(call.id, call.name, call.arguments, result)
    if watch is not None:
        watch.tool_finished(step)
    return step


def _error(detail: str) -> Result:
    return {"status": "error", "detail": detail}
