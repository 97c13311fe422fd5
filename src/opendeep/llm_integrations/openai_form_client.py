"""`OpenAIFormClient`: structured answers and the tool loop over Chat Completions.

Chat Completions because every compatible server speaks it (Ollama, vLLM, our offline minds). Owns deadlines, the one
retry, the one repair of an unusable answer, and error mapping. Prompts and the meaning of answers are the caller's.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

import openai
import orjson
import structlog
from pydantic import BaseModel, ValidationError

from opendeep.common.errors import ProviderFault, ProviderRefused
from opendeep.common.plain_text import plain, plain_json
from opendeep.llm_integrations.chat_completion import FunctionCall, Reply, ReplyMessage, first_choice
from opendeep.llm_integrations.json_schemas import response_format
from opendeep.llm_integrations.provider_errors import openai_error

log = structlog.get_logger(__name__)

RETRY_DELAY_S: Final = 0.5
MAX_RETRY_AFTER_S: Final = 5.0
MAX_PARALLEL_TOOLS: Final = 8  # calls in one round beyond these are answered with an error
MAX_SHOWN_PROBLEMS: Final = 5
MAX_TOOL_NAME_CHARS: Final = 64  # as the API bounds them; longer ones were made up
NO_KEY: Final = "none"  # compatible servers take any key; the SDK insists on one

Answer = TypeVar("Answer", bound=BaseModel)
Message = dict[str, Any]  # as Chat Completions has it: role, content, tool_calls, tool_call_id


class Toolbox(Protocol):
    """What the model may call. Crosses the wall to `tools/`, which lies above this package."""

    def tool_definitions(self) -> list[dict[str, Any]]:
        """Each {name, description, parameters: JSON Schema}."""
        ...

    async def call(self, name: str, arguments: Any) -> dict[str, Any]:
        """Never raises for what the model did wrong; the result says it."""
        ...


@dataclass(frozen=True, slots=True)
class ToolStep:
    """One tool call and its result. `id` is the provider's tool_call_id."""

    id: str
    name: str
    arguments: dict[str, Any]
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LoopResult(Generic[Answer]):
    answer: Answer
    steps: tuple[ToolStep, ...]


