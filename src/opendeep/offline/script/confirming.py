"""Whether what was understood is right: the callee's word on what was said back to them.

Owns the reactions in the phase CONFIRMING. A callee who says no is asked everything once more, one single time; what
they call wrong twice is kept nowhere.
"""

from __future__ import annotations

import re
from typing import Final

from opendeep.offline.script.acts import Act, Say, SayRole
from opendeep.offline.script.answers import MIN_CONFIDENCE, yes_or_no
from opendeep.offline.script.course import NOT_CONFIRMED, Course
from opendeep.offline.script.phases import Phase
from opendeep.offline.script.understanding import Heard

MAX_MISSES: Final = 3
MAX_CORRECTIONS: Final = 1
_WRONG: Final = re.compile(r"\b(wrong|incorrect|mistake|misunderstood)\b")


def react(course: Course, heard: Heard, found: frozenset[str]) -> tuple[Act, ...]:
    """Right: keep it, and the end. Wrong: once more. Neither: ask again, at last with keys."""
    if not course.question_heard:
        return course.finish()
    said = yes_or_no(heard) if heard.confidence >= MIN_CONFIDENCE else None
    if said is None and heard.confidence >= MIN_CONFIDENCE and _WRONG.search(heard.text):
        said = "no"
    if said == "yes" or (said is None and "farewell" in found):
        return course.conclude()
    if said == "no":
        return _wrong(course)
    course.misses += 1
    if course.misses == 1:
        return course.finish(Say(course.lines.did_not_catch))
    if course.misses < MAX_MISSES:
        return course.turn(Say(course.lines.did_not_catch), Say(course.lines.is_right_keys, SayRole.QUESTION))
    return course.close("no_progress", course.lines.give_up_words, note=course.note())


def _wrong(course: Course) -> tuple[Act, ...]:
    note = NOT_CONFIRMED + course.note()
    if course.corrections >= MAX_CORRECTIONS:
        return course.close("no_progress", course.lines.give_up_words, note=note)
    course.ask_all_again()
    course.enter(Phase.ASKING)
    return course.turn(Say(course.lines.not_right), *course.ask())
