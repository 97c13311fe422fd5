"""`POST /v1/chat/completions` as OpenAI has it, whole or streamed, answered by rules.

Owns the protocol: the checks of a request and the shapes of an answer, a stream and an error. What is answered is
`completion`'s business, how an answer is cut into chunks `chunks`'.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from opendeep.offline.minds.chunks import chunks_of
from opendeep.offline.minds.completion import Refused, complete

MAX_BODY_BYTES: Final = 4 * 1024 * 1024
MAX_MESSAGES: Final = 2_000
MAX_TOOLS: Final = 128
ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
IGNORED: Final = (
    "frequency_penalty logit_bias max_completion_tokens max_tokens metadata modalities moderation parallel_tool_calls "
    "prediction presence_penalty prompt_cache_key prompt_cache_options prompt_cache_retention reasoning_effort "
    "safety_identifier seed service_tier stop store temperature top_logprobs top_p user verbosity web_search_options"
)
KNOWN: Final = frozenset(
    {"model", "messages", "stream", "stream_options", "tools", "tool_choice", "response_format", "n", "logprobs"}
    | set(IGNORED.split())
)


def routes() -> list[Route]:
    return [Route("/v1/chat/completions", _completions, methods=["POST"])]


async def _completions(request: Request) -> Response:
    try:
        wanted = _checked(await _body(request))
        answer = complete(wanted)
    except Refused as refusal:
        return Response(orjson.dumps({"error": refusal.body}), refusal.status, media_type="application/json")
    if not wanted.get("stream"):
        return Response(orjson.dumps(answer), media_type="application/json")
    options = wanted.get("stream_options")
    with_usage = isinstance(options, Mapping) and options.get("include_usage") is True
    return StreamingResponse(chunks_of(answer, with_usage=with_usage), media_type="text/event-stream")


async def _body(request: Request) -> dict[str, Any]:
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MAX_BODY_BYTES:
            raise Refused("The request is too large.", status=413)
    try:
        document = orjson.loads(received)
    except orjson.JSONDecodeError as error:
        raise Refused(f"We could not parse the JSON body of your request: {error}") from error
    if not isinstance(document, dict):
        raise Refused("The body must be a JSON object.")
    return document


def _checked(wanted: dict[str, Any]) -> dict[str, Any]:
    for name in wanted:
        if name not in KNOWN:
            raise Refused(f"Unrecognized request argument supplied: {name}", param=name, code="unknown_parameter")
    if not isinstance(wanted.get("model"), str):
        raise Refused("you must provide a model parameter", param="model")
    _check_messages(wanted.get("messages"))
    _check_tools(wanted)
    if wanted.get("n") not in (None, 1):
        raise Refused("Rules have one answer: n must be 1.", param="n", code="unsupported_value")
    if wanted.get("logprobs"):
        raise Refused("Rules have no logprobs.", param="logprobs", code="unsupported_value")
    for name in ("stream", "stream_options"):
        kind = bool if name == "stream" else dict
        if not isinstance(wanted.get(name), kind | None):
            raise Refused(f"'{name}' has the wrong type.", param=name, code="invalid_type")
    if wanted.get("stream_options") and not wanted.get("stream"):
        raise Refused("'stream_options' is only allowed when 'stream' is enabled.", param="stream_options")
    return wanted


def _check_messages(messages: Any) -> None:
    usable = isinstance(messages, list) and 0 < len(messages) <= MAX_MESSAGES
    if not usable or not all(isinstance(entry, dict) for entry in messages):
        raise Refused("'messages' must be a list of one or more messages.", param="messages")
    for at, message in enumerate(messages):
        if message.get("role") not in ROLES:
            known = ", ".join(sorted(ROLES))
            raise Refused(f"'messages[{at}].role' must be one of: {known}.", param=f"messages[{at}].role")
        if not isinstance(message.get("content"), str | list | None):
            raise Refused(f"'messages[{at}].content' must be text or parts.", param=f"messages[{at}].content")
    called = {
        call.get("id") for message in messages for call in message.get("tool_calls") or () if isinstance(call, dict)
    }
    for at, message in enumerate(messages):
        if message["role"] == "tool" and message.get("tool_call_id") not in called:
            text = f"'messages[{at}].tool_call_id' answers no call of the messages before."
            raise Refused(text, param=f"messages[{at}].tool_call_id")


def _check_tools(wanted: dict[str, Any]) -> None:
    tools = wanted.get("tools")
    if tools is None:
        return
    if not isinstance(tools, list) or len(tools) > MAX_TOOLS:
        raise Refused(f"'tools' must be a list of at most {MAX_TOOLS}.", param="tools")
    for at, tool in enumerate(tools):
        function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise Refused("Only function tools with a name work.", param=f"tools[{at}]")
    choice = wanted.get("tool_choice")
    if isinstance(choice, dict):
        function = choice.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        if name not in [tool["function"]["name"] for tool in tools]:
            raise Refused(f"'{name}' is not one of the tools.", param="tool_choice")
    elif choice not in (None, "none", "auto", "required"):
        raise Refused("'tool_choice' must be none, auto, required or a function.", param="tool_choice")
