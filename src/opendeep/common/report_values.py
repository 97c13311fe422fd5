"""What reports are made of: sums and rows as the database gives them, frozen. Times are UTC, durations in seconds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from opendeep.common.data_models import Json

SLOT_S = 900  # calls are summed by the quarter of an hour: every time zone's day begins at one


@dataclass(frozen=True, slots=True)
class Tally:
    """So many tasks have this status, disposition and number of attempts."""

    status: str
    disposition: str | None
    attempts: int
    tasks: int


@dataclass(frozen=True, slots=True)
class Slot:
    """Ended calls that were dialled within one quarter of an hour, to one time zone, with one outcome.

    `zone` is the task's own, None where it names none. `billed_s` is talk time over a trunk; `voice_usd` sums the
    `priced` calls of which it is known what the voice AI took.
    """

    starts_at: datetime
    zone: str | None
    disposition: str | None
    calls: int
    answered: int
    talk_s: float
    billed_s: float
    voice_usd: float
    priced: int


@dataclass(frozen=True, slots=True)
class ReportCall:
    """A call as a report lists it. `evidence` are the turns that its analysis rests on, None without one."""

    id: UUID
    task_id: UUID
    attempt: int
    status: str
    disposition: str | None
    talk_s: float
    has_recording: bool
    evidence: Sequence[int] | None


@dataclass(frozen=True, slots=True)
class ReportTask:
    """A task as reports and exports list it."""

    id: UUID
    position: int
    contact_name: str
    phone_number: str
    objective: str
    status: str
    status_reason: str
    disposition: str | None
    attempts: int
    summary: str | None
    result: Json
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReportTurn:
    """`text` is None where only the existence of the turn counts."""

    call_id: UUID
    turn: int
    speaker: str
    text: str | None


@dataclass(frozen=True, slots=True)
class ReportHead:
    """A campaign in the list of reports. `figures` and `headline` are those of its final report, None without one."""

    id: UUID
    title: str
    status: str
    created_at: datetime
    finished_at: datetime | None
    headline: str | None
    generated_at: str | None
    figures: dict[str, Any] | None
