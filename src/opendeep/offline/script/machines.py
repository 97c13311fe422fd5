"""Machines that answer the phone: voicemail, keypad menus, call screening.

Owns telling a machine from a person by words and length, and what is done with each. Once an answer was understood, a
person speaks and nothing here applies.
"""

from __future__ import annotations

import re
from typing import Final

from opendeep.offline.script.acts import Act, AwaitQuiet, CallTool, Say, SayRole
from opendeep.offline.script.course import SEND_DTMF, Course
from opendeep.offline.script.keypad_menu import choose_key, read_menu
from opendeep.offline.script.phases import Phase
from opendeep.offline.script.understanding import Heard, is_monologue, meanings_of_text

MAX_MENU_STEPS: Final = 3
MAX_MACHINE_WAITS: Final = 3
BEEP_WAIT_MS: Final = 2_000  # quiet after which a voicemail without a beep is taken to record
HUMAN_GREETING_MS: Final = 3_000  # a greeting as short as this, where a machine spoke before, is a person

_SCREENER_WORDS: Final = re.compile(r"\b(names?|screening|state|person (is )?available|connect)\b")
_PERSON_SPEAKS: Final = frozenset({Phase.OTHER_TIME, Phase.CALLBACK_WHEN, Phase.IS_THERE})


def react(course: Course, heard: Heard, found: frozenset[str]) -> tuple[Act, ...] | None:
    """The reaction to a machine, or None when a person speaks."""
    if course.answers or course.phase in _PERSON_SPEAKS:
        return None
    options = read_menu(heard.text)
    if "voicemail" in found and len(options) < 2 and not _only_the_ear(course, heard):
        return leave_message(course, wait=True)
    if options or "menu" in found:
        return _menu(course, heard)
    if "screening" in found and _SCREENER_WORDS.search(heard.text):
        return course.turn(*_introduction_for_screen(course))
    if course.phase is Phase.MACHINE:
        person = "greeting" in found and heard.duration_ms <= HUMAN_GREETING_MS
        return None if person else leave_message(course, wait=True)
    if course.phase in (Phase.OPENING, Phase.GREETING) and is_monologue(heard) and not course.holding:
        return leave_message(course, wait=True)
    return None


def _only_the_ear(course: Course, heard: Heard) -> bool:
    """Whether nothing but a sound speaks for a mailbox, where a question is open and the words mean something else."""
    meant = heard.intents | meanings_of_text(heard.text)
    return course.phase is Phase.ASKING and bool(meant) and "voicemail" not in meant


def leave_message(course: Course, *, wait: bool) -> tuple[Act, ...]:
    """The message after the greeting, by the brief's policy, and the end. `wait`: first for the beep, or for quiet."""
    if course.phase is not Phase.MACHINE:
        course.enter(Phase.MACHINE)
    plan = course.brief.voicemail
    if plan.policy != "leave_message" or not plan.message:
        return course.close("voicemail", note=plan.policy)
    course.machine_waits += 1
    pause = (AwaitQuiet(BEEP_WAIT_MS),) if wait and course.machine_waits <= MAX_MACHINE_WAITS else ()
    return course.close("voicemail", Say(plan.message, SayRole.MESSAGE), note=plan.policy, before=pause)


def press(course: Course, key: str) -> tuple[Act, ...]:
    """Press a key and listen for whoever comes; a menu that leads nowhere ends the call."""
    if len(course.pressed) >= MAX_MENU_STEPS:
        return course.close("no_progress", note="the keypad menu leads nowhere")
    course.pressed.append(key)
    course.enter(Phase.GREETING)
    return course.turn(*([CallTool(SEND_DTMF, {"digits": key})] if SEND_DTMF in course.tools else []))


def _menu(course: Course, heard: Heard) -> tuple[Act, ...]:
    if course.phase is not Phase.MENU:
        course.enter(Phase.MENU)
    course.introduce_again()
    options = read_menu(heard.text)
    if not options:
        course.holding = True  # an announcement, or somebody who connects us: the next voice will tell
        return course.turn()
    wishes = (course.brief.menu_hint or "", course.brief.contact_name, course.brief.objective)
    return press(course, choose_key(options, wishes, course.pressed))


def _introduction_for_screen(course: Course) -> list[Say]:
    """Who and why, for a machine that screens the call; the person behind it hears it again."""
    if course.phase is not Phase.GREETING:
        course.enter(Phase.GREETING)
    course.introduce_again()
    brief = course.brief
    return [Say(brief.screening_line or f"{brief.script.disclosure} {brief.script.purpose}".strip())]
