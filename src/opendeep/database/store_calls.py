"""Calls and what belongs to them: transcripts, the event timeline, usage, recordings, analysis."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, String, bindparam, func, select, update

from opendeep.common.data_models import (
    LIVE_CALL_STATUSES,
    Call,
    CallBrief,
    CallCreate,
    CallEvent,
    CallStatus,
    Disposition,
    EarlierCall,
    FeedbackStatus,
    TranscriptTurn,
)
from opendeep.common.decisions import SETS_STOP
from opendeep.common.errors import Conflict, InvalidTransition, NotFound
from opendeep.common.ids import new_id
from opendeep.common.views import call_view, event_view, turn_view
from opendeep.database.models import CallEventRow, CallRow, FeedbackRow, TaskRow, TranscriptRow, UserRow
from opendeep.database.rows import call_value, event_value, task_value, turn_value, user_value
from opendeep.database.scope import across_tenants, for_user
from opendeep.database.store import Store, insert_unless_there, locked
from opendeep.database.store_contacts import ContactsStore
from opendeep.database.store_people import UsersStore

log = structlog.get_logger(__name__)

_LIVE_ORDER = {status: order for order, status in enumerate(LIVE_CALL_STATUSES)}
MAX_CAMPAIGN_EVENTS = 50  # lines of a campaign as a whole that a page gets
MAX_BRIEF_ANSWERS = 20  # of the user, the latest, that a call learns


def is_live() -> ColumnElement[bool]:
    """Written into the SQL as the index has it: a partial index is used only when the planner sees that it fits."""
    values = [status.value for status in LIVE_CALL_STATUSES]
    return CallRow.status.in_(bindparam(None, values, String, expanding=True, literal_execute=True))


def _earlier(row: CallRow) -> EarlierCall:
    return EarlierCall(
        attempt_number=row.attempt_number,
        ended_at=row.ended_at or row.created_at,
        disposition=row.disposition or row.status,
        summary=str((row.analysis or {}).get("summary", "")),
    )


class CallsStore(Store):
    async def create_call_attempt(self, call: CallCreate, lease_s: float) -> Call:
        """Insert the attempt, INITIATED, before anything is dialled.

        Raises `Conflict` when the task already has a live call (the partial unique index says so).
        """
        earlier = across_tenants(
            select(func.coalesce(func.max(CallRow.attempt_number), 0)).where(CallRow.task_id == call.task_id),
            "counts the attempts of a task the caller holds",
        )
        values = {
            "id": new_id(),
            "user_id": call.user_id,
            "campaign_id": call.campaign_id,
            "task_id": call.task_id,
            "attempt_number": earlier.scalar_subquery() + 1,
            "status": CallStatus.INITIATED,
            "phone_number": call.phone_number,
            "caller_id": call.caller_id,
            "node_id": call.node_id,
            "trunk": call.trunk,
            "lease_expires_at": self._work.now + timedelta(seconds=lease_s),
            "usage": {},
            "created_at": self._work.now,
        }
        statement = insert_unless_there(self._session, CallRow, values).returning(CallRow)
        # other calls of the same claim are written together at its end
        row = await self._session.scalar(statement, execution_options={"autoflush": False})
        if row is None:
            raise Conflict("This task already has a live call.")
        value = call_value(row)
        self._work.tell_user(call.user_id, "call", call=call_view(value))
        return value

    async def get_call_by_id(self, call_id: UUID, user_id: UUID | None = None) -> Call:
        """One call; pass `user_id` wherever a user asks. Raises `NotFound`."""
        statement = select(CallRow).where(CallRow.id == call_id)
        scoped = (
            for_user(statement, CallRow, user_id)
            if user_id is not None
            else across_tenants(statement, "by the id of a call that a worker holds")
        )
        row = (await self._session.scalars(scoped)).one_or_none()
        if row is None:
            raise NotFound("There is no such call.")
        return call_value(row)

    async def update_call_status(
        self,
        call_id: UUID,
        status: CallStatus,
        *,
        end_reason: str | None = None,
        hangup_cause: int | None = None,
        sip_code: int | None = None,
        disposition: Disposition | None = None,
    ) -> Call:
        """Move a call forward. A live status never goes back and an ended call never changes: those are ignored,
        because AMI events come in any order. Raises `InvalidTransition` for a change between two ended statuses.
        """
        row = await self._locked(call_id)
        old = CallStatus(row.status)
        if old not in _LIVE_ORDER:
            if status not in _LIVE_ORDER and status != old:
                raise InvalidTransition(f"The call has ended as {old}; it cannot become {status}.")
            return call_value(row)
        if status in _LIVE_ORDER and _LIVE_ORDER[status] <= _LIVE_ORDER[old]:
            return call_value(row)
        row.status = status
        if status in (CallStatus.RINGING, CallStatus.IN_PROGRESS) and row.ringing_at is None:
            row.ringing_at = self._work.now
        if status == CallStatus.IN_PROGRESS:
            row.answered_at = self._work.now
        if status not in _LIVE_ORDER:
            row.ended_at = self._work.now
            row.lease_expires_at = None
            row.end_reason = end_reason
            row.hangup_cause = hangup_cause
            row.sip_code = sip_code
            row.disposition = disposition
        log.info(
            "call.status", task_id=str(row.task_id), call_id=str(call_id), old=old.value, new=status, reason=end_reason
        )
        value = call_value(row)
        self._work.tell_user(row.user_id, "call", call=call_view(value))
        return value

    async def hold_live(self, call_id: UUID) -> bool:
        """Lock the call for this transaction; False when it has ended."""
        return CallStatus((await self._locked(call_id)).status) in _LIVE_ORDER

    async def use_second_trunk(self, call_id: UUID, trunk: str | None) -> None:
        """A second line of the call is on this trunk, None: on none (any more). It counts while the call lives."""
        (await self._locked(call_id)).second_trunk = trunk
        await self._session.flush()

    async def brief(self, call_id: UUID) -> CallBrief:
        """Everything the voice side needs for one call, in one go. Raises `NotFound`."""
        why = "by the id of a call that a worker holds"
        found = (
            await self._session.execute(
                across_tenants(
                    select(CallRow, TaskRow, UserRow)
                    .join(TaskRow, TaskRow.id == CallRow.task_id)
                    .join(UserRow, UserRow.id == CallRow.user_id)
                    .where(CallRow.id == call_id),
                    why,
                )
            )
        ).one_or_none()
        if found is None:
            raise NotFound("There is no such call.")
        call, task, user = found
        earlier = await self._session.scalars(
            across_tenants(
                select(CallRow)
                .where(CallRow.task_id == task.id, CallRow.ended_at.is_not(None))
                .order_by(CallRow.attempt_number),
                why,
            )
        )
        return CallBrief(
            call=call_value(call),
            task=task_value(task),
            user=user_value(user),
            earlier_calls=tuple(_earlier(row) for row in earlier.all()),
            answered_questions=await self._answers_about(task.id),
            contact_facts=await ContactsStore(self._work).facts_of_number(user.id, task.phone_number),
            profile_version=await UsersStore(self._work).profile_version(user.id),
        )

    async def _answers_about(self, task_id: UUID) -> tuple[tuple[str, str], ...]:
        """What the user has answered about the task, also late; what an answer set stands in the task itself."""
        statement = across_tenants(
            select(FeedbackRow.question, FeedbackRow.answer)
            .where(
                FeedbackRow.task_id == task_id,
                FeedbackRow.status == FeedbackStatus.ANSWERED,
                FeedbackRow.sets.is_(None) | (FeedbackRow.sets == SETS_STOP),
            )
            .order_by(FeedbackRow.asked_at.desc())
            .limit(MAX_BRIEF_ANSWERS),
            "by the id of a call that a worker holds",
        )
        newest_first = (await self._session.execute(statement)).all()
        return tuple((question, answer or "") for question, answer in reversed(newest_first))

    async def of_task(self, user_id: UUID, task_id: UUID) -> list[Call]:
        statement = for_user(
            select(CallRow).where(CallRow.task_id == task_id).order_by(CallRow.attempt_number), CallRow, user_id
        )
        return [call_value(row) for row in (await self._session.scalars(statement)).all()]

    async def of_campaign(self, user_id: UUID, campaign_id: UUID, limit: int = 10_000) -> list[Call]:
        statement = for_user(
            select(CallRow).where(CallRow.campaign_id == campaign_id).order_by(CallRow.id).limit(limit),
            CallRow,
            user_id,
        )
        return [call_value(row) for row in (await self._session.scalars(statement)).all()]

    async def latest_of_task(self, task_id: UUID) -> Call | None:
        statement = across_tenants(
            select(CallRow).where(CallRow.task_id == task_id).order_by(CallRow.attempt_number.desc()).limit(1),
            "by the id of a task that a worker holds",
        )
        row = (await self._session.scalars(statement)).one_or_none()
        return call_value(row) if row else None

    async def last_before(self, call: Call) -> Call | None:
        """The last call to the same number over the same trunk before this one, whoever made it."""
        statement = across_tenants(
            select(CallRow)
            .where(
                CallRow.phone_number == call.phone_number,
                CallRow.created_at < call.created_at,
                CallRow.trunk == call.trunk,
            )
            .order_by(CallRow.created_at.desc())
            .limit(1),
            "a carrier's fault with a number is the same for all tenants",
        )
        row = (await self._session.scalars(statement)).one_or_none()
        return call_value(row) if row else None

    async def live_of_node(self, node_id: str) -> list[Call]:
        """Calls that this node must know of; after a crash, those to reconcile with the switch."""
        statement = across_tenants(
            select(CallRow).where(CallRow.node_id == node_id, is_live()),
            "a voice node owns its calls of all tenants",
        )
        return [call_value(row) for row in (await self._session.scalars(statement)).all()]

    async def renew_leases(self, node_id: str, lease_s: float) -> set[UUID]:
        """One statement for all live calls of a node: it is alive. Returns which they are."""
        statement = across_tenants(
            update(CallRow)
            .where(CallRow.node_id == node_id, is_live())
            .values(lease_expires_at=self._work.now + timedelta(seconds=lease_s))
            .returning(CallRow.id),
            "a voice node owns its calls of all tenants",
        )
        return set((await self._session.scalars(statement)).all())

    async def leases_of_others(self, node_id: str) -> dict[UUID, datetime | None]:
        """The live calls of all other nodes, each with the lease that its node renewed last."""
        statement = across_tenants(
            select(CallRow.id, CallRow.lease_expires_at).where(CallRow.node_id != node_id, is_live()),
            "calls of vanished nodes are closed for all tenants",
        )
        return {call_id: lease for call_id, lease in (await self._session.execute(statement)).all()}

    async def take_over(self, call_id: UUID, lease: datetime | None) -> Call | None:
        """Lock another node's live call unless it has ended, or its node has renewed `lease` meanwhile."""
        row = await self._locked(call_id)
        if CallStatus(row.status) not in _LIVE_ORDER or row.lease_expires_at != lease:
            return None
        return call_value(row)

    async def save_analysis(self, call_id: UUID, disposition: Disposition, analysis: Mapping[str, Any]) -> Call:
        row = await self._locked(call_id)
        row.disposition = disposition
        row.analysis = dict(analysis)
        value = call_value(row)
        self._work.tell_user(row.user_id, "call", call=call_view(value))
        return value

    async def save_media(self, call_id: UUID, usage: Mapping[str, Any], recording_path: str | None) -> None:
        """What the voice side knows at the end: provider usage, and where the recording is (below DATA_DIR)."""
        statement = across_tenants(
            update(CallRow)
            .where(CallRow.id == call_id)
            .values(usage=dict(usage), recording_path=recording_path)
            .returning(CallRow.id),
            "by the id of a call that a worker holds",
        )
        if await self._session.scalar(statement) is None:
            raise NotFound("There is no such call.")

    async def _locked(self, call_id: UUID) -> CallRow:
        if isinstance(row := self._work.held.get(call_id), CallRow):
            return row
        statement = across_tenants(
            locked(select(CallRow).where(CallRow.id == call_id)), "by the id of a call that a worker holds"
        )
        row = (await self._session.scalars(statement)).one_or_none()
        if row is None:
            raise NotFound("There is no such call.")
        self._work.held[call_id] = row
        return row


