"""`OpenAIFormClient`: structured answers and the tool loop over Chat Completions.

Chat Completions because every compatible server speaks it (Ollama, vLLM, our offline minds). Owns deadlines, the one
retry, the one repair of an unusable answer, streaming, and error mapping. Prompts and the meaning of answers are the
caller's; the running of tools is in `tool_runs`.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

import openai
import orjson
import structlog
from pydantic import BaseModel, ValidationError

from opendeep.common.errors import ProviderFault, ProviderRefused
from opendeep.common.plain_text import plain, plain_json
from opendeep.llm_integrations.chat_completion import Reply, first_choice
from opendeep.llm_integrations.chat_stream import ReplyBuilder
from opendeep.llm_integrations.field_text import FieldText
from opendeep.llm_integrations.json_schemas import response_format
from opendeep.llm_integrations.provider_errors import openai_error
from opendeep.llm_integrations.tool_runs import TOOL_DEADLINE_S, as_messages, run_tools
from opendeep.llm_integrations.tool_runs import Message as Message
from opendeep.llm_integrations.tool_runs import Toolbox as Toolbox
from opendeep.llm_integrations.tool_runs import ToolStep as ToolStep
from opendeep.llm_integrations.tool_runs import Watch as Watch

log = structlog.get_logger(__name__)

RETRY_DELAY_S: Final = 0.5
MAX_RETRY_AFTER_S: Final = 5.0
MAX_SHOWN_PROBLEMS: Final = 5
MAX_WHOLE_BYTES: Final = 8_000_000  # of an answer that came unstreamed
SHOWN_FIELD: Final = "message"  # of a structured answer: what a person reads while it comes
EVENT_STREAM: Final = "text/event-stream"
NO_KEY: Final = "none"  # compatible servers take any key; the SDK insists on one

Answer = TypeVar("Answer", bound=BaseModel)


class StructuredModel(Protocol):
    """What a mind needs that only asks for structured answers."""

    async def structured(
        self, system: str, messages: Sequence[Message], response_model: type[Answer], name: str
    ) -> Answer: ...


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
        watch: Watch | None = None,
        from_words: Callable[[str], Answer] | None = None,
    ) -> LoopResult[Answer]:
        """Let the model call tools, feed their results back, and take its answer.

        Calls of one round run in parallel. In the last round no tools are offered, so that the model has to answer.
        With a `watch` answers are streamed, and it is told of every step and of the answer's `message` as it comes.
        `from_words` makes an answer of plain words, for servers that know nothing of structured output.
        Raises as `structured` does, and `ProviderFault` when `deadline_s` has passed. Cancelled, it ends the request.
        """
        conversation: list[Message] = [{"role": "system", "content": system}, *messages]
        wanted = response_format(response_model, name)
        offered = [{"type": "function", "function": definition} for definition in tools.tool_definitions()]
        steps: list[ToolStep] = []
        try:
            async with asyncio.timeout(deadline_s):
                for left in range(max_rounds, -1, -1):
                    reply = await self._complete(conversation, wanted, offered if left else [], watch)
                    calls = reply.message.tool_calls
                    if not calls or not left:
                        break
                    new = await run_tools(calls, tools, TOOL_DEADLINE_S, watch)
                    conversation += as_messages(reply.message.content or "", calls, new)
                    steps += new
                answer = await self._answer(conversation, response_model, wanted, reply, watch, from_words)
                return LoopResult(answer, tuple(steps))
        except TimeoutError as error:
            raise ProviderFault("The language model took too long over its look-ups.") from error

    # -- answers

    async def _answer(
        self,
        conversation: list[Message],
        model: type[Answer],
        wanted: dict[str, Any],
        reply: Reply,
        watch: Watch | None = None,
        from_words: Callable[[str], Answer] | None = None,
    ) -> Answer:
        """The reply as `model`; an unusable one is shown back once with what is wrong with it."""
        try:
            return self._read(model, reply)
        except _Unusable as problem:
            log.warning("llm.answer_unusable", schema=wanted["json_schema"]["name"], problem=str(problem))
            conversation.append({"role": "assistant", "content": reply.message.content or ""})
            conversation.append({"role": "user", "content": _repair(problem, wanted)})
        try:
            reply = await self._complete(conversation, wanted, [], watch)
            return self._read(model, reply)
        except _NoJson as problem:
            words = (reply.message.content or "").strip()
            if from_words is None or not words:
                raise ProviderFault(f"The language model gave no usable answer: {problem}") from problem
            return from_words(plain(words))
        except _Unusable as problem:
            raise ProviderFault(f"The language model gave no usable answer: {problem}") from problem

    @staticmethod
    def _read(model: type[Answer], reply: Reply) -> Answer:
        if reply.message.refusal or reply.finish_reason == "content_filter":
            raise ProviderRefused("The language model refused to answer this.")
        if reply.finish_reason == "length":
            raise _Unusable("it was cut off because it was too long; be brief.")
        content = reply.message.content or ""
        try:
            document = plain_json(orjson.loads(_without_fence(content)))
            return model.model_validate_json(orjson.dumps(document))
        except orjson.JSONDecodeError as error:
            kind = _Unusable if "{" in content else _NoJson
            raise kind(f"it is not valid JSON ({error}).") from error
        except ValidationError as error:
            raise _Unusable(_problems(error)) from error

    # -- requests

    async def _complete(
        self,
        conversation: list[Message],
        wanted: dict[str, Any],
        tools: list[dict[str, Any]],
        watch: Watch | None = None,
    ) -> Reply:
        """One completion's first choice; a fault that may pass is retried once."""
        try:
            return await self._request(conversation, wanted, tools, watch)
        except ProviderRefused:
            raise
        except ProviderFault as fault:
            delay_s = _retry_delay_s(fault.__cause__)
            log.warning("llm.retry", error=str(fault), delay_s=delay_s)
            await asyncio.sleep(delay_s)
        return await self._request(conversation, wanted, tools, watch)

    async def _request(
        self,
        conversation: list[Message],
        wanted: dict[str, Any],
        tools: list[dict[str, Any]],
        watch: Watch | None,
    ) -> Reply:
        request: dict[str, Any] = {"model": self._model, "messages": conversation, "response_format": wanted}
        if tools:
            request["tools"] = tools
        try:
            if watch is not None:
                return await self._streamed(request, watch)
            async with asyncio.timeout(self._timeout_s):
                completion = await self._client.chat.completions.create(**request)
        except (openai.OpenAIError, TimeoutError, json.JSONDecodeError) as error:
            raise openai_error(error) from error
        return first_choice(completion)

    async def _streamed(self, request: dict[str, Any], watch: Watch) -> Reply:
        """The answer piece by piece, or whole from a server that does not stream.

        `timeout_ms` bounds the wait for the first piece and for each one after it. Leaving this, by whatever way, ends
        the request at the provider.
        """
        watch.unsaid()
        shown = FieldText(SHOWN_FIELD)
        create = self._client.chat.completions.with_streaming_response.create
        async with contextlib.AsyncExitStack() as stack:
            async with asyncio.timeout(self._timeout_s):
                response = await stack.enter_async_context(create(**request, stream=True))
                if EVENT_STREAM not in response.headers.get("content-type", ""):
                    reply = first_choice(_document(await response.read()))
                    _say(watch, shown.feed(reply.message.content or ""))
                    return reply
                chunks = aiter(await response.parse())
            builder = ReplyBuilder()
            while True:
                async with asyncio.timeout(self._timeout_s):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return builder.reply()
                _say(watch, shown.feed(builder.add(chunk)))


