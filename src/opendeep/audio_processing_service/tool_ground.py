"""What the tools of one call have in common: the request as it came, the ground they stand on, the shape of outcomes.

What the model asked for is data from outside: arguments are models that validate, a mistake is an output that says what
to do, never an exception that ends a call. The tools themselves are in `call_tools` and its groups.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from opendeep.audio_processing_service.call_records import CallRecords
from opendeep.common.clock import Clock
from opendeep.common.data_models import CallBrief
from opendeep.common.redis_client import Doorbell
from opendeep.database.db_manager import DatabaseManager

Output = dict[str, Any]

TAKEN_OVER_DETAIL: Final = "Your principal has taken the call over; nothing was done."
MAX_WORDS_CHARS: Final = 500  # of the callee, as the model repeats them


class Arguments(BaseModel):
    """Base of the tools' arguments."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A function call of the model, as it came. `call_id` is the provider's."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolLimits:
    """`feedback_timeout_s`: how long a question to the user stays open; `max_feedback`: questions in one call;
    `global_dnd_threshold`: users who must not call a number before nobody may; `transfer_targets`: whom a callee may
    be put through to, by the names that the telephony side knows."""

    feedback_timeout_s: float = 45.0
    max_feedback: int = 5
    global_dnd_threshold: int = 3
    transfer_targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolGround:
    """One per call. `callee_turn`: the transcript turn in which the callee spoke last, None before."""

    brief: CallBrief
    db: DatabaseManager
    bell: Doorbell
    clock: Clock
    records: CallRecords
    limits: ToolLimits
    callee_turn: Callable[[], int | None]


def mistake(detail: str) -> Output:
    """The model asked for something that does not exist or cannot be."""
    return {"status": "error", "detail": detail}


def refused(detail: str) -> Output:
    """It is right, but not now or not any more."""
    return {"status": "refused", "detail": detail}


def failed(detail: str) -> Output:
    """It was tried in vain."""
    return {"status": "failed", "detail": detail}
