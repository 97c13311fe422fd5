"""Who has the turn after a sound over the AI's words."""

import pytest

from opendeep.audio_processing_service.barge_in import CONFIRM_MS, WORDS_MS, BargeIn, TurnAct, means_nothing


def test_speech_that_lasts_takes_the_turn() -> None:
    barge = BargeIn()
    assert barge.started("u1", 0) is None
    assert barge.check(CONFIRM_MS - 100) is None
    assert barge.in_doubt
    assert barge.check(CONFIRM_MS) is TurnAct.CUT
    assert not barge.in_doubt
    assert barge.check(CONFIRM_MS + 100) is None


@pytest.mark.parametrize(("text", "act"), [("Mm-hmm.", TurnAct.GO_ON), ("No.", TurnAct.CUT), ("", TurnAct.GO_ON)])
def test_a_short_sound_is_judged_by_its_words(text: str, act: TurnAct) -> None:
    barge = BargeIn()
    barge.started("u1", 0)
    barge.stopped(700)
    assert barge.check(CONFIRM_MS) is None
    assert barge.words("another", "No.", asked=False) is None
    assert barge.words("u1", text, asked=False) is act
    assert not barge.in_doubt


def test_words_that_do_not_come_give_the_turn() -> None:
    barge = BargeIn()
    barge.started("u1", 0)
    barge.stopped(700)
    assert barge.check(700 + WORDS_MS - 100) is None
    assert barge.check(700 + WORDS_MS) is TurnAct.CUT


def test_two_sounds_in_a_row_are_no_accident() -> None:
    barge = BargeIn()
    barge.started("u1", 0)
    barge.stopped(300)
    assert barge.started("u2", 500) is TurnAct.CUT
    assert not barge.in_doubt


@pytest.mark.parametrize(
    "text", ["Mm-hm", "uh-huh", "Okay.", "Yeah, right", "I see.", "Ja, genau.", "D'accord", "OK, OK"]
)
def test_assent_takes_no_turn_unless_a_question_was_asked(text: str) -> None:
    assert means_nothing(text, asked=False)
    hum = text in ("Mm-hm", "uh-huh")
    assert means_nothing(text, asked=True) is hum


@pytest.mark.parametrize(
    "text", ["No", "Wait", "Stop calling me", "Who is this?", "Yes, but not on Tuesday", "yes yes yes yes", "Tuesday"]
)
def test_what_says_something_takes_the_turn(text: str) -> None:
    assert not means_nothing(text, asked=False)
