"""What rows show of a call's quality, measured to the millisecond, and nothing that is not there."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from opendeep.common.data_models import CallEvent, Speaker, TranscriptTurn
from opendeep.post_call_analyzer_service.call_quality import measured_flags, taken_for_ai

CALL = UUID(int=1)
Spoken = tuple[str, str, int, int]  # speaker, words, from and to in ms


def talk(*lines: Spoken, cut: Sequence[int] = ()) -> list[TranscriptTurn]:
    return [
        TranscriptTurn(CALL, number, Speaker(who), words, start, end, number in cut)
        for number, (who, words, start, end) in enumerate(lines, 1)
    ]


def event(kind: str, **data: Any) -> CallEvent:
    return CallEvent(UUID(int=2), None, None, CALL, kind, "", data, datetime(2026, 11, 2, tzinfo=UTC))


def flags(turns: list[TranscriptTurn], *events: CallEvent) -> dict[str, Any]:
    return {flag.flag: (list(flag.turns), flag.ms) for flag in measured_flags(turns, events)}


GOOD = talk(
    ("ai", "Hello, I am calling about the boiler. Does Tuesday at ten work?", 0, 4_000),
    ("callee", "yes it does", 4_300, 5_200),
    ("ai", "Thank you. Goodbye.", 6_200, 7_500),
)


def test_a_good_call_has_no_flags() -> None:
    assert flags(GOOD) == {}


def test_dead_air_is_ours_from_the_callees_last_word_to_our_first() -> None:
    turns = talk(
        ("callee", "hello", 0, 500),
        ("ai", "Hello.", 1_501, 2_000),
        ("callee", "who is this", 9_000, 10_000),  # the silence before this was not ours
        ("callee", "hello are you there", 12_000, 13_000),  # nor does the wait begin before the last word
        ("ai", "I am here.", 15_400, 16_000),
    )
    assert flags(turns)["dead_air"] == ([2, 5], 2_400)


def test_nobody_is_answered_on_hold_or_by_the_user() -> None:
    turns = talk(
        ("callee", "one moment please", 0, 1_000),
        ("ai", "I am still here.", 30_000, 31_000),
        ("callee", "yes", 32_000, 33_000),
        ("user", "Good day, this is Maria.", 36_000, 38_000),
    )
    assert flags(turns, event("call.on_hold", at_ms=2_000), event("call.off_hold", ms=27_500)) == {}
    assert flags(turns)["dead_air"] == ([2], 29_000)


def test_a_question_is_repeated_when_nobody_asked_to_hear_it_again() -> None:
    ask = "Does Tuesday at ten work for you?"
    again = talk(("ai", ask, 0, 1), ("callee", "i told you yes", 2, 3), ("ai", f"So: {ask.lower()}", 4, 5))
    assert flags(again) == {"repeated_question": ([3], None)}
    wanted = talk(("ai", ask, 0, 1), ("callee", "sorry can you say that again", 2, 3), ("ai", ask, 4, 5))
    assert flags(wanted) == {}
    unheard = talk(("ai", ask, 0, 1), ("callee", "hello", 2, 3), ("ai", ask, 4, 5), cut=[1])
    assert "repeated_question" not in flags(unheard)


def test_who_spoke_into_whose_words() -> None:
    turns = talk(
        ("callee", "well i think that", 0, 3_000),
        ("ai", "Does Tuesday work?", 2_000, 4_000),
        ("callee", "wait", 3_500, 4_200),  # breaks in
        ("ai", "Yes.", 4_100, 4_400),  # a tenth of a second is how people take turns
        cut=[2],
    )
    assert flags(turns) == {"interrupted_by_us": ([2], 1_000), "interrupted_by_callee": ([2], None)}


@pytest.mark.parametrize(
    "words",
    [
        "am i talking to a robot or a real person",
        "wait, are you an AI?",
        "Is this a recording?",
        "you sound like a machine",
        "are you a real person",
        "I do not want to talk to a computer",
        "you're a bot aren't you",
    ],
)
def test_the_callee_takes_us_for_a_machine(words: str) -> None:
    assert taken_for_ai(talk(("callee", words, 0, 1))[0])
    assert not taken_for_ai(talk(("ai", words, 0, 1))[0])


@pytest.mark.parametrize(
    "words",
    ["my computer is broken", "this call may be recorded", "is this about the washing machine that we ordered last",
     "are you coming on tuesday", "the answering machine was full", "thank you very much"],
)  # fmt: skip
def test_other_words_about_machines_do_not_count(words: str) -> None:
    assert not taken_for_ai(talk(("callee", words, 0, 1))[0])
