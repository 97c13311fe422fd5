"""What becomes of sound: a line of the timeline, tones that are told, and when it is listened closely."""

import numpy as np
import pytest

from opendeep.audio_processing_service.line_ears import LISTEN_MS, LineEars, SoundFacts
from opendeep.audio_processing_service.shared_meter import measure_at_once
from opendeep.audio_processing_service.tone_detection import Signal
from tests.support import line_signals, sound
from tests.support.line_signals import tones


class Heard:
    """Ears whose reports are kept in order."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.ears = LineEars(self._note, self.told.append, measure_at_once)

    def _note(self, kind: str, detail: str, **data: object) -> None:
        self.told.append((kind, detail, data))

    def hear(self, pcm: bytes) -> None:
        for at in range(0, len(pcm), 320):
            self.ears.hear(pcm[at : at + 320])


def test_a_beep_is_noted_and_told() -> None:
    heard = Heard()
    heard.hear(sound.silence(1000) + tones(1000, ms=400) + sound.silence(1000))
    note = ("call.tone_heard", "A beep was heard (1000 Hz).", {"signal": "beep", "hz": 1000, "at_ms": 1000, "ms": 400})
    assert heard.told == [note, Signal.BEEP]


@pytest.mark.parametrize("pcm", [line_signals.FAX_ANSWERING, line_signals.FAX_CALLING])
def test_a_fax_machine_is_noted_and_told_once(pcm: bytes) -> None:
    heard = Heard()
    heard.hear(sound.silence(300) + pcm)
    assert len(heard.told) == 2
    assert heard.told[1] in (Signal.FAX_ANSWERING, Signal.FAX_CALLING)


def test_a_busy_tone_is_only_noted() -> None:
    heard = Heard()
    heard.hear(line_signals.BUSY["US"])
    note, signal = heard.told
    assert isinstance(note, tuple)
    assert note[1] == "A busy tone was heard (620 Hz)."
    assert signal is Signal.BUSY


def test_nothing_is_heard_after_the_beginning_of_the_call() -> None:
    heard = Heard()
    heard.hear(sound.silence(LISTEN_MS) + tones(1000, ms=400) + sound.silence(1000))
    assert heard.told == []
    assert heard.ears.facts is None


def test_it_is_listened_again_when_asked_and_time_has_gone_on() -> None:
    heard = Heard()
    heard.hear(sound.silence(LISTEN_MS))
    heard.ears.listen()
    heard.hear(tones(1000, ms=400) + sound.silence(1000))
    note = heard.told[0]
    assert isinstance(note, tuple)
    assert (note[2]["at_ms"], note[2]["ms"]) == (LISTEN_MS, 400)


def test_music_long_after_the_beginning_is_noticed_by_itself_and_talk_is_not() -> None:
    heard = Heard()
    heard.hear(sound.silence(LISTEN_MS))
    talk = tones(300, 700, ms=600) + sound.silence(400)
    heard.hear(talk * 10)
    assert heard.ears.facts is None
    heard.hear(line_signals.music(1, note_ms=400, decay_per_s=1.0, chords=True))
    assert facts_of(heard).music
    assert not facts_of(heard).voice


def test_a_loud_line_without_music_is_left_alone_for_a_while() -> None:
    heard = Heard()
    heard.hear(sound.silence(LISTEN_MS))
    noise = np.random.default_rng(3).normal(0, 0.05, 8_000)
    close = 0
    for _ in range(80):
        heard.hear(sound.pcm_of(noise))
        close += heard.ears.facts is not None
    assert 15 <= close <= 25  # two looks of ten seconds
    heard.hear(line_signals.music(1, note_ms=400, decay_per_s=1.0, chords=True, seconds=50))
    assert facts_of(heard).music


def test_a_tone_is_no_voice_and_a_ring_is_remembered() -> None:
    heard = Heard()
    heard.hear(sound.silence(1000) + line_signals.RINGBACK["US"])
    assert facts_of(heard).ringing
    heard.hear(sound.silence(7000))
    assert not facts_of(heard).ringing
    heard.hear(tones(440, 480, ms=500))
    assert not facts_of(heard).voice


def facts_of(heard: Heard) -> SoundFacts:
    facts = heard.ears.facts
    assert facts is not None
    return facts
