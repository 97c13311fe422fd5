"""Reading the answer to one question out of what was heard.

Owns the reading per question type, including answers given by keys, and how an answer is said back. Whether an
answer is asked for again is decided by the machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final

from opendeep.common.call_script import ScriptQuestion
from opendeep.common.question_types import QuestionType
from opendeep.offline.script.keypad_menu import KEY_OF_WORD
from opendeep.offline.script.spoken_values import (
    say_date,
    say_number,
    say_time,
    spoken_date,
    spoken_datetime,
    spoken_number,
    spoken_time,
)
from opendeep.offline.script.understanding import Heard, meanings_of_text
from opendeep.offline.script.words import content_stems

MIN_CONFIDENCE: Final = 0.3  # below this nothing is believed
FEWEST_TEXT_WORDS: Final = 1
YES_KEY: Final = "1"
NO_KEY: Final = "2"
DATE_DIGITS: Final = 4  # day and month
TIME_DIGITS: Final = 4  # hour and minute

_KEYS = re.compile(
    r"^\W*(?:the callee |the other side |they |caller )?(?:dtmf|keypad|keys?|pressed|typed)\W+"
    r"(?:keys?\W+)?(?:on the telephone\W+)?([0-9*#]+)\W*$"
)
_STARTS_YES = re.compile(r"^(yes|yeah|yep|sure|okay|ok|of course|certainly|absolutely|all right|correct)\b")
_STARTS_NO = re.compile(r"^(no|nope|nah|unfortunately|i'm afraid|i am afraid|sorry)\b")
_NOT_A_NO = re.compile(r"\bno (problem|worries|trouble)\b|\bnot (a problem|at all)\b|\bnot only\b")


@dataclass(frozen=True, slots=True)
class Answer:
    """An understood answer. `value`: normal form ("yes", "2026-11-24", "10:30", "4", the option); `spoken`: how we say
    it back; `words`: as heard."""

    key: str
    value: str
    spoken: str
    words: str


def pressed_keys(heard: Heard) -> str:
    """The keys the callee pressed, when the utterance is a note about keys ("[The other side pressed keys on the
    telephone: 1]", "(pressed 1)"), else ""."""
    note = _KEYS.match(heard.text.lower())
    return note.group(1) if note else ""


def read_answer(question: ScriptQuestion, heard: Heard, now: datetime) -> Answer | None:
    """The answer to `question`, or None when it was not understood well enough."""
    keys = pressed_keys(heard)
    if keys:
        return _answer_by_keys(question, keys, now)
    if not heard.text or heard.confidence < MIN_CONFIDENCE:
        return None
    reader = _READERS[question.type or QuestionType.TEXT]
    found = reader(question, heard, now)
    return Answer(question.key, *found, heard.text) if found else None


def yes_or_no(heard: Heard) -> str | None:
    """ "yes", "no", or None when it is neither or both. By words, or by the keys for them."""
    if keys := pressed_keys(heard):
        return {YES_KEY: "yes", NO_KEY: "no"}.get(keys)
    text = _NOT_A_NO.sub("yes", heard.text.lower())
    found = meanings_of_text(text) & {"yes", "no"}
    if not found:
        found = heard.intents & {"yes", "no"}
    if len(found) == 1:
        return next(iter(found))
    if found and _STARTS_NO.match(text):
        return "no"
    return (
        "yes" if found and _STARTS_YES.match(text) and "no" not in meanings_of_text(_STARTS_YES.sub("", text)) else None
    )


def _answer_by_keys(question: ScriptQuestion, keys: str, now: datetime) -> Answer | None:
    words = f"pressed {keys}"
    figures = keys.rstrip("#")
    if question.type is QuestionType.YES_NO and keys in (YES_KEY, NO_KEY):
        value = "yes" if keys == YES_KEY else "no"
        return Answer(question.key, value, value, words)
    if not figures.isdigit():
        return None
    if question.type is QuestionType.CHOICE and 1 <= int(figures) <= len(question.options):
        option = question.options[int(figures) - 1]
        return Answer(question.key, option, option, words)
    if question.type is QuestionType.NUMBER:
        number = str(int(figures))
        return Answer(question.key, number, number, words)
    found = _moment_by_keys(question.type, figures, now)
    return Answer(question.key, *found, words) if found else None


