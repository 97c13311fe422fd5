"""From ORM rows to frozen values: the only place that knows both shapes."""

from opendeep.common.data_models import (
    Call,
    CallEvent,
    CallStatus,
    Campaign,
    CampaignStatus,
    Disposition,
    FeedbackKind,
    FeedbackRequest,
    FeedbackStatus,
    Speaker,
    Task,
    TaskStatus,
    TranscriptTurn,
    User,
)
from opendeep.database.models import (
    CallEventRow,
    CallRow,
    CampaignRow,
    FeedbackRow,
    TaskRow,
    TranscriptRow,
    UserRow,
)


def user_value(row: UserRow) -> User:
    return User(id=row.id, name=row.name, profile=row.profile, created_at=row.created_at)


def campaign_value(row: CampaignRow) -> Campaign:
    return Campaign(
        id=row.id,
        user_id=row.user_id,
        plan_id=row.plan_id,
        title=row.title,
        objective=row.objective,
        status=CampaignStatus(row.status),
        report=row.report,
        created_at=row.created_at,
        finished_at=row.finished_at,
        tasks_planned=row.tasks_planned,
        tasks_prepared=row.tasks_prepared,
    )


def task_value(row: TaskRow) -> Task:
    return Task(
        id=row.id,
        user_id=row.user_id,
        campaign_id=row.campaign_id,
        position=row.position,
        contact_name=row.contact_name,
        contact_kind=row.contact_kind,
        phone_number=row.phone_number,
        timezone=row.timezone,
        objective=row.objective,
        brief=row.brief,
        status=TaskStatus(row.status),
        status_reason=row.status_reason,
        priority=row.priority,
        attempts=row.attempts,
        max_attempts=row.max_attempts,
        next_attempt_at=row.next_attempt_at,
        disposition=Disposition(row.disposition) if row.disposition else None,
        summary=row.summary,
        result=row.result,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        finished_at=row.finished_at,
        address=row.address,
        promised_at=row.promised_at,
        refused_for=row.refused_for,
    )


def call_value(row: CallRow) -> Call:
    return Call(
        id=row.id,
        user_id=row.user_id,
        campaign_id=row.campaign_id,
        task_id=row.task_id,
        attempt_number=row.attempt_number,
        status=CallStatus(row.status),
        phone_number=row.phone_number,
        caller_id=row.caller_id,
        node_id=row.node_id,
        disposition=Disposition(row.disposition) if row.disposition else None,
        end_reason=row.end_reason,
        hangup_cause=row.hangup_cause,
        sip_code=row.sip_code,
        analysis=row.analysis,
        usage=row.usage,
        recording_path=row.recording_path,
        created_at=row.created_at,
        ringing_at=row.ringing_at,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        trunk=row.trunk,
    )


def turn_value(row: TranscriptRow) -> TranscriptTurn:
    return TranscriptTurn(
        call_id=row.call_id,
        turn=row.turn,
        speaker=Speaker(row.speaker),
        text=row.text,
        started_ms=row.started_ms,
        ended_ms=row.ended_ms,
        interrupted=row.interrupted,
    )


def event_value(row: CallEventRow) -> CallEvent:
    return CallEvent(
        id=row.id,
        campaign_id=row.campaign_id,
        task_id=row.task_id,
        call_id=row.call_id,
        kind=row.kind,
        detail=row.detail,
        data=row.data,
        created_at=row.created_at,
    )


def feedback_value(row: FeedbackRow) -> FeedbackRequest:
    return FeedbackRequest(
        id=row.id,
        user_id=row.user_id,
        campaign_id=row.campaign_id,
        task_id=row.task_id,
        call_id=row.call_id,
        kind=FeedbackKind(row.kind),
        question=row.question,
        options=tuple(row.options),
        status=FeedbackStatus(row.status),
        answer=row.answer,
        asked_at=row.asked_at,
        expires_at=row.expires_at,
        answered_at=row.answered_at,
        sets=row.sets,
    )