class OpenAIFormClient:
    """One provider, one model. `base_url` None is OpenAI itself; `timeout_ms` bounds each request."""

    def __init__(self, api_key: str | None, base_url: str | None, model: str, timeout_ms: int) -> None:
        self._model = model
        self._timeout_s = timeout_ms / 1000
        self._client = openai.AsyncOpenAI(
            api_key=api_key or NO_KEY, base_url=base_url, timeout=self._timeout_s, max_retries=0
        )

    async def close(self) -> None:
        await self._client.close()

    async def structured(
        self, system: str, messages: Sequence[Message], response_model: type[Answer], name: str
    ) -> Answer:
        """One answer in the shape of `response_model`.

        Raises `ProviderRefused` (refusal, bad key, no quota) or `ProviderFault` (away, slow, unusable answer twice).
        """
        conversation: list[Message] = [{"role": "system", "content": system}, *messages]
        wanted = response_format(response_model, name)
        return await self._answer(conversation, response_model, wanted, await self._complete(conversation, wanted, []))

    async def tool_loop(
        self,
        system: str,
        messages: Sequence[Message],
        tools: Toolbox,
        response_model: type[Answer],
        name: str,
        *,
        max_rounds: int,
        deadline_s: float,
        on_step: Callable[[ToolStep], Awaitable[None]] | None = None,
    ) -> LoopResult[Answer]:
        """Let the model call tools, feed their results back, and take its answer.

        Calls of one round run in parallel. In the last round no tools are offered, so that the model has to answer.
        Raises as `structured` does, and `ProviderFault` when `deadline_s` has passed.
        """
        conversation: list[Message] = [{"role": "system", "content": system}, *messages]
        wanted = response_format(response_model, name)
        offered = [{"type": "function", "function": definition} for definition in tools.tool_definitions()]
        steps: list[ToolStep] = []
        try:
            async with asyncio.timeout(deadline_s):
                for _ in range(max_rounds):
                    reply = await self._complete(conversation, wanted, offered)
                    if not reply.message.tool_calls:
                        return LoopResult(await self._answer(conversation, response_model, wanted, reply), tuple(steps))
                    steps += await self._run_tools(conversation, reply.message, tools, on_step)
                reply = await self._complete(conversation, wanted, [])
                return LoopResult(await self._answer(conversation, response_model, wanted, reply), tuple(steps))
        except TimeoutError as error:
            raise ProviderFault("The language model took too long over its look-ups.") from error

    # -- tools

    async def _run_tools(
        self,
        conversation: list[Message],
        message: ReplyMessage,
        tools: Toolbox,
        on_step: Callable[[ToolStep], Awaitable[None]] | None,
    ) -> list[ToolStep]:
        calls = [(call.id, call.function) for call in message.tool_calls or [] if call.function is not None]
        conversation.append(
            {
                "role": "assistant",
                "content": message.content or "",
                "tool_calls": [
                    {
                        "id": identity,
                        "type": "function",
                        "function": {"name": function.name, "arguments": function.arguments},
                    }
                    for identity, function in calls
                ],
            }
        )
        too_many = {"status": "error", "detail": f"At most {MAX_PARALLEL_TOOLS} calls at once; ask again."}
        results = await asyncio.gather(*(self._run_tool(function, tools) for _, function in calls[:MAX_PARALLEL_TOOLS]))
        steps = []
        for at, (identity, function) in enumerate(calls):
            arguments, result = results[at] if at < len(results) else ({}, too_many)
            step = ToolStep(identity, plain(function.name)[:MAX_TOOL_NAME_CHARS], arguments, result)
            steps.append(step)
            content = orjson.dumps(result).decode()
            conversation.append({"role": "tool", "tool_call_id": identity, "content": content})
            if on_step is not None:
                await on_step(step)
        return steps

    async def _run_tool(self, function: FunctionCall, tools: Toolbox) -> tuple[dict[str, Any], dict[str, Any]]:
        try:
            arguments = plain_json(orjson.loads(function.arguments or "{}"))
        except orjson.JSONDecodeError:
            arguments = None
        if not isinstance(arguments, dict):
            return {}, {"status": "error", "detail": "The arguments must be one JSON object."}
        return arguments, await tools.call(function.name, arguments)

    # -- answers

    async def _answer(
        self, conversation: list[Message], model: type[Answer], wanted: dict[str, Any], reply: Reply
    ) -> Answer:
        """The reply as `model`; an unusable one is shown back once with what is wrong with it."""
        try:
            return self._read(model, reply)
        except _Unusable as problem:
            log.warning("llm.answer_unusable", schema=wanted["json_schema"]["name"], problem=str(problem))
            conversation.append({"role": "assistant", "content": reply.message.content or ""})
            repair = (
                f"That answer cannot be used: {problem} Answer again with the complete JSON object and nothing else."
            )
            conversation.append({"role": "user", "content": repair})
        try:
            return self._read(model, await self._complete(conversation, wanted, []))
        except _Unusable as problem:
            raise ProviderFault(f"The language model gave no usable answer: {problem}") from problem

    @staticmethod
    def _read(model: type[Answer], reply: Reply) -> Answer:
        if reply.message.refusal or reply.finish_reason == "content_filter":
            raise ProviderRefused("The language model refused to answer this.")
        if reply.finish_reason == "length":
            raise _Unusable("it was cut off because it was too long; be brief.")
        try:
            document = plain_json(orjson.loads(reply.message.content or ""))
            return model.model_validate_json(orjson.dumps(document))
        except orjson.JSONDecodeError as error:
            raise _Unusable(f"it is not valid JSON ({error}).") from error
        except ValidationError as error:
            raise _Unusable(_problems(error)) from error

    # -- requests

    async def _complete(
        self, conversation: list[Message], wanted: dict[str, Any], tools: list[dict[str, Any]]
    ) -> Reply:
        """One completion's first choice; a fault that may pass is retried once."""
        try:
            return await self._request(conversation, wanted, tools)
        except ProviderRefused:
            raise
        except ProviderFault as fault:
            delay_s = _retry_delay_s(fault.__cause__)
            log.warning("llm.retry", error=str(fault), delay_s=delay_s)
            await asyncio.sleep(delay_s)
        return await self._request(conversation, wanted, tools)

    async def _request(self, conversation: list[Message], wanted: dict[str, Any], tools: list[dict[str, Any]]) -> Reply:
        request: dict[str, Any] = {"model": self._model, "messages": conversation, "response_format": wanted}
        if tools:
            request["tools"] = tools
        try:
            async with asyncio.timeout(self._timeout_s):
                completion = await self._client.chat.completions.create(**request)
        except (openai.OpenAIError, TimeoutError, json.JSONDecodeError) as error:
            raise openai_error(error) from error
        return first_choice(completion)


class _Unusable(Exception):
    """The reply is not what was asked for; the text says why."""


def _problems(error: ValidationError) -> str:
    shown = error.errors(include_url=False, include_input=False)[:MAX_SHOWN_PROBLEMS]
    return " ".join(f"{'.'.join(str(part) for part in p['loc']) or 'it'}: {p['msg']}." for p in shown)


def _retry_delay_s(cause: BaseException | None) -> float:
    response = getattr(cause, "response", None)
    asked = response.headers.get("retry-after") if response is not None else None
    try:
        return min(max(float(asked), RETRY_DELAY_S), MAX_RETRY_AFTER_S) if asked else RETRY_DELAY_S
    except ValueError:
        return RETRY_DELAY_S
