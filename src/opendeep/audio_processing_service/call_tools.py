"""The tools that the live AI has: `end_call`, `send_dtmf`, `request_user_feedback`, `stop_recording`.

Each has a schema, a deadline and a line in the timeline with its arguments and outcome. What the model asked for is
data from outside: it is validated here and a mistake is answered to the model, never raised. Which response follows
is `live_conversation`'s matter.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

import orjson
import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from opendeep.audio_processing_service.call_records import CallRecords
from opendeep.audio_processing_service.user_questions import QuestionPorts, UserQuestions
from opendeep.common.channels import call_commands
from opendeep.common.clock import Clock
from opendeep.common.data_models import CallBrief
from opendeep.common.errors import DatabaseUnavailable
from opendeep.common.ids import new_id
from opendeep.common.redis_client import Doorbell
from opendeep.database.db_manager import DatabaseManager

log = structlog.get_logger(__name__)

Output = dict[str, Any]

DTMF_BASE_S: Final = 8.0
DTMF_PER_DIGIT_S: Final = 0.6
MAX_CALL_ID_CHARS: Final = 80  # of the provider's ids, as far as we keep them
MAX_ARGUMENT_BYTES: Final = 20_000
MAX_TOOL_CALLS: Final = 100  # in one call; more is a loop


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


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)


class _EndCall(_Arguments):
    reason: EndReason = EndReason.OTHER
    note: Annotated[str, Field(max_length=2000)] | None = None


class _SendDtmf(_Arguments):
    digits: Annotated[str, Field(pattern=r"^[0-9*#]{1,32}$")]


class _RequestUserFeedback(_Arguments):
    question: Annotated[str, Field(min_length=1, max_length=500)]
    options: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=10)] = []


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A function call of the model, as it came. `call_id` is the provider's."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolLimits:
    """`feedback_timeout_s`: how long a question to the user stays open; `max_feedback`: questions in one call."""

    feedback_timeout_s: float = 45.0
    max_feedback: int = 5


@dataclass(frozen=True, slots=True)
class ToolPorts:
    """What tools do to their call. `end` gets the model's reason when it asks to end the call; `stop_recording` deletes
    what was recorded, and says whether there was anything."""

    end: Callable[[EndReason], None]
    stop_recording: Callable[[], Awaitable[bool]]
    questions: QuestionPorts


class CallTools:
    """One per call."""

    def __init__(
        self,
        brief: CallBrief,
        db: DatabaseManager,
        bell: Doorbell,
        clock: Clock,
        records: CallRecords,
        ports: ToolPorts,
        limits: ToolLimits,
    ) -> None:
        self._brief = brief
        self._bell = bell
        self._clock = clock
        self._records = records
        self._ports = ports
        self._questions = UserQuestions(
            brief.call,
            db,
            clock,
            records,
            ports.questions,
            timeout_s=limits.feedback_timeout_s,
            most=limits.max_feedback,
        )
        self._channel = call_commands(brief.call.id)
        self._dtmf: dict[str, asyncio.Future[Output]] = {}
        self._calls = 0
        self._tools = {
            "end_call": self._end_call,
            "send_dtmf": self._send_dtmf,
            "request_user_feedback": self._request_user_feedback,
            "stop_recording": self._stop_recording,
        }

    @property
    def waits_for_user(self) -> bool:
        """A question to the user is open."""
        return self._questions.waiting

    def receive(self, data: Mapping[str, Any]) -> None:
        """A message of the call's channel that may concern a tool."""
        match data.get("type"):
            case "dtmf_sent":
                self._settle_dtmf(data, {"status": "sent"})
            case "dtmf_failed":
                self._settle_dtmf(data, {"status": "failed", "detail": str(data.get("detail") or "not sent")[:300]})
            case "feedback_answered":
                self._questions.receive_answered(data)

    async def run(self, request: ToolRequest) -> Output:
        """Carry it out; every outcome is an output for the model. Raises only when cancelled."""
        self._calls += 1
        started = self._clock.monotonic()
        arguments: object = {}
        try:
            arguments = _parse(request.arguments)
            output = await self._dispatch(request, arguments)
        except asyncio.CancelledError:
            self._note(request, arguments, {"status": "cancelled"}, started)
            raise
        except ValidationError as error:
            output = _mistake(_first_problem(error))
        except orjson.JSONDecodeError:
            output = _mistake("The arguments are not a JSON object.")
        except DatabaseUnavailable as error:
            output = {"status": "failed", "detail": str(error)}
        except Exception:  # boundary: one tool call
            log.exception("tool.failed", tool=request.name[:80])
            output = {"status": "failed", "detail": "An internal error; go on without it."}
        self._note(request, arguments, output, started)
        return output

    def close(self) -> None:
        """The call is over, and no tool runs any more."""
        self._questions.close()

    # -- the tools

    async def _dispatch(self, request: ToolRequest, arguments: object) -> Output:
        tool = self._tools.get(request.name)
        if tool is None:
            return _mistake(f"There is no tool {request.name[:80]!r}; there are {', '.join(self._tools)}.")
        if self._calls > MAX_TOOL_CALLS:
            return _mistake("Too many tool calls in this conversation; finish it.")
        return await tool(request, arguments)

    async def _end_call(self, request: ToolRequest, arguments: object) -> Output:
        wish = _EndCall.model_validate(arguments)
        detail = f"The AI ends the call: {wish.reason.value.replace('_', ' ')}."
        self._records.note("call.end_requested", detail, reason=wish.reason.value, note=wish.note)
        log.info("call.end_requested", reason=wish.reason.value, call_id=str(self._brief.call.id))
        self._ports.end(wish.reason)
        return {"status": "ok"}

    async def _send_dtmf(self, request: ToolRequest, arguments: object) -> Output:
        wish = _SendDtmf.model_validate(arguments)
        request_id = str(new_id())
        done: asyncio.Future[Output] = asyncio.get_running_loop().create_future()
        self._dtmf[request_id] = done
        try:
            await self._bell.ring(self._channel, {"type": "send_dtmf", "digits": wish.digits, "request_id": request_id})
            async with asyncio.timeout(DTMF_BASE_S + DTMF_PER_DIGIT_S * len(wish.digits)):
                return await done
        except TimeoutError:
            return {"status": "failed", "detail": "The telephone switch did not confirm the keys in time."}
        finally:
            del self._dtmf[request_id]

    async def _request_user_feedback(self, request: ToolRequest, arguments: object) -> Output:
        wish = _RequestUserFeedback.model_validate(arguments)
        return await self._questions.ask(request.call_id[:MAX_CALL_ID_CHARS], wish.question, wish.options)

    async def _stop_recording(self, request: ToolRequest, arguments: object) -> Output:
        if await self._ports.stop_recording():
            self._records.note("call.recording_deleted", "The other side did not want to be recorded.")
        return {"status": "ok", "detail": "This call is not recorded; nothing of it is kept as sound."}

    # -- inside

    def _settle_dtmf(self, data: Mapping[str, Any], output: Output) -> None:
        waiting = self._dtmf.get(str(data.get("request_id")))
        if waiting is not None and not waiting.done():
            waiting.set_result(output)

    def _note(self, request: ToolRequest, arguments: object, output: Output, started: float) -> None:
        took_ms = round((self._clock.monotonic() - started) * 1000)
        status = output.get("status", "?")
        log.info("tool.done", tool=request.name[:80], status=status, took_ms=took_ms)
        self._records.note(
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


def _mistake(detail: str) -> Output:
    return {"status": "error", "detail": detail}


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"]) or "arguments"
    return f"{where}: {problem['msg']}"
