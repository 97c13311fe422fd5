"""JSON views of the frozen values: one shape for the REST answers and for the live events of the pages.

Only what a user may see of their own rows. Times become ISO 8601 with offset, ids become text.
"""

from datetime import datetime
from typing import Any

from opendeep.common.data_models import Call, CallEvent, Campaign, FeedbackRequest, Task, TranscriptTurn


def _time(value: datetime | None) -> str | None:
    return value.isoformat() if value else None


def task_view(task: Task) -> dict[str, Any]:
    return {
        "id": str(task.id),
        "campaign_id": str(task.campaign_id),
        "position": task.position,
        "contact_name": task.contact_name,
        "contact_kind": task.contact_kind,
        "phone_number": task.phone_number,
        "timezone": task.timezone,
        "address": task.address,
        "objective": task.objective,
        "status": task.status.value,
        "status_reason": task.status_reason,
        "priority": task.priority,
        "attempts": task.attempts,
        "max_attempts": task.max_attempts,
        "next_attempt_at": _time(task.next_attempt_at),
        "promised_at": _time(task.promised_at),
        "disposition": task.disposition.value if task.disposition else None,
        "summary": task.summary,
        "result": dict(task.result),
        "updated_at": _time(task.updated_at),
        "finished_at": _time(task.finished_at),
    }


def call_view(call: Call) -> dict[str, Any]:
    return {
        "id": str(call.id),
        "campaign_id": str(call.campaign_id),
        "task_id": str(call.task_id),
        "attempt_number": call.attempt_number,
        "status": call.status.value,
        "phone_number": call.phone_number,
        "disposition": call.disposition.value if call.disposition else None,
        "end_reason": call.end_reason,
        "hangup_cause": call.hangup_cause,
        "sip_code": call.sip_code,
        "analysis": dict(call.analysis) if call.analysis else None,
        "usage": dict(call.usage),
        "has_recording": call.recording_path is not None,
        "created_at": _time(call.created_at),
        "ringing_at": _time(call.ringing_at),
        "answered_at": _time(call.answered_at),
        "ended_at": _time(call.ended_at),
    }


def campaign_view(campaign: Campaign) -> dict[str, Any]:
    return {
        "id": str(campaign.id),
        "plan_id": str(campaign.plan_id),
        "title": campaign.title,
        "objective": campaign.objective,
        "status": campaign.status.value,
        "has_report": campaign.report is not None,
        "tasks_planned": campaign.tasks_planned,
        "tasks_prepared": campaign.tasks_prepared,
        "created_at": _time(campaign.created_at),
        "finished_at": _time(campaign.finished_at),
    }


def turn_view(turn: TranscriptTurn) -> dict[str, Any]:
    return {
        "call_id": str(turn.call_id),
        "turn": turn.turn,
        "speaker": turn.speaker.value,
        "text": turn.text,
        "started_ms": turn.started_ms,
        "ended_ms": turn.ended_ms,
        "interrupted": turn.interrupted,
    }


def event_view(event: CallEvent) -> dict[str, Any]:
    return {
        "id": str(event.id),
        "campaign_id": str(event.campaign_id) if event.campaign_id else None,
        "task_id": str(event.task_id) if event.task_id else None,
        "call_id": str(event.call_id) if event.call_id else None,
        "kind": event.kind,
        "detail": event.detail,
        "data": dict(event.data),
        "created_at": _time(event.created_at),
    }


def feedback_view(feedback: FeedbackRequest) -> dict[str, Any]:
    return {
        "id": str(feedback.id),
        "campaign_id": str(feedback.campaign_id),
        "task_id": str(feedback.task_id),
        "call_id": str(feedback.call_id) if feedback.call_id else None,
        "kind": feedback.kind.value,
        "question": feedback.question,
        "options": list(feedback.options),
        "status": feedback.status.value,
        "answer": feedback.answer,
        "asked_at": _time(feedback.asked_at),
        "expires_at": _time(feedback.expires_at),
        "answered_at": _time(feedback.answered_at),
        "late": feedback.late,
    }
