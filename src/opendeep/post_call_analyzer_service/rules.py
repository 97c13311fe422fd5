"""Judging a call without a model: calls that nobody answered, and answered ones while the provider is away.

Pure. Cautious where words are needed: what is not plainly said is INCONCLUSIVE. Its results carry the mark `rules`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from opendeep.common.campaign_plan import Question, QuestionType
from opendeep.common.data_models import Call, CallStatus, Disposition, Speaker, TranscriptTurn
from opendeep.post_call_analyzer_service.analysis_schema import CallAnalysis, FieldFinding
from opendeep.post_call_analyzer_service.citations import plain_words
from opendeep.post_call_analyzer_service.hard_rules import left_message

UNANSWERED: Final[Mapping[CallStatus, tuple[Disposition, str]]] = {
    CallStatus.BUSY: (Disposition.BUSY, "The line was busy."),
    CallStatus.NO_ANSWER: (Disposition.NO_ANSWER, "Nobody picked up."),
    CallStatus.REJECTED: (Disposition.REJECTED, "The call was rejected."),
    CallStatus.UNALLOCATED: (Disposition.UNREACHABLE, "The number does not exist."),
    CallStatus.CONGESTION: (Disposition.FAILED, "The network had no line."),
    CallStatus.FAILED: (Disposition.FAILED, "The call could not be placed."),
    CallStatus.CANCELLED: (Disposition.FAILED, "The call was given up before an answer."),
    CallStatus.LOST: (Disposition.FAILED, "How the call ended was not seen."),
}
_NO: Final = re.compile(r"\b(no|nope|not|cannot|cant|wont|doesnt|dont|unfortunately)\b")
_YES: Final = re.compile(r"\b(yes|yeah|yep|sure|certainly|correct|of course|works|fine|okay|ok|that suits)\b")
_HARMLESS_NO: Final = re.compile(r"\bno (?:problem|worries|trouble)\b|\bnot a problem\b")


def unanswered(call: Call) -> tuple[Disposition, str]:
    """Disposition and sentence of a call that nobody answered; the telephony side's own disposition counts first."""
    disposition, sentence = UNANSWERED.get(call.status, (Disposition.FAILED, "The call failed."))
    return call.disposition or disposition, call.end_reason or sentence


def judge(
    questions: Sequence[Question], turns: Sequence[TranscriptTurn], end_requested: Mapping[str, Any] | None
) -> CallAnalysis:
    """The judgement of an answered call, from plain words and from why the voice ended it."""
    reason = str((end_requested or {}).get("reason", ""))
    note = str((end_requested or {}).get("note") or "")
    if reason == "voicemail":
        left = bool(left_message(turns))
        words = "A mailbox answered; the message was left." if left else "A mailbox answered."
        return _result("VOICEMAIL_LEFT" if left else "VOICEMAIL", words, "retry")
    if reason == "callback":
        return _result("CALLBACK_REQUESTED", "The callee asked to be called again.", "callback", callback_words=note)
    if reason == "wrong_number":
        return _result("WRONG_NUMBER", "Somebody else has this number.", "fail")
    findings = [f for question in questions if (f := _yes_no(question, turns)) is not None]
    required = {question.key for question in questions if question.required}
    if any(finding.value == "no" and finding.key in required for finding in findings) or reason == "declined":
        return _result("DECLINED", "The callee said no.", "complete", fields=findings)
    if reason == "completed" and required <= {finding.key for finding in findings}:
        return _result("ACHIEVED", "The callee agreed." if findings else "The callee was told.", "complete", findings)
    return _result("INCONCLUSIVE", "What was agreed could not be told from the words.", "retry", fields=findings)


def _result(
    disposition: str,
    summary: str,
    next_step: str,
    fields: Sequence[FieldFinding] = (),
    *,
    callback_words: str | None = None,
) -> CallAnalysis:
    return CallAnalysis.model_validate(
        {
            "disposition": disposition,
            "summary": summary,
            "next_step": next_step,
            "fields": list(fields),
            "callback_words": callback_words or None,
            "evidence_turns": sorted({turn for finding in fields for turn in finding.turns}),
        }
    )


def _yes_no(question: Question, turns: Sequence[TranscriptTurn]) -> FieldFinding | None:
    """The callee's first plain yes or no after the question was asked."""
    if question.type is not QuestionType.YES_NO:
        return None
    wanted, asked = plain_words(question.ask), False
    for turn in turns:
        if turn.speaker is not Speaker.CALLEE:  # the AI, or the user who has taken over
            asked = asked or wanted in plain_words(turn.text)
            continue
        text = _HARMLESS_NO.sub("yes", plain_words(turn.text))
        no, yes = bool(_NO.search(text)), bool(_YES.search(text))
        if asked and no != yes:
            return FieldFinding(key=question.key, value="no" if no else "yes", turns=[turn.turn], quote=turn.text)
    return None
