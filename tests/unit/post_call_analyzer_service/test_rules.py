"""Judging without a model: cautious, and never more than what was said."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.common.campaign_plan import Question, QuestionType
from opendeep.common.data_models import CallStatus, Speaker, TranscriptTurn
from opendeep.post_call_analyzer_service.citations import check_findings
from opendeep.post_call_analyzer_service.rules import UNANSWERED, judge

SLOT = Question(key="slot_ok", ask="Does Tuesday at ten work for you?", type=QuestionType.YES_NO)
ASKED = (Speaker.AI, "Good morning. Does Tuesday at ten work for you?")


def turns(*lines: tuple[Speaker, str]) -> list[TranscriptTurn]:
    return [TranscriptTurn(UUID(int=1), n, speaker, text, 0, 1) for n, (speaker, text) in enumerate(lines, 1)]


@pytest.mark.parametrize(
    ("words", "reason", "disposition"),
    [
        ("yes that works", "completed", "ACHIEVED"),
        ("no problem, sure", "completed", "ACHIEVED"),
        ("no, unfortunately not", "completed", "DECLINED"),
        ("yes and no", "completed", "INCONCLUSIVE"),
        ("who is this", "completed", "INCONCLUSIVE"),
        ("yes that works", "no_progress", "INCONCLUSIVE"),
        ("yes that works", None, "INCONCLUSIVE"),
        ("hm", "declined", "DECLINED"),
        ("hm", "wrong_number", "WRONG_NUMBER"),
        ("later", "callback", "CALLBACK_REQUESTED"),
    ],
)
def test_plain_words_are_judged(words: str, reason: str | None, disposition: str) -> None:
    ended = {"reason": reason, "note": "tomorrow at three"} if reason else None
    found = judge([SLOT], turns(ASKED, (Speaker.CALLEE, words)), ended)
    assert found.disposition == disposition


def test_a_yes_before_the_question_is_no_answer() -> None:
    found = judge([SLOT], turns((Speaker.CALLEE, "yes hello"), ASKED), {"reason": "completed"})
    assert found.fields == []


def test_a_message_is_left_only_with_words_of_ours() -> None:
    ended = {"reason": "voicemail"}
    greeting = (Speaker.CALLEE, "please leave a message after the beep")
    message = (Speaker.AI, "Hello, this is an assistant calling for Maria.")
    assert judge([SLOT], turns(greeting), ended).disposition == "VOICEMAIL"
    assert judge([SLOT], turns(greeting, message), ended).disposition == "VOICEMAIL_LEFT"


def test_every_way_a_call_can_end_unanswered_is_in_the_table() -> None:
    live = {CallStatus.INITIATED, CallStatus.DIALING, CallStatus.RINGING, CallStatus.IN_PROGRESS}
    assert set(UNANSWERED) == set(CallStatus) - live - {CallStatus.COMPLETED}


@given(st.lists(st.tuples(st.sampled_from(Speaker), st.text(max_size=40)), max_size=8), st.text(max_size=12))
def test_what_the_rules_find_is_always_proved(lines: list[tuple[Speaker, str]], reason: str) -> None:
    spoken = turns(ASKED, *lines)
    found = judge([SLOT], spoken, {"reason": reason})
    assert check_findings(found.fields, [SLOT], spoken).dropped == ()
