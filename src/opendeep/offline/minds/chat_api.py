"""`POST /v1/chat/completions` as OpenAI has it, answered by rules.

Owns the protocol: request checks, tool calls, `response_format`, usage, error shapes. The name of the JSON schema
selects the mind; a schema that none of them knows is refused honestly with 400.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import uuid4

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opendeep.offline.minds import call_judge, planner, report_writer
from opendeep.offline.minds.draft import LOOKUP_TOOL

MAX_BODY_BYTES: Final = 4 * 1024 * 1024
MAX_TOOL_CALLS: Final = 8
CHARS_PER_TOKEN: Final = 4  # only for the usage figures

Messages = Sequence[dict[str, Any]]
MINDS: Final[dict[str, Callable[[Messages], dict[str, Any]]]] = {
    "assistant_turn": planner.assistant_turn,
    "call_analysis": call_judge.call_analysis,
    "campaign_report": report_writer.campaign_report,
}


class _Refused(Exception):
    """The request cannot be served: HTTP status, and the error's message, code and parameter as OpenAI names them."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"message": message, "type": "invalid_request_error", "param": param, "code": code}


def routes() -> list[Route]:
    return [Route("/v1/chat/completions", _completions, methods=["POST"])]


async def _completions(request: Request) -> Response:
    try:
        wanted = _checked(await _body(request))
        return _json(_complete(wanted))
    except _Refused as refusal:
        return _json({"error": refusal.body}, refusal.status)


async def _body(request: Request) -> dict[str, Any]:
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MAX_BODY_BYTES:
            raise _Refused("The request is too large.", status=413)
    try:
        document = orjson.loads(received)
    except orjson.JSONDecodeError as error:
        raise _Refused(f"We could not parse the JSON body of your request: {error}") from error
    if not isinstance(document, dict):
        raise _Refused("The body must be a JSON object.")
    return document


def _checked(wanted: dict[str, Any]) -> dict[str, Any]:
    messages = wanted.get("messages")
    if not isinstance(wanted.get("model"), str):
        raise _Refused("you must provide a model parameter", param="model")
    if not isinstance(messages, list) or not messages or not all(isinstance(entry, dict) for entry in messages):
        raise _Refused("'messages' must be a list of one or more messages.", param="messages")
    if wanted.get("stream"):
        raise _Refused("The offline minds do not stream.", param="stream", code="unsupported_value")
    name = _schema_name(wanted)
    if name not in MINDS:
        known = ", ".join(MINDS)
        message = f"The offline minds are rules and answer only the schemas {known}; they cannot answer {name!r}."
        raise _Refused(message, param="response_format", code="unsupported_schema")
    return wanted


def _schema_name(wanted: dict[str, Any]) -> str | None:
    form = wanted.get("response_format")
    schema = form.get("json_schema") if isinstance(form, dict) and form.get("type") == "json_schema" else None
    return str(schema.get("name")) if isinstance(schema, dict) else None


def _complete(wanted: dict[str, Any]) -> dict[str, Any]:
    name = str(_schema_name(wanted))
    arguments = planner.lookups(wanted["messages"]) if name == "assistant_turn" and _may_look_up(wanted) else []
    calls = [
        {
            "id": f"call_{uuid4().hex[:24]}",
            "type": "function",
            "function": {"name": LOOKUP_TOOL, "arguments": orjson.dumps(entry).decode()},
        }
        for entry in arguments[:MAX_TOOL_CALLS]
    ]
    content = None if calls else orjson.dumps(MINDS[name](wanted["messages"])).decode()
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop", "logprobs": None}
    return {
        "id": f"chatcmpl-{uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": wanted["model"],
        "choices": [choice],
        "usage": _usage(wanted["messages"], message),
    }


def _may_look_up(wanted: dict[str, Any]) -> bool:
    tools = wanted.get("tools") or []
    names = [tool.get("function", {}).get("name") for tool in tools if isinstance(tool, dict)]
    return LOOKUP_TOOL in names and wanted.get("tool_choice") != "none"


def _usage(messages: Messages, answer: dict[str, Any]) -> dict[str, int]:
    asked, answered = (len(orjson.dumps(value)) // CHARS_PER_TOKEN for value in (list(messages), answer))
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}


def _json(document: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")
