"""From a judgement to what counts of it: the hard rules, and what the live call itself has fixed, outrank it. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from opendeep.common.callback_times import callback_time
from opendeep.common.data_models import Disposition
from opendeep.config.prompt_minds import ANALYSIS_VERSION
from opendeep.post_call_analyzer_service import hard_rules
from opendeep.post_call_analyzer_service.analysis_case import Case
from opendeep.post_call_analyzer_service.analysis_schema import CallAnalysis, QualityNote
from opendeep.post_call_analyzer_service.call_quality import measured_flags
from opendeep.post_call_analyzer_service.citations import (
    Checked,
    existing_turns,
    plain_words,
    spoken_by_callee,
    turns_of_callee,
)
from opendeep.post_call_analyzer_service.next_steps import Outcome, claimed_disposition, kept_promise


@dataclass(frozen=True, slots=True)
class Judgement:
    """The proposal, who made it (`model`, `rules`, `table`), and why the model did not."""

    analysis: CallAnalysis | None
    by: str
    disposition: Disposition
    summary: str
    fault: str | None = None
    dropped: tuple[str, ...] = ()  # what of the proposal was not proved


def proved(case: Case, judgement: Judgement) -> Judgement:
    """The judgement without what its citations do not hold: words of a call-back, sentiment, remarks on quality.

    Fields are `check_findings`'s.
    """
    analysis = judgement.analysis
    if analysis is None:
        return judgement
    kept: dict[str, Any] = {}
    dropped = list(judgement.dropped)
    if analysis.callback_words and not _was_said(case, analysis.callback_words):
        kept["callback_words"] = None
        dropped.append(f"callback_words: “{analysis.callback_words[:60]}” was not said by the callee")
    if analysis.sentiment is not None and not turns_of_callee(analysis.sentiment.turns, case.turns):
        kept["sentiment"] = None
        dropped.append("sentiment: cites no words of the callee")
    notes = [note for note in analysis.quality if existing_turns(note.turns, case.turns)]
    if len(notes) < len(analysis.quality):
        kept["quality"] = notes
        dropped.append("quality: cites turns that do not exist")
    return replace(judgement, analysis=analysis.model_copy(update=kept), dropped=tuple(dropped))


def _was_said(case: Case, words: str) -> bool:
    """By the callee, or told so by the AI that ended the call because of it."""
    note = plain_words(str((case.end_requested or {}).get("note") or ""))
    told = plain_words(words)
    return bool(spoken_by_callee(words, case.turns)) or (bool(told) and f" {told} " in f" {note} ")


def outcome_of(
    case: Case, judgement: Judgement, checked: Checked, opted_out: list[int], zone: ZoneInfo, now: datetime
) -> Outcome:
    """The proposal after the hard rules. `opted_out`: turns that forbid further calls; `zone` is the callee's."""
    analysis, task = judgement.analysis, case.task
    required = {question.key for question in case.brief.questions if question.required}
    answered = required <= set(checked.kept)
    question = analysis.question_for_user if analysis and analysis.next_step == "needs_user" else None
    return Outcome(
        disposition=_disposition(case, judgement, checked, bool(opted_out), answered),
        call_status=case.call.status,
        attempts=task.attempts,
        max_attempts=task.max_attempts,
        proposed=analysis.next_step if analysis else "retry",
        callback_at=_callback_at(case, analysis, zone, now),
        question=question,
        required_answered=answered,
        message_left=case.message_left,
        promised=case.promise is not None,
        put_through_to=case.transferred_to,
        stopped_by_user=case.stopped_by_user,
    )


def document_of(
    case: Case, judgement: Judgement, checked: Checked, outcome: Outcome, opted_out: list[int]
) -> dict[str, Any]:
    """The analysis as stored with the call."""
    analysis, promise = judgement.analysis, case.promise
    said = (case.refusal or {}).get("turn"), promise.turn if promise else None
    cited = {*(analysis.evidence_turns if analysis else []), *opted_out, *said}
    words = promise.words if promise else analysis.callback_words if analysis else None
    return {
        "by": judgement.by,
        "version": ANALYSIS_VERSION,
        "disposition": outcome.disposition.value,
        "judged": judgement.disposition.value,
        "summary": judgement.summary,
        "fields": [finding.model_dump() for finding in checked.kept.values()],
        "dropped": [*checked.dropped, *judgement.dropped],
        "next_step": outcome.proposed,
        "callback_words": words,
        "callback_at": outcome.callback_at.isoformat() if outcome.callback_at else None,
        "dnd": outcome.disposition is Disposition.OPTED_OUT,
        "evidence_turns": sorted(cited & {turn.turn for turn in case.turns}),
        "sentiment": analysis.sentiment.model_dump() if analysis and analysis.sentiment else None,
        "quality": _quality(case, analysis),
        "fault": judgement.fault,
    }


def _quality(case: Case, analysis: CallAnalysis | None) -> list[dict[str, Any]]:
    """What rows show first, then what only the model can say; empty for calls that nobody answered."""
    if case.call.answered_at is None:
        return []
    said = [{"flag": note.flag, "by": "model", "turns": sorted(set(note.turns))} for note in _notes(analysis)]
    return [*(flag.document() for flag in measured_flags(case.turns, case.events)), *said]


def _notes(analysis: CallAnalysis | None) -> list[QualityNote]:
    return analysis.quality if analysis else []


def _disposition(
    case: Case, judgement: Judgement, checked: Checked, opted_out: bool, required_answered: bool
) -> Disposition:
    analysis, asked_to_stop = judgement.analysis, (case.end_requested or {}).get("reason") == "opt_out"
    if opted_out or asked_to_stop or case.refusal is not None or (analysis is not None and analysis.dnd):
        return Disposition.OPTED_OUT
    disposition = judgement.disposition
    if analysis is not None:
        required = {question.key for question in case.brief.questions if question.required}
        disposition = claimed_disposition(
            disposition,
            case.brief,
            required_answered=required_answered,
            refused=any(checked.kept[key].value == "no" for key in required & set(checked.kept)),
            message_left=bool(hard_rules.left_message(case.turns)),
        )
    return kept_promise(disposition) if case.promise else disposition


def _callback_at(case: Case, analysis: CallAnalysis | None, zone: ZoneInfo, now: datetime) -> datetime | None:
    """The moment that was promised in the call, else what the callee's words say."""
    if case.promise is not None:
        return case.promise.at
    words = analysis.callback_words if analysis else None
    return callback_time(words, case.call.ended_at or now, zone) if words else None