def _moment_by_keys(kind: QuestionType | None, figures: str, now: datetime) -> tuple[str, str] | None:
    """Day, month, hour and minute, two digits each, as far as the type has them; a day that is over is next year's."""
    try:
        if kind is QuestionType.TIME and len(figures) == TIME_DIGITS:
            clock = time(int(figures[:2]), int(figures[2:]))
            return clock.strftime("%H:%M"), say_time(clock)
        if kind is QuestionType.DATE and len(figures) == DATE_DIGITS:
            day = _day_by_keys(figures, now)
            return day.isoformat(), say_date(day)
        if kind is QuestionType.DATETIME and len(figures) == DATE_DIGITS + TIME_DIGITS:
            day, clock = _day_by_keys(figures[:4], now), time(int(figures[4:6]), int(figures[6:]))
            moment = datetime.combine(day, clock, now.tzinfo)
            return moment.isoformat(), f"{say_date(day)} at {say_time(clock)}"
    except ValueError:  # no such day or time
        return None
    return None


def _day_by_keys(figures: str, now: datetime) -> date:
    day, month = int(figures[:2]), int(figures[2:4])
    this_year = date(now.year, month, day)
    return this_year if this_year >= now.date() else date(now.year + 1, month, day)


def _read_yes_no(question: ScriptQuestion, heard: Heard, now: datetime) -> tuple[str, str] | None:
    found = yes_or_no(heard)
    return (found, found) if found else None


def _read_choice(question: ScriptQuestion, heard: Heard, now: datetime) -> tuple[str, str] | None:
    """The one option whose words were heard, "the second one", or the only one that was not refused."""
    said = content_stems(heard.text)
    if not question.options:
        return None
    scores = [len(content_stems(option) & said) / max(len(content_stems(option)), 1) for option in question.options]
    best = max(scores)
    if best > 0 and scores.count(best) == 1:
        option = question.options[scores.index(best)]
        return option, option
    ordinals = ("first", "second", "third", "fourth", "fifth")
    named = [at for at, word in enumerate(ordinals) if re.search(rf"\b{word}\b", heard.text)]
    numbered = [
        int(KEY_OF_WORD[word]) - 1
        for word in re.findall(r"\b(?:option|number) (one|two|three|four|five)\b", heard.text)
    ]
    places = {place for place in (*named, *numbered) if place < len(question.options)}
    if len(places) == 1:
        option = question.options[places.pop()]
        return option, option
    return None


def _read_date(question: ScriptQuestion, heard: Heard, now: datetime) -> tuple[str, str] | None:
    day = spoken_date(heard.text, now.date())
    return (day.isoformat(), say_date(day)) if day else None


def _read_time(question: ScriptQuestion, heard: Heard, now: datetime) -> tuple[str, str] | None:
    moment = spoken_time(heard.text)
    return (moment.strftime("%H:%M"), say_time(moment)) if moment else None


def _read_datetime(question: ScriptQuestion, heard: Heard, now: datetime) -> tuple[str, str] | None:
    moment = spoken_datetime(heard.text, now)
    if moment is None or spoken_date(heard.text, now.date()) is None:
        return None
    return moment.isoformat(), f"{say_date(moment.date())} at {say_time(moment.time())}"


def _read_number(question: ScriptQuestion, heard: Heard, now: datetime) -> tuple[str, str] | None:
    value = spoken_number(heard.text)
    return (say_number(value), say_number(value)) if value is not None else None


def _read_text(question: ScriptQuestion, heard: Heard, now: datetime) -> tuple[str, str] | None:
    return (heard.text, heard.text) if len(heard.text.split()) >= FEWEST_TEXT_WORDS else None


_READERS: Final = {
    QuestionType.YES_NO: _read_yes_no,
    QuestionType.CHOICE: _read_choice,
    QuestionType.DATE: _read_date,
    QuestionType.TIME: _read_time,
    QuestionType.DATETIME: _read_datetime,
    QuestionType.NUMBER: _read_number,
    QuestionType.TEXT: _read_text,
}
