"""Answers per question type, by words and by keys."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.common.call_script import ScriptQuestion
from opendeep.common.question_types import QuestionType
from opendeep.offline.script.answers import MIN_CONFIDENCE, read_answer, yes_or_no
from opendeep.offline.script.brief import QUESTION_TYPES
from opendeep.offline.script.understanding import Heard


def asked(key: str, ask: str, kind: str, options: tuple[str, ...] = ()) -> ScriptQuestion:
    return ScriptQuestion(key=key, ask=ask, type=QuestionType(kind), options=options)


NOW = datetime(2026, 11, 22, 18, tzinfo=ZoneInfo("Europe/Berlin"))
ROOMS = asked("room", "Which room?", "choice", ("the single room", "the double room", "a suite"))


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("yes", "yes"),
        ("yes tuesday at ten works for me", "yes"),
        ("okay that works", "yes"),
        ("no problem at all", "yes"),
        ("that would be perfect", "yes"),
        ("well i think so", "yes"),
        ("sure of course", "yes"),
        ("no", "no"),
        ("no that does not work", "no"),
        ("i am afraid we are fully booked", "no"),
        ("unfortunately not", "no"),
        ("another time please", "no"),
        ("tuesday does not work for us", "no"),
        ("no but thursday would work", "no"),
        ("yes no maybe", None),
        ("purple", None),
    ],
)
def test_yes_and_no(words: str, answer: str | None) -> None:
    assert yes_or_no(Heard(words)) == answer


@pytest.mark.parametrize(
    ("question", "words", "value"),
    [
        (ROOMS, "the double room please", "the double room"),
        (ROOMS, "a suite", "a suite"),
        (ROOMS, "the second one", "the double room"),
        (ROOMS, "number three", "a suite"),
        (ROOMS, "a room", None),
        (ROOMS, "keypad: 1", "the single room"),
        (ROOMS, "keypad: 9", None),
        (asked("d", "Which day?", "date"), "next tuesday", "2026-11-24"),
        (asked("d", "Which day?", "date"), "whenever", None),
        (asked("t", "What time?", "time"), "half past ten", "10:30"),
        (asked("w", "When?", "datetime"), "tuesday at ten", "2026-11-24T10:00:00+01:00"),
        (asked("w", "When?", "datetime"), "at ten", None),
        (asked("n", "How many?", "number"), "there will be four of us", "4"),
        (asked("n", "How many?", "number"), "keypad: 12#", "12"),
        (asked("y", "Right?", "yes_no"), "keypad: 1", "yes"),
        (asked("y", "Right?", "yes_no"), "DTMF 2", "no"),
        (asked("y", "Right?", "yes_no"), "keypad: 7", None),
        (asked("x", "Anything else?", "text"), "please ring the upper bell", "please ring the upper bell"),
    ],
)
def test_values(question: ScriptQuestion, words: str, value: str | None) -> None:
    answer = read_answer(question, Heard(words), NOW)
    assert (answer.value if answer else None) == value


def test_an_unsure_recognition_is_not_believed() -> None:
    question = asked("y", "Right?", "yes_no")
    assert read_answer(question, Heard("yes", MIN_CONFIDENCE - 0.01), NOW) is None
    assert read_answer(question, Heard("yes", MIN_CONFIDENCE), NOW) is not None


def test_the_recognisers_intent_counts_when_the_words_say_nothing() -> None:
    assert yes_or_no(Heard("mm hm", intents=frozenset({"yes"}))) == "yes"


@given(st.sampled_from(QUESTION_TYPES), st.text(max_size=60), st.floats(0, 1))
def test_no_utterance_breaks_a_reader(kind: str, words: str, confidence: float) -> None:
    question = asked("k", "What?", kind, ("one thing", "another"))
    answer = read_answer(question, Heard(words.lower(), confidence), NOW)
    assert answer is None or (answer.key == "k" and answer.value)
