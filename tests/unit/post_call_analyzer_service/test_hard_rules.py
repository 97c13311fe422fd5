"""Words that forbid calls, and words that do not."""

from uuid import UUID

import pytest

from opendeep.common.data_models import Speaker, TranscriptTurn
from opendeep.post_call_analyzer_service.hard_rules import callee_spoke, left_message, opt_out_turns


def said(text: str, speaker: Speaker = Speaker.CALLEE) -> TranscriptTurn:
    return TranscriptTurn(UUID(int=1), 7, speaker, text, 0, 1)


@pytest.mark.parametrize(
    "words",
    [
        "please stop calling me take me off your list",
        "Don\u2019t call me again.",
        "do not contact us",
        "Remove my number from your database",
        "no more calls please",
        "I want to be on your do not call list",
        "never ever call here!",
        "leave me alone",
        "UNSUBSCRIBE",
        "don't call me again i am at work",
        "do not call me anymore, today or any other day",
        "I don't want any more calls.",
        "i do not want you to call me",
        "we do not want to be contacted",
        "lose my number",
    ],
)
def test_an_opt_out_is_recognised(words: str) -> None:
    assert opt_out_turns([said(words)]) == [7]


@pytest.mark.parametrize(
    "words",
    [
        "can you call me tomorrow",
        "don't call me before nine",
        "do not call me on sunday, monday is fine",
        "please stop by on tuesday",
        "take me to your leader",
        "don't call me back, i will call you",
        "don't call me again before monday",
        "don't call me i am at work call me tonight",
        "I could not take your call",
    ],
)
def test_other_wishes_are_none(words: str) -> None:
    assert opt_out_turns([said(words)]) == []


def test_only_the_callee_can_opt_out() -> None:
    assert opt_out_turns([said("I will take you off our list. Stop calling.", Speaker.AI)]) == []


def test_a_message_needs_words_of_ours() -> None:
    assert left_message([said("Hello.", Speaker.AI), said("please leave a message after the beep now")]) == []
    assert left_message([said("Hello, this is a message for you.", Speaker.AI)]) == [7]
    assert not callee_spoke([said("Hello.", Speaker.AI), said("  ")])
