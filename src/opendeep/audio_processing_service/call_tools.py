"""`CallTools`: what the live AI can do, by name; each run has checked arguments, an end, and a line in the timeline.

What the model asked for is data from outside: a mistake is answered to the model, never raised. The tools are in
`user_questions`, `switch_tools`, `call_promises` and `call_lookups`; which response follows is `live_conversation`'s.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

import orjson
import structlog
from pydantic import Field, ValidationError

from opendeep.audio_processing_service.call_lookups import CallLookups, Lookups
from opendeep.audio_processing_service.call_promises import CallPromises
from opendeep.audio_processing_service.switch_tools import SwitchTools
from opendeep.audio_processing_service.tool_ground import Arguments, Output, ToolGround, ToolRequest, failed, mistake
from opendeep.audio_processing_service.user_questions import QuestionPorts, UserQuestions
from opendeep.audio_processing_service.warm_transfer import FetchPorts
from opendeep.common.call_facts import END_REQUESTED
from opendeep.common.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)

MAX_ARGUMENT_BYTES: Final = 20_000
MAX_TOOL_CALLS: Final = 100  # in one call; more is a loop
SETTLED: Final = frozenset({"ok", "found", "not_found", "answered", "transferred"})  # asking again changes nothing


class EndReason(StrEnum):
    """Why the AI ends the call."""

    COMPLETED = "completed"
    VOICEMAIL = "voicemail"
    OPT_OUT = "opt_out"
    CALLBACK = "callback"
    WRONG_NUMBER = "wrong_number"
    DECLINED = "declined"
    NO_PROGRESS = "no_progress"
    OTHER = "other"


class _EndCall(Arguments):
    reason: EndReason = EndReason.OTHER
    note: Annotated[str, Field(max_length=2000)] | None = None


@dataclass(frozen=True, slots=True)
class _Tool:
    """`once`: the same arguments again get the outcome that they had, and share a run under way. `bridged`: when it
    takes long, a sentence of ours fills the time."""

    run: Callable[[ToolRequest, object], Awaitable[Output]]
    once: bool = False
    bridged: bool = False


@dataclass(frozen=True, slots=True)
class ToolPorts:
    """What tools do to the call. `end` is called with the model's reason; `stop_recording` deletes what was recorded
    and says whether there was anything; `words_played`, `taken_over`, `fetching`: see `SwitchTools`."""

    end: Callable[[EndReason], None]
    stop_recording: Callable[[], Awaitable[bool]]
    words_played: Callable[[], Awaitable[None]]
    taken_over: Callable[[], bool]
    fetching: FetchPorts
    questions: QuestionPorts


class CallTools:
    """One per call. `lookups` None: nothing can be looked up."""

    def __init__(self, ground: ToolGround, ports: ToolPorts, lookups: Lookups | None = None) -> None:
        self._ground = ground
        self._ports = ports
        self._questions = UserQuestions(ground, ports.questions)
        self._switch = SwitchTools(ground, ports.words_played, ports.taken_over, ports.fetching)
        promises = CallPromises(ground)
        self._calls = 0
        self._known: dict[tuple[str, bytes], asyncio.Future[Output]] = {}
        self._tools = {
            "end_call": _Tool(self._end_call),
            "send_dtmf": _Tool(self._switch.send_dtmf),  # the same key again is a wish of its own
            "request_user_feedback": _Tool(self._questions.request_user_feedback, once=True),
            "stop_recording": _Tool(self._stop_recording),
            "mark_do_not_call": _Tool(promises.mark_do_not_call, bridged=True),
            "schedule_callback": _Tool(promises.schedule_callback),
            "record_result": _Tool(promises.record_result),
        }
        if ground.limits.transfer_targets:
            self._tools["transfer_call"] = _Tool(self._switch.transfer_call, once=True)
        if lookups is not None:
            look_up = CallLookups(lookups).look_up
            self._tools["search_internet"] = _Tool(look_up, once=True, bridged=True)
            self._tools["get_authoritative_business_info"] = _Tool(look_up, once=True, bridged=True)

    @property
    def waits_for_user(self) -> bool:
        """A question to the user is open."""
        return self._questions.waiting

    @property
    def transferred(self) -> bool:
        """The callee has left us for a person."""
        return self._switch.transferred

    def bridged(self, name: str) -> bool:
        """Whether the silence while this tool runs is to be filled."""
        tool = self._tools.get(name)
        return tool is not None and tool.bridged

    def hear(self, words: str) -> None:
        """What the other side was understood to say."""
        self._switch.hear(words)

    def receive(self, data: Mapping[str, Any]) -> None:
        """A message of the call's channel that may concern a tool."""
        if data.get("type") == "feedback_answered":
            self._questions.receive_answered(data)
        else:
            self._switch.receive(data)

    def check(self) -> None:
        """Every 100 ms."""
        self._switch.check()

    async def run(self, request: ToolRequest) -> Output:
        """Carry it out; every outcome is an output for the model. Raises only when cancelled."""
        self._calls += 1
        started = self._ground.clock.monotonic()
        arguments: object = {}
        try:
            arguments = _parse(request.arguments)
            output = await self._dispatch(request, arguments)
        except asyncio.CancelledError:
            self._note(request, arguments, {"status": "cancelled"}, started)
            raise
        except ValidationError as error:
            output = mistake(_first_problem(error))
        except orjson.JSONDecodeError:
            output = mistake("The arguments are not a JSON object.")
        except DatabaseUnavailable as error:
            output = failed(str(error))
        except Exception:  # boundary: one tool call
            log.exception("tool.failed", tool=request.name[:80])
            output = failed("An internal error; go on without it.")
        self._note(request, arguments, output, started)
        return output

    async def settle(self) -> None:
        """The line is closed: what this itself confirms may be on its way."""
        await self._switch.settle()

    def close(self) -> None:
        """The call is over, and no tool runs any more."""
        self._questions.close()

    # -- inside

    async def _dispatch(self, request: ToolRequest, arguments: object) -> Output:
        tool = self._tools.get(request.name)
        if tool is None:
            return mistake(f"There is no tool {request.name[:80]!r}; there are {', '.join(self._tools)}.")
        if self._calls > MAX_TOOL_CALLS:
            return mistake("Too many tool calls in this conversation; finish it.")
        return await (self._once(tool, request, arguments) if tool.once else tool.run(request, arguments))

    async def _once(self, tool: _Tool, request: ToolRequest, arguments: object) -> Output:
        key = request.name, orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS)
        known = self._known.get(key)
        if known is not None:
            return await asyncio.shield(known) | {"repeated": True}
        done = self._known[key] = asyncio.get_running_loop().create_future()
        output = failed("It was broken off.")
        try:
            output = await tool.run(request, arguments)
        finally:
            done.set_result(output)
            if output["status"] not in SETTLED:
                del self._known[key]
        return output

    async def _end_call(self, request: ToolRequest, arguments: object) -> Output:
        wish = _EndCall.model_validate(arguments)
        detail = f"The AI ends the call: {wish.reason.value.replace('_', ' ')}."
        self._ground.records.note(END_REQUESTED, detail, reason=wish.reason.value, note=wish.note)
        log.info("call.end_requested", reason=wish.reason.value, call_id=str(self._ground.brief.call.id))
        self._ports.end(wish.reason)
        return {"status": "ok"}

    async def _stop_recording(self, request: ToolRequest, arguments: object) -> Output:
        if await self._ports.stop_recording():
            self._ground.records.note("call.recording_deleted", "The other side did not want to be recorded.")
        return {"status": "ok", "detail": "This call is not recorded; nothing of it is kept as sound."}

    def _note(self, request: ToolRequest, arguments: object, output: Output, started: float) -> None:
        took_ms = round((self._ground.clock.monotonic() - started) * 1000)
        status = output.get("status", "?")
        log.info("tool.done", tool=request.name[:80], status=status, took_ms=took_ms)
        self._ground.records.note(
            "call.tool",
            f"The AI used {request.name[:80]}: {status}.",
            name=request.name[:80],
            arguments=arguments,
            outcome=output,
            took_ms=took_ms,
        )


def _parse(arguments: str) -> object:
    if len(arguments) > MAX_ARGUMENT_BYTES:
        raise orjson.JSONDecodeError("too long", "", 0)
    arguments = arguments.replace("\\u0000", "")  # PostgreSQL keeps no NUL
    return orjson.loads(arguments) if arguments.strip() else {}


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"]) or "arguments"
    return f"{where}: {problem['msg']}"
