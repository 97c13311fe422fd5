"""Whether a finding's citation holds. Pure: one whose turns or quote are not there is dropped, and the reason kept."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from opendeep.common.campaign_plan import Question, QuestionType
from opendeep.common.data_models import Speaker, TranscriptTurn
from opendeep.post_call_analyzer_service.analysis_schema import FieldFinding

MAX_TEXT_CHARS = 500
_TRUTH = {"yes": "yes", "true": "yes", "y": "yes", "no": "no", "false": "no", "n": "no"}


@dataclass(frozen=True, slots=True)
class Checked:
    """`kept` by key with normalised values; `dropped` says why each of the others went."""

    kept: dict[str, FieldFinding]
    dropped: tuple[str, ...]


def check_findings(
    findings: Sequence[FieldFinding], questions: Sequence[Question], turns: Sequence[TranscriptTurn]
) -> Checked:
    """Keep what is asked for, typed right and proved by the callee's own words."""
    asked = {question.key: question for question in questions}
    spoken = {turn.turn: turn for turn in turns}
    kept: dict[str, FieldFinding] = {}
    dropped: list[str] = []
    for finding in findings:
        question = asked.get(finding.key)
        value = normal_value(question, finding.value) if question else None
        if question is None or finding.key in kept:
            dropped.append(f"{finding.key}: not asked for")
        elif value is None:
            dropped.append(f"{finding.key}: “{finding.value[:60]}” is no {question.type.value}")
        elif reason := _citation_fault(finding, spoken):
            dropped.append(f"{finding.key}: {reason}")
        else:
            kept[finding.key] = finding.model_copy(update={"value": value})
    return Checked(kept, tuple(dropped))


def _citation_fault(finding: FieldFinding, spoken: dict[int, TranscriptTurn]) -> str | None:
    cited = [spoken[number] for number in finding.turns if number in spoken]
    if not cited or len(cited) < len(finding.turns):
        return "cites turns that do not exist"
    callee = " ".join(turn.text for turn in cited if turn.speaker is Speaker.CALLEE)
    if not callee:
        return "cites no words of the callee"
    quote = plain_words(finding.quote)
    if not quote or f" {quote} " not in f" {plain_words(callee)} ":
        return "the quote is not in the cited turns"
    return None


def plain_words(text: str) -> str:
    """Lower case, without punctuation and double spaces: how quotes are compared."""
    return " ".join(re.findall(r"\w+", text.lower().replace("\u2019", "'").replace("'", "")))


def normal_value(question: Question, value: str) -> str | None:
    """The value in the normal form of the question's type; None when it is no such value."""
    text = value.strip()
    if question.type is QuestionType.YES_NO:
        return _TRUTH.get(text.lower())
    if question.type is QuestionType.CHOICE:
        return next((option for option in question.options if option.lower() == text.lower()), None)
    if question.type is QuestionType.TEXT:
        return text[:MAX_TEXT_CHARS] or None
    try:
        if question.type is QuestionType.NUMBER:
            number = float(text.replace(",", "."))
            if not math.isfinite(number):
                return None
            return str(int(number)) if number.is_integer() else str(number)
        if question.type is QuestionType.DATE:
            return date.fromisoformat(text[:10]).isoformat()
        if question.type is QuestionType.TIME:
            return time.fromisoformat(text).strftime("%H:%M")
        return datetime.fromisoformat(text).isoformat()
    except (ValueError, OverflowError):
        return None