class TranscriptsStore(Store):
    async def put(self, user_id: UUID, task_id: UUID, turn: TranscriptTurn) -> None:
        """Insert a turn, or replace its text and times (a turn cut by barge-in is known only afterwards)."""
        statement = for_user(
            select(TranscriptRow).where(TranscriptRow.call_id == turn.call_id, TranscriptRow.turn == turn.turn),
            TranscriptRow,
            user_id,
        )
        row = (await self._session.scalars(statement)).one_or_none()
        if row is None:
            row = TranscriptRow(
                id=new_id(), user_id=user_id, call_id=turn.call_id, turn=turn.turn, created_at=self._work.now
            )
            self._session.add(row)
        row.speaker = turn.speaker
        row.text = turn.text
        row.started_ms = turn.started_ms
        row.ended_ms = turn.ended_ms
        row.interrupted = turn.interrupted
        self._work.tell_user(user_id, "transcript", task_id=str(task_id), turn=turn_view(turn))

    async def of_call(self, user_id: UUID, call_id: UUID) -> list[TranscriptTurn]:
        statement = for_user(
            select(TranscriptRow).where(TranscriptRow.call_id == call_id).order_by(TranscriptRow.turn),
            TranscriptRow,
            user_id,
        )
        return [turn_value(row) for row in (await self._session.scalars(statement)).all()]