def _say(watch: Watch, text: str) -> None:
    if shown := plain(text):
        watch.said(shown)


def _document(body: bytes) -> Any:
    """Raises `ProviderFault` for what is no JSON."""
    try:
        return orjson.loads(body) if len(body) <= MAX_WHOLE_BYTES else None
    except orjson.JSONDecodeError as error:
        raise ProviderFault("The language model's answer could not be read (no JSON).") from error


def _without_fence(content: str) -> str:
    """The JSON object without the Markdown or the words that some models put around it."""
    text = content.strip()
    if text.startswith("{"):
        return text
    first, last = text.find("{"), text.rfind("}")
    return text[first : last + 1] if 0 <= first < last else text


def _repair(problem: "_Unusable", wanted: dict[str, Any]) -> str:
    """What an unusable answer is answered with; a server that ignores schemas is shown the schema in words."""
    asked = f"That answer cannot be used: {problem} Answer again with the complete JSON object and nothing else."
    schema = orjson.dumps(wanted["json_schema"]["schema"]).decode()
    return f"{asked} Its JSON schema: {schema}" if isinstance(problem, _NoJson) else asked


class _Unusable(Exception):
    """The reply is not what was asked for; the text says why."""


class _NoJson(_Unusable):
    """It holds no JSON object at all."""


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
