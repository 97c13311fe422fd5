"""The words of a derived script: each question in other words and with keys, and whether all is confirmed at the end.

One pure function, for the plan (`campaign_plan.derive_script`) and for the offline voice, which holds any call so.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from opendeep.common.call_script import CallScript, ScriptQuestion
from opendeep.common.question_types import QuestionType

IS_RIGHT: Final = "Is that correct? You can say: yes, that is correct, or: no, that is not correct."

_ABOUT_TIME: Final = re.compile(
    r"\b(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|today|tomorrow|tonight|morning|noon|afternoon|evening|weekend|"
    r"o'clock|half past|quarter (?:past|to)|"
    r"at (?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\d))\b",
    re.IGNORECASE,
)
_AGAIN: Final = {
    QuestionType.DATE: "Please say a day, for example: next Tuesday.",
    QuestionType.TIME: "Please say a time, for example: half past ten in the morning.",
    QuestionType.DATETIME: "Please say a day and a time, for example: Tuesday at half past ten.",
    QuestionType.NUMBER: "Please say only the number.",
}
_KEYS: Final = {
    QuestionType.YES_NO: "Please press one for yes, or two for no.",
    QuestionType.NUMBER: "Please type the number on your phone, without pauses.",
    QuestionType.DATE: "Please type day and month with two digits each, for example two four one one for the "
    "twenty-fourth of November.",
    QuestionType.TIME: "Please type the time with four digits, for example one four three zero for half past two "
    "in the afternoon.",
    QuestionType.DATETIME: "Please type day, month, hour and minute with two digits each.",
}
_NO_MORE_CALLS: Final = "Nine means no more calls."
_SAY_AGAIN: Final = "Please say it once more, slowly."
_SAY_SHORT: Final = "Please say it once more, in a few words."


def worded_script(
    disclosure: str, purpose: str, questions: Iterable[ScriptQuestion], *, confirm: bool = True
) -> CallScript:
    """The script of these sentences. `confirm`: ask at the end whether answers that are more than a yes or no are
    right. Questions that have wordings of their own keep them."""
    worded = tuple(_worded(question) for question in questions)
    asks_back = confirm and any(question.type is not QuestionType.YES_NO for question in worded)
    return CallScript(disclosure=disclosure, purpose=purpose, questions=worded, is_right=IS_RIGHT if asks_back else "")


def _worded(question: ScriptQuestion) -> ScriptQuestion:
    again = question.again or f"{question.ask} {_in_other_words(question)}"
    keys = question.keys or f"{question.ask} {_with_keys(question)}"
    return question.model_copy(update={"again": again, "keys": keys})


def _in_other_words(question: ScriptQuestion) -> str:
    if question.type is QuestionType.YES_NO:
        if _ABOUT_TIME.search(question.ask):
            return "You can say: yes, that works, or: no, another time."
        return "You can say: yes, that is right, or: no, that is not right."
    if question.type is QuestionType.CHOICE:
        return f"You can say: {', or: '.join(question.options)}."
    return _AGAIN.get(question.type, _SAY_AGAIN) if question.type else _SAY_AGAIN


def _with_keys(question: ScriptQuestion) -> str:
    if question.type is QuestionType.CHOICE:
        return f"You can also press a key: {_options_by_key(question.options)}."
    keys = _KEYS.get(question.type, _SAY_SHORT) if question.type else _SAY_SHORT
    return f"{keys} {_NO_MORE_CALLS}" if question.type is QuestionType.YES_NO else keys


def _options_by_key(options: Sequence[str]) -> str:
    return ", ".join(f"{at} for {option}" for at, option in enumerate(options, 1))
