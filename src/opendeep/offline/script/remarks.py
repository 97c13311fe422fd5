"""What a callee may say at any time, and how the scripted conversation reacts.

Owns the reactions to remarks (wrong person, call me later, who is this, a question of their own …) and their order.
A reaction of None leaves the utterance to the next one, and at last to the open question.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from opendeep.common.question_types import QuestionType
from opendeep.offline.script.acts import Act, CallTool, Say, SayRole
from opendeep.offline.script.answers import Answer, yes_or_no
from opendeep.offline.script.course import ASK_USER, STOP_RECORDING, Course
from opendeep.offline.script.facts import allowed_facts, best_fact, same_question, tidy_question
from opendeep.offline.script.phases import Phase
from opendeep.offline.script.understanding import Heard

MAX_QUESTIONS_TO_USER: Final = 3

_TIME_WORDS: Final = re.compile(
    r"\b(tonight|tomorrow|(in|after) (an?|one|two|three|half|a few|\d+)|next week|next month|evening|morning|"
    r"afternoon|weekend|lunch|after work)\b"
)

Reaction = Callable[[Course, Heard, frozenset[str]], tuple[Act, ...] | None]


def react(course: Course, heard: Heard, found: frozenset[str]) -> tuple[Act, ...] | None:
    """The reaction to the most important remark in the utterance, or None when there is none."""
    for meaning, reaction in REACTIONS:
        acts = reaction(course, heard, found) if meaning in found else None
        if acts is not None:
            return acts
    return None


def wrong_person(course: Course, heard: Heard, found: frozenset[str]) -> tuple[Act, ...] | None:
    """Is the person there? A wrong number, a business, or the second such remark: apologise and end."""
    surely = course.phase is Phase.IS_THERE or course.brief.contact_kind == "business" or "wrong number" in heard.text
    if surely:
        return course.close("wrong_number", course.lines.wrong_number, note=heard.text)
    if course.answers or not course.brief.contact_name:
        return None
    course.enter(Phase.IS_THERE)
    return course.turn(Say(course.lines.is_there, SayRole.QUESTION))


def not_here(course: Course, heard: Heard, found: frozenset[str]) -> tuple[Act, ...] | None:
    """The person asked for is out: try again later."""
    if course.brief.contact_kind != "person" or course.answers:
        return None
    return course.close("callback", course.lines.will_try_later, note=heard.text)


def declined(course: Course, heard: Heard, found: frozenset[str]) -> tuple[Act, ...]:
    """Not interested: thank and end."""
    return course.close("declined", course.lines.declined, note=heard.text)


def later(course: Course, heard: Heard, found: frozenset[str]) -> tuple[Act, ...]:
    """Call me later: when, if it was not said."""
    course.callback_words = heard.text
    if course.phase is Phase.CALLBACK_WHEN or course.when(heard.text) or _TIME_WORDS.search(heard.text):
        return course.call_back(heard.text)
    course.enter(Phase.CALLBACK_WHEN)
    return course.turn(Say(course.lines.when_to_call, SayRole.QUESTION))


def who_is_this(course: Course, heard: Heard, found: frozenset[str]) -> tuple[Act, ...]:
    """Disclosure and purpose again, then the open question."""
    course.introduce_again()
    return course.open_up()


def orders(course: Course, heard: Heard, found: frozenset[str]) -> tuple[Act, ...]:
    """Somebody wants to give us another task or to hear about others: decline, and go on with ours."""
    return course.resume(Say(course.lines.not_for_me))


def no_recording(course: Course, heard: Heard, found: frozenset[str]) -> tuple[Act, ...]:
    """They do not want to be recorded."""
    if STOP_RECORDING not in course.tools:
        return recording_stopped(course, done=False)
    return course.turn(Say(course.lines.stopping_recording), CallTool(STOP_RECORDING, {}))


def recording_stopped(course: Course, *, done: bool) -> tuple[Act, ...]:
    """On without a recording; where that is not possible, the end."""
    if not done:
        return course.close("declined", course.lines.recorded_anyway, note="does not want to be recorded")
    said = Say(course.lines.not_recorded)
    return course.turn(said) if course.phase is Phase.CHECKING else course.resume(said)


def while_checking(course: Course, heard: Heard, found: frozenset[str]) -> tuple[Act, ...]:
    """The user is being asked: whatever is said waits, but a recording does not."""
    if "no_recording" in found:
        return no_recording(course, heard, found)
    return course.turn(Say(course.lines.still_checking))


def hold(course: Course, heard: Heard, found: frozenset[str]) -> tuple[Act, ...] | None:
    """One moment: wait. An answer in the same breath goes first."""
    if course.phase is Phase.ASKING and yes_or_no(heard) is not None and course.question_heard:
        return None
    if course.phase is Phase.IS_THERE:
        return wait_for_person(course)
    course.holding = True
    return course.turn() if course.phase is Phase.MENU else course.turn(Say(course.lines.take_your_time))


def wait_for_person(course: Course) -> tuple[Act, ...]:
    """Somebody is fetched; who comes is told everything again."""
    course.introduce_again()
    course.enter(Phase.GREETING)
    course.holding = True
    return course.turn(Say(course.lines.will_wait))


def asks(course: Course, heard: Heard, found: frozenset[str]) -> tuple[Act, ...] | None:
    """A question of the callee: answered from the facts we may say, else by the user."""
    if course.phase is not Phase.ASKING or not course.disclosed or found & {"repeat", "who_is_this"}:
        return None
    question = course.question
    if question and question.type is QuestionType.YES_NO and course.question_heard and yes_or_no(heard) == "yes":
        course.answers[question.key] = Answer(question.key, "yes", "yes", heard.text)
        course.next_question()
    fact = best_fact(heard.text, allowed_facts(course.brief)) or _known_answer(course, heard.text)
    if fact:
        return course.go_on(Say(fact))
    if ASK_USER not in course.tools or len(course.user_answers) >= MAX_QUESTIONS_TO_USER:
        return course.go_on(Say(course.lines.do_not_know))
    course.open_user_question = tidy_question(heard.text)
    course.user_answers[course.open_user_question] = ""
    course.enter(Phase.CHECKING)
    return course.turn(Say(course.lines.asking), CallTool(ASK_USER, {"question": course.open_user_question}))


def _known_answer(course: Course, text: str) -> str:
    """The user's answer to the same question earlier in this call."""
    matches = (answer for asked, answer in course.user_answers.items() if same_question(asked, text))
    return next(matches, "")


def repeat(course: Course, heard: Heard, found: frozenset[str]) -> tuple[Act, ...] | None:
    """The last turn again."""
    if not course.disclosed:
        return None
    says = [act for act in course.last_said if act.text != course.lines.repeating]
    if not says:
        return course.go_on()
    course.question_heard = True
    return course.turn(Say(course.lines.repeating), *says)


REACTIONS: Final[tuple[tuple[str, Reaction], ...]] = (
    ("orders", orders),
    ("no_recording", no_recording),
    ("wrong_person", wrong_person),
    ("not_here", not_here),
    ("not_interested", declined),
    ("callback", later),
    ("who_is_this", who_is_this),
    ("screening", who_is_this),
    ("hold", hold),
    ("question", asks),
    ("repeat", repeat),
)
