"""The rows of one attempt: status, timeline, and its end together with the task's next state.

Owns the order and the patience of these writes: telephony never waits for the database, and a database that is away is
asked again until it is back. What the status is, is decided in `attempt_states`.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from opendeep.call_processor_service.line_faults import NOTHING, judge_line
from opendeep.call_processor_service.line_records import forgives, record_end, record_sign_of_life
from opendeep.common.clock import Clock
from opendeep.common.data_models import Call, CallStatus, Disposition, TaskStatus
from opendeep.common.errors import Conflict, PeerFault
from opendeep.database.db_manager import DatabaseManager, Transaction

log = structlog.get_logger(__name__)

MAX_WAITING_LINES = 200  # of the timeline; the oldest is dropped and counted
BACKOFF_FIRST_S = 0.2
BACKOFF_MAX_S = 5.0
MAX_REFUSALS = 3  # a write that fails although the database is there is a bug; it must not loop for ever


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended, for the call's row. `counts`: the switch was asked, so it uses up one attempt; `unheard`:
    but the voice AI was away, so it is forgiven (bounded)."""

    status: CallStatus
    disposition: Disposition | None
    reason: str
    hangup_cause: int | None = None
    sip_code: int | None = None
    counts: bool = True
    unheard: bool = False


@dataclass(frozen=True, slots=True)
class _Line:
    kind: str
    detail: str
    at: datetime
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Batch:
    """What one transaction writes."""

    lines: deque[_Line] = field(default_factory=deque)
    status: CallStatus | None = None
    ending: Ending | None = None


async def write_ending(work: Transaction, call: Call, ending: Ending) -> None:
    """Close the call and pass its task on, in the caller's transaction.

    A call that has ended already stays so, and so does its task: it may be in its next call by now.
    """
    if not await work.calls.hold_live(call.id):
        log.warning("call.closed_elsewhere", call_id=str(call.id), late=ending.status.value)
        return
    ended = await work.calls.update_call_status(
        call.id,
        ending.status,
        end_reason=ending.reason,
        hangup_cause=ending.hangup_cause,
        sip_code=ending.sip_code,
        disposition=ending.disposition,
    )
    verdict = judge_line(ended) if ending.counts else NOTHING
    try:
        await work.tasks.transition(
            call.task_id,
            TaskStatus.PENDING_ANALYSIS,
            ending.reason,
            expected=TaskStatus.CALL_IN_PROGRESS,
            counts_attempt=ending.counts and not await forgives(work, ended, verdict, unheard=ending.unheard),
        )
    except Conflict as error:
        log.warning("call.task_moved_on", call_id=str(call.id), task_id=str(call.task_id), detail=str(error))
    await add_line(work, call, "call.ended", ending.reason, {"status": ending.status.value})
    await record_end(work, ended, verdict)


async def add_line(
    work: Transaction, call: Call, kind: str, detail: str, data: Mapping[str, Any], at: datetime | None = None
) -> None:
    """One line of the call's timeline."""
    await work.events.add(
        call.user_id,
        kind,
        detail,
        data=data,
        campaign_id=call.campaign_id,
        task_id=call.task_id,
        call_id=call.id,
        at=at,
    )


class AttemptRecorder:
    """Collects without waiting (`reach`, `note`, `finish`), writes in `run()`, which returns after the ending."""

    def __init__(self, db: DatabaseManager, call: Call, clock: Clock) -> None:
        self.dropped = 0
        self._db = db
        self._call = call
        self._clock = clock
        self._lines: deque[_Line] = deque()
        self._status: CallStatus | None = None
        self._ending: Ending | None = None
        self._work_waits = asyncio.Event()

    def note(self, kind: str, detail: str, **data: Any) -> None:
        """A line for the timeline: `kind` a stable dotted name, `detail` a sentence for the user."""
        if len(self._lines) >= MAX_WAITING_LINES:
            self._lines.popleft()
            self.dropped += 1
        self._lines.append(_Line(kind, detail, self._clock.now(), data))
        self._work_waits.set()

    def reach(self, status: CallStatus) -> None:
        """A live status; only the latest counts, the store never lets one go back."""
        self._status = status
        self._work_waits.set()

    def finish(self, ending: Ending) -> None:
        """The end; the first one counts."""
        self._ending = self._ending or ending
        self._work_waits.set()

    async def run(self) -> None:
        """Write until the ending is committed. Asks a database that is away again and again."""
        backoff, refusals = BACKOFF_FIRST_S, 0
        while True:
            await self._work_waits.wait()
            batch = _Batch()
            try:
                async with self._db.transaction() as work:
                    batch = self._take()  # with all that came while this waited for its turn
                    await self._write(work, batch)
                backoff = BACKOFF_FIRST_S
            except PeerFault as error:
                log.warning("call.database_away", call_id=str(self._call.id), error=str(error), retry_in_s=backoff)
                self._put_back(batch)
                await self._clock.sleep(backoff)
                backoff = min(backoff * 2, BACKOFF_MAX_S)
                continue
            except Exception:  # boundary: one call's rows; its ending is tried again without what may have failed
                log.exception("call.record_failed", call_id=str(self._call.id))
                refusals += 1
                if batch.ending is not None and refusals >= MAX_REFUSALS:
                    raise
                self._work_waits.set()
                continue
            if batch.ending is not None:
                return

    def _take(self) -> _Batch:
        batch = _Batch(self._lines, self._status, self._ending)
        self._lines, self._status = deque(), None
        self._work_waits.clear()
        return batch

    def _put_back(self, batch: _Batch) -> None:
        self._lines.extendleft(reversed(batch.lines))
        while len(self._lines) > MAX_WAITING_LINES:
            self._lines.popleft()
            self.dropped += 1
        self._status = self._status or batch.status
        self._work_waits.set()

    async def _write(self, work: Transaction, batch: _Batch) -> None:
        for line in batch.lines:
            await add_line(work, self._call, line.kind, line.detail, line.data, line.at)
        if batch.status is not None:
            await record_sign_of_life(work, await work.calls.update_call_status(self._call.id, batch.status))
        if batch.ending is not None:
            await write_ending(work, self._call, batch.ending)
