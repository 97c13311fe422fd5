"""Which judgements of who answered are told, and when."""

from dataclasses import replace

from opendeep.audio_processing_service.answer_watch import AnswerWatch
from opendeep.audio_processing_service.cadence import CadenceFacts
from opendeep.audio_processing_service.line_ears import SoundFacts
from opendeep.audio_processing_service.tone_detection import Signal
from opendeep.audio_processing_service.who_answered import AnsweredBy, Verdict

SHORT = CadenceFacts(2_000, 300, 700, True, 1, 700, 0, 1_000)
NOTHING = CadenceFacts(1_000, None, 0, False, 0, 0, 0, 1_000)
LONG = CadenceFacts(9_000, 300, 8_000, False, 5, 6_000, 400, 0)


def sound(cadence: CadenceFacts) -> SoundFacts:
    return SoundFacts(cadence, music=False, ringing=False, voice=False)


def who(verdict: Verdict | None) -> AnsweredBy | None:
    return verdict.answered_by if verdict is not None else None


def test_what_is_likely_is_told_once_and_what_is_sure_again() -> None:
    watch = AnswerWatch()
    assert watch.check(0, sound(NOTHING)) is None
    assert who(watch.check(1_000, sound(SHORT))) is AnsweredBy.HUMAN
    assert watch.check(2_000, sound(SHORT)) is None
    watch.heard_words("Hello?")
    told = watch.check(2_100, sound(SHORT))
    assert told is not None
    assert told.sure
    assert watch.check(3_100, sound(SHORT)) is None


def test_a_menu_and_then_a_person_are_both_told() -> None:
    watch = AnswerWatch()
    watch.heard_words("For billing, press one.")
    assert who(watch.check(0, sound(replace(SHORT, greeting_ms=4_000)))) is AnsweredBy.IVR
    watch.heard_words("Good morning, how can I help?")
    assert who(watch.check(20_000, sound(replace(SHORT, greeting_ms=4_000)))) is AnsweredBy.HUMAN


def test_a_long_greeting_that_turns_out_to_be_a_mailbox() -> None:
    watch = AnswerWatch()
    first = watch.check(0, sound(LONG))
    assert first is not None
    assert (first.answered_by, first.sure) == (AnsweredBy.VOICEMAIL, False)
    watch.heard_signal(Signal.BEEP)
    told = watch.check(100, sound(LONG))
    assert told is not None
    assert (told.answered_by, told.sure) == (AnsweredBy.VOICEMAIL, True)


def test_an_unsure_judgement_does_not_replace_a_sure_one() -> None:
    watch = AnswerWatch()
    watch.heard_words("For billing, press one.")
    watch.check(0, sound(SHORT))
    assert watch.check(5_000, sound(LONG)) is None
