"""Outcomes and states in the words that people read on pages, in reports and in exports."""

from typing import Final

from opendeep.common.data_models import CampaignStatus, Disposition, TaskStatus

OUTCOMES: Final = {
    Disposition.ACHIEVED: "Achieved",
    Disposition.DECLINED: "Declined",
    Disposition.CALLBACK_REQUESTED: "Wants a call back",
    Disposition.OPTED_OUT: "Do not call again",
    Disposition.WRONG_NUMBER: "Wrong number",
    Disposition.VOICEMAIL_LEFT: "Voicemail left",
    Disposition.VOICEMAIL: "Voicemail",
    Disposition.INCONCLUSIVE: "Inconclusive",
    Disposition.NO_ANSWER: "No answer",
    Disposition.BUSY: "Busy",
    Disposition.REJECTED: "Rejected",
    Disposition.UNREACHABLE: "Unreachable",
    Disposition.FAILED: "Failed",
}
TASK_STATES: Final = {
    TaskStatus.SCHEDULED: "Scheduled",
    TaskStatus.QUEUED_FOR_CALL: "About to call",
    TaskStatus.CALL_IN_PROGRESS: "In call",
    TaskStatus.PENDING_ANALYSIS: "Reading the call",
    TaskStatus.NEEDS_USER: "Needs you",
    TaskStatus.ON_HOLD: "On hold",
    TaskStatus.COMPLETED: "Done",
    TaskStatus.FAILED: "Not done",
    TaskStatus.CANCELLED: "Stopped",
}
CAMPAIGN_STATES: Final = {
    CampaignStatus.PREPARING: "Preparing",
    CampaignStatus.ACTIVE: "Running",
    CampaignStatus.PAUSED: "Paused",
    CampaignStatus.COMPLETED: "Completed",
    CampaignStatus.CANCELLED: "Stopped",
}


def outcome_words(disposition: str | None) -> str:
    """`""` where there is no outcome yet."""
    return OUTCOMES.get(Disposition(disposition), disposition) if disposition else ""


def task_state_words(status: str) -> str:
    return TASK_STATES.get(TaskStatus(status), status)
