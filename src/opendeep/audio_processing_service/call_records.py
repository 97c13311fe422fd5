"""The rows of one live call: its brief is read here once; turns, timeline lines and usage are shaped for `RowWriter`.

Before the call's row was read (`know`) there is nothing to attach a line to: such lines are dropped.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import structlog

from opendeep.audio_processing_service.row_writer import RowWriter, Write
from opendeep.common.call_facts import MEMORY_GIVEN
from opendeep.common.call_memory import given_facts, memory_for
from opendeep.common.callee_place import ZoneRules
from opendeep.common.campaign_plan import TaskBrief
from opendeep.common.clock import Clock
from opendeep.common.data_models import Call, CallBrief, TranscriptTurn
from opendeep.common.errors import DatabaseUnavailable, NotFound
from opendeep.database.db_manager import DatabaseManager

log = structlog.get_logger(__name__)

LOAD_TRIES: Final = 10
LOAD_RETRY_S: Final = 0.5


async def load_brief(db: DatabaseManager, clock: Clock, zones: ZoneRules, call_id: UUID) -> CallBrief | None:
    """Everything about the call, with the callee's time zone; None when there is no such live call or the database
    stays away."""
    for _ in range(LOAD_TRIES):
        try:
            async with db.read() as work:
                brief = await work.calls.brief(call_id)
        except NotFound:
            log.warning("call.unknown")
            return None
        except DatabaseUnavailable as error:
            log.warning("call.brief_delayed", error=str(error))
            await clock.sleep(LOAD_RETRY_S)
            continue
        if not brief.call.live:
            log.info("call.not_live", status=brief.call.status.value)
            return None
        return _placed(brief, zones)
    log.error("call.brief_unreadable")
    return None


def _placed(brief: CallBrief, zones: ZoneRules) -> CallBrief:
    """Where the contact names no zone, that of the number: what the gate and the analyser go by."""
    if brief.task.timezone is not None:
        return brief
    known = zones.place(brief.task).zones
    return replace(brief, task=replace(brief.task, timezone=known[0].key)) if known else brief


class CallRecords:
    """One per call. Nothing here blocks."""

    def __init__(self, rows: RowWriter, clock: Clock) -> None:
        self._rows = rows
        self._clock = clock
        self._call: Call | None = None

    def know(self, brief: CallBrief) -> None:
        """The call's row was read: from now on lines are kept, first that of what the call is told from memory."""
        self._call = brief.call
        task = TaskBrief.model_validate(brief.task.brief)
        given = memory_for(brief, task, self._clock.now())
        if not given.empty:
            detail = f"The AI was told {len(given.standing)} standing facts and {len(given.contact)} of the contact."
            self.note(MEMORY_GIVEN, detail, **given_facts(brief, given))

    def turn(self, turn: TranscriptTurn) -> None:
        """A turn as it is known now; later versions replace it."""
        if self._call is not None:
            user_id, task_id = self._call.user_id, self._call.task_id
            self._rows.put(lambda work: work.transcripts.put(user_id, task_id, turn))

    def note(self, kind: str, detail: str, **data: Any) -> None:
        """A line of the timeline, with the time of now."""
        if self._call is not None:
            call, at = self._call, self._clock.now()
            ids = {"campaign_id": call.campaign_id, "task_id": call.task_id, "call_id": call.id}
            self._rows.put(lambda work: work.events.add(call.user_id, kind, detail, data=data, at=at, **ids))

    def keep(self, write: Write) -> None:
        """A row of another kind that the database must get, soon or when it is back."""
        self._rows.put(write)

    def withdraw_questions(self) -> None:
        """The call is over before the user answered."""
        if self._call is not None:
            call_id = self._call.id
            self._rows.put(lambda work: work.feedback.withdraw_of_call(call_id))

    def media(self, usage: Mapping[str, Any], recording_path: str | None) -> None:
        """What the call has used, and where it was recorded."""
        if self._call is not None:
            call_id = self._call.id
            self._rows.put(lambda work: work.calls.save_media(call_id, usage, recording_path))
