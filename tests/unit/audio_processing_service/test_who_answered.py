"""Greetings of people and machines, by words; fax, hold, silence and unknown by sound."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.audio_processing_service.cadence import CadenceFacts
from opendeep.audio_processing_service.tone_detection import Signal
from opendeep.audio_processing_service.who_answered import AnsweredBy, Evidence, asks_to_hold, judge

SHORT = CadenceFacts(2600, 400, 900, True, 2, 700, 100, 1300)
MIDDLE = replace(SHORT, now_ms=6000, greeting_ms=4200, bursts=9, voiced_ms=3000)
LONG = replace(SHORT, now_ms=9000, greeting_ms=7800, greeting_over=False, bursts=20, voiced_ms=6000, quiet_ms=0)
NOTHING = CadenceFacts(1000, None, 0, False, 0, 0, 0, 1000)

BY_WORDS = {
    AnsweredBy.HUMAN: [
        "Hello?",
        "Yes?",
        "Hi, this is Anna.",
        "City Dental, good morning, how can I help you?",
        "Who is this?",
        "Smith speaking.",
        "Good afternoon, Garage Weber.",
    ],
    AnsweredBy.VOICEMAIL: [
        "Hi, you have reached Peter Smith. Please leave a message after the tone.",
        "I can't take your call right now. Please leave your name and number.",
        "The person you are trying to reach is not available. Please record your message at the tone.",
        "You have reached the voicemail of Anna. I will call you back as soon as possible.",
        "Hello, this is Mike. I am not available right now.",
        "Hey, I can\u2019t come to the phone, leave me a message and I'll get back to you.",
        "Your call has been forwarded to an automated voice messaging system.",
    ],
    AnsweredBy.IVR: [
        "Thank you for calling. For sales, press one. For support, press two.",
        "To speak to an operator, press 0.",
        "Please listen carefully, as our menu options have recently changed.",
        "If you know your party's extension, you may dial it at any time.",
        "For our opening hours press one, or leave a message after the tone.",
    ],
    AnsweredBy.SCREENING: [
        "Hi, the person you're calling is using a screening service from Google and will get a copy of this. "
        "Go ahead and say your name and why you're calling.",
        "Hi. If you record your name and reason for calling, I'll see if this person is available.",
        "Please state your name and the reason for your call after the tone.",
    ],
    AnsweredBy.HOLD: [
        "Thank you for calling City Clinic. All of our agents are currently busy.",
        "Please hold, I am connecting you.",
        "Your call is important to us. Please stay on the line.",
    ],
}


@pytest.mark.parametrize(("who", "words"), [(who, words) for who, all_ in BY_WORDS.items() for words in all_])
def test_words_tell_who_answered(who: AnsweredBy, words: str) -> None:
    cadence = SHORT if who is AnsweredBy.HUMAN else MIDDLE
    verdict = judge(Evidence(cadence, words))
    assert (verdict.answered_by, verdict.sure) == (who, True), verdict
    assert verdict.because


@pytest.mark.parametrize(
    ("evidence", "who", "sure"),
    [
        (Evidence(NOTHING), AnsweredBy.UNKNOWN, False),
        (Evidence(replace(NOTHING, now_ms=5000)), AnsweredBy.SILENCE, True),
        (Evidence(NOTHING, signals=frozenset({Signal.FAX_ANSWERING})), AnsweredBy.FAX, True),
        (Evidence(NOTHING, signals=frozenset({Signal.FAX_CALLING})), AnsweredBy.FAX, True),
        (Evidence(NOTHING, signals=frozenset({Signal.RINGBACK})), AnsweredBy.HOLD, True),
        (Evidence(LONG, music=True), AnsweredBy.HOLD, True),
        (Evidence(MIDDLE, signals=frozenset({Signal.BEEP})), AnsweredBy.VOICEMAIL, True),
        (Evidence(NOTHING, signals=frozenset({Signal.BEEP})), AnsweredBy.UNKNOWN, False),
        (Evidence(NOTHING, signals=frozenset({Signal.BUSY})), AnsweredBy.UNKNOWN, False),
        (Evidence(SHORT), AnsweredBy.HUMAN, False),
        (Evidence(MIDDLE), AnsweredBy.UNKNOWN, False),
        (Evidence(LONG), AnsweredBy.VOICEMAIL, False),
        (Evidence(LONG, "hello hello and now my poem about the sea"), AnsweredBy.VOICEMAIL, False),
    ],
)
def test_without_words_the_sound_decides_with_less_confidence(evidence: Evidence, who: AnsweredBy, sure: bool) -> None:
    verdict = judge(evidence)
    assert (verdict.answered_by, verdict.sure) == (who, sure), verdict


def test_only_the_last_words_count() -> None:
    menu = "press one " + "la " * 2000
    assert judge(Evidence(MIDDLE, menu)).answered_by is AnsweredBy.UNKNOWN


@given(words=st.text(max_size=3000), ms=st.integers(0, 20_000), over=st.booleans(), music=st.booleans())
def test_any_words_give_a_verdict(words: str, ms: int, over: bool, music: bool) -> None:
    verdict = judge(Evidence(replace(SHORT, greeting_ms=ms, greeting_over=over), words, music=music))
    assert 0.0 <= verdict.confidence <= 1.0


def test_hold_phrases() -> None:
    assert asks_to_hold("One moment, please hold.")
    assert asks_to_hold("You are number four in the queue")
    assert not asks_to_hold("I was on hold for an hour yesterday")
