"""What the offline text AI answers to one request: a mind for our schemas, values for foreign ones, or small talk.

Owns that choice. The name of a JSON schema selects the mind. A foreign schema is filled only from what the last words
of the user hold; a field that they do not hold is refused, never made up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import uuid4

import orjson

from opendeep.offline.minds import call_judge, lifecycle_judge, planner, report_writer
from opendeep.offline.minds.schema_values import ValueReader
from opendeep.offline.minds.small_talk import Offer, SmallTalk, ToolCall, read_offer
from opendeep.offline.script.understanding import Heard

MAX_TOOL_CALLS: Final = 8
MAX_REPLAYED: Final = 40  # messages of small talk
CHARS_PER_TOKEN: Final = 4  # only for the usage figures

Messages = Sequence[dict[str, Any]]
MINDS: Final[dict[str, Callable[[Messages], dict[str, Any]]]] = {
    "assistant_turn": planner.assistant_turn,
    "call_analysis": call_judge.call_analysis,
    "campaign_report": report_writer.campaign_report,
    "lifecycle_decisions": lifecycle_judge.lifecycle_decisions,
}


class Refused(Exception):
    """The request cannot be served: HTTP status, and the error's message, code and parameter as OpenAI names them."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"message": message, "type": "invalid_request_error", "param": param, "code": code}


def complete(wanted: dict[str, Any]) -> dict[str, Any]:
    """The `chat.completion` for a checked request. Raises Refused."""
    form = wanted.get("response_format")
    kind = form.get("type") if isinstance(form, Mapping) else "text"
    if kind == "json_schema":
        content, calls = _structured(wanted, form["json_schema"] if isinstance(form, Mapping) else None)
    elif form is None or kind == "text":
        content, calls = _talk(wanted)
    else:
        text = f"The offline minds are rules: response_format {kind!r} is not supported, only text and json_schema."
        raise Refused(text, param="response_format", code="unsupported_value")
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
    if calls:
        message["tool_calls"] = [_wire(call) for call in calls[:MAX_TOOL_CALLS]]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop", "logprobs": None}
    return {
        "id": f"chatcmpl-{uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": wanted["model"],
        "choices": [choice],
        "usage": _usage(wanted["messages"], message),
    }


def _structured(wanted: dict[str, Any], schema: Any) -> tuple[str | None, list[ToolCall]]:
    name = schema.get("name") if isinstance(schema, Mapping) else None
    if name == "assistant_turn" and (offered := _offered(wanted)):
        lookups = [ToolCall(tool, arguments) for tool, arguments in planner.lookups(wanted["messages"], offered)]
        if lookups:
            return None, lookups
    if name in MINDS:
        return orjson.dumps(MINDS[str(name)](wanted["messages"])).decode(), []
    body = schema.get("schema") if isinstance(schema, Mapping) else None
    reader = ValueReader(last_words(wanted["messages"]), today=_today(), free_words=False)
    usable = isinstance(body, Mapping) and body.get("type") == "object" and isinstance(body.get("properties"), Mapping)
    found, missing = reader.read_object(body) if usable and isinstance(body, Mapping) else ({}, ["an object"])
    if missing or not found:
        known = ", ".join(MINDS)
        message = (
            f"The offline minds are rules. They answer the schemas {known}, and of others only what the last message "
            f"holds word for word (choices, numbers, dates, yes or no); in {name!r} they do not find: "
            f"{', '.join(missing) or 'anything'}."
        )
        raise Refused(message, param="response_format", code="unsupported_schema")
    return orjson.dumps(found).decode(), []


def _talk(wanted: dict[str, Any]) -> tuple[str | None, list[ToolCall]]:
    """Small talk about the last message, or the call of the tool that it names; what came before is talked over again,
    so that an argument that was asked for finds its tool."""
    messages: Messages = wanted["messages"]
    talk = SmallTalk(_today(), _instructions(messages))
    offer = read_offer(wanted.get("tools") or (), wanted.get("tool_choice"))
    earlier = Offer(offer.tools)
    answer: str | ToolCall = ""
    last = messages[-1]
    for message in messages[-MAX_REPLAYED:]:
        if message["role"] == "user":
            answer = talk.hear(Heard(text_of(message)), offer if message is last else earlier)
        elif message["role"] == "tool":
            answer = talk.result(_called_name(messages, message), _output(text_of(message)))
    if last["role"] not in ("user", "tool"):
        answer = talk.open()
    return (None, [answer]) if isinstance(answer, ToolCall) else (answer, [])


def last_words(messages: Messages) -> str:
    """What the user wrote last; "" when there is nothing."""
    return next((text_of(message) for message in reversed(messages) if message["role"] == "user"), "")


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message, whole or in parts, on one line."""
    content = message.get("content")
    if isinstance(content, list):
        content = " ".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))
    return " ".join(content.split()) if isinstance(content, str) else ""


def _instructions(messages: Messages) -> str:
    return "\n".join(text_of(message) for message in messages if message["role"] in ("system", "developer"))


def _called_name(messages: Messages, answer: Mapping[str, Any]) -> str:
    for message in messages:
        for call in message.get("tool_calls") or ():
            if isinstance(call, Mapping) and call.get("id") == answer.get("tool_call_id"):
                function = call.get("function")
                return str(function.get("name") if isinstance(function, Mapping) else "the tool")
    return "the tool"


def _output(text: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = text
    return value if isinstance(value, dict) else {"text": value}


def _wire(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": orjson.dumps(call.arguments).decode()}
    return {"id": f"call_{uuid4().hex[:24]}", "type": "function", "function": function}


def _offered(wanted: dict[str, Any]) -> set[str]:
    """Names of the tools that may be called."""
    if wanted.get("tool_choice") == "none":
        return set()
    return {str(tool.get("function", {}).get("name")) for tool in wanted.get("tools") or [] if isinstance(tool, dict)}


def _usage(messages: Messages, answer: dict[str, Any]) -> dict[str, int]:
    asked, answered = (len(orjson.dumps(value)) // CHARS_PER_TOKEN for value in (list(messages), answer))
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}


def _today() -> date:
    return datetime.now(UTC).astimezone().date()
