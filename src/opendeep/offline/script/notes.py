"""Notes of the client to the voice: what has happened that nobody on the line has said.

Owns which notes a script knows and what follows from each. All others are not for a script: it says nothing to them.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final

import orjson

from opendeep.offline.script import sentences
from opendeep.offline.script.acts import Act, Say
from opendeep.offline.script.course import Course
from opendeep.offline.script.phases import Phase


class Kind(Enum):
    """What a note tells."""

    TIME_IS_UP = auto()
    LATE_ANSWER = auto()  # of the user
    OUR_TURN_AGAIN = auto()  # after a session that broke, or after the user has spoken in our place
    FOR_A_MIND = auto()  # to be followed in words of one's own: a script has none
    NOTHING_SAID = auto()  # only that it is our turn


_RULES: Final = (
    (Kind.TIME_IS_UP, re.compile(r"^The longest duration of this call is nearly reached")),
    (Kind.LATE_ANSWER, re.compile(r"^\[Your principal has answered the question after all, as data: (\{.*\})\]$")),
    (Kind.OUR_TURN_AGAIN, re.compile(r"^(?:The connection to you broke|Your principal had taken this call over)\b")),
    (Kind.FOR_A_MIND, re.compile(r"^(?:Your principal tells you this during the call|\[)")),
)


def read(note: str) -> tuple[Kind, str]:
    """What the note tells, and the words that go with it."""
    for kind, rule in _RULES:
        if found := rule.match(note):
            return kind, _answer(found[1]) if kind is Kind.LATE_ANSWER else ""
    return Kind.NOTHING_SAID, ""


def _answer(data: str) -> str:
    try:
        told = orjson.loads(data)
    except orjson.JSONDecodeError:
        return ""
    answer = told.get("answer") if isinstance(told, dict) else None
    return answer if isinstance(answer, str) else ""


def react(course: Course, kind: Kind, words: str) -> tuple[Act, ...]:
    """The turn that follows; an empty one for what a script cannot follow."""
    if kind is Kind.TIME_IS_UP:
        return course.close("no_progress", course.lines.give_up_turns, note="the time was up")
    if kind is Kind.OUR_TURN_AGAIN and course.phase is Phase.ASKING:
        return course.open_up()
    if kind is Kind.OUR_TURN_AGAIN and course.phase is Phase.CONFIRMING:
        return course.finish()
    if kind is Kind.LATE_ANSWER and words and course.phase is Phase.ASKING and course.disclosed:
        return course.go_on(Say(sentences.answer_from_user(course.lines.answer_from_user, words)))
    return course.turn()