class EventsStore(Store):
    async def add(
        self,
        user_id: UUID,
        kind: str,
        detail: str,
        *,
        data: Mapping[str, Any] | None = None,
        campaign_id: UUID | None = None,
        task_id: UUID | None = None,
        call_id: UUID | None = None,
        at: datetime | None = None,
    ) -> CallEvent:
        """Write a line of the timeline; `detail` is a sentence for the user, `kind` a stable dotted name."""
        row = CallEventRow(
            id=new_id(),
            user_id=user_id,
            campaign_id=campaign_id,
            task_id=task_id,
            call_id=call_id,
            kind=kind,
            detail=detail,
            data=dict(data or {}),
            created_at=at or self._work.now,
        )
        self._session.add(row)
        value = event_value(row)
        self._work.tell_user(user_id, "event", event=event_view(value))
        return value

    async def of_call(self, user_id: UUID, call_id: UUID) -> list[CallEvent]:
        return await self._timeline(user_id, CallEventRow.call_id == call_id)

    async def of_task(self, user_id: UUID, task_id: UUID) -> list[CallEvent]:
        return await self._timeline(user_id, CallEventRow.task_id == task_id)

    async def of_campaign(self, user_id: UUID, campaign_id: UUID) -> list[CallEvent]:
        """The latest lines that concern the campaign as a whole, such as a trunk that is at fault; oldest first."""
        which = (CallEventRow.campaign_id == campaign_id) & CallEventRow.task_id.is_(None)
        newest = select(CallEventRow).where(which).order_by(CallEventRow.created_at.desc(), CallEventRow.id.desc())
        statement = for_user(newest.limit(MAX_CAMPAIGN_EVENTS), CallEventRow, user_id)
        return [event_value(row) for row in (await self._session.scalars(statement)).all()][::-1]

    async def _timeline(self, user_id: UUID, which: ColumnElement[bool]) -> list[CallEvent]:
        ordered = select(CallEventRow).where(which).order_by(CallEventRow.created_at, CallEventRow.id)
        statement = for_user(ordered, CallEventRow, user_id)
        return [event_value(row) for row in (await self._session.scalars(statement)).all()]
