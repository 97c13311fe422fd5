"""What counts as an answer to a question of the plan: by its type, in one normal form. Pure."""

import math
from datetime import date, datetime, time
from typing import Final

from opendeep.common.campaign_plan import Question, QuestionType

MAX_TEXT_CHARS: Final = 500
_TRUTH: Final = {"yes": "yes", "true": "yes", "y": "yes", "no": "no", "false": "no", "n": "no"}
_ALLOWED: Final = {
    QuestionType.YES_NO: "yes or no",
    QuestionType.DATE: "a date such as 2026-11-24",
    QuestionType.TIME: "a time of the day such as 14:30",
    QuestionType.DATETIME: "a date and time such as 2026-11-24T14:30",
    QuestionType.NUMBER: "a number in figures",
    QuestionType.TEXT: f"a short text of at most {MAX_TEXT_CHARS} characters",
}


def allowed_values(question: Question) -> str:
    """What the question takes, in words that can be told to whoever gave a wrong value."""
    if question.type is QuestionType.CHOICE:
        return "one of: " + ", ".join(question.options)
    return _ALLOWED[question.type]


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
