"""The extent of a greeting, from bursts of sound of known length. (Spoken greetings: tests/integration.)"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opendeep.audio_processing_service.cadence import Cadence, CadenceFacts
from opendeep.audio_processing_service.line_sound import SoundMeter
from tests.support import sound
from tests.support.line_signals import tones


def facts_of(pcm: bytes) -> CadenceFacts:
    cadence = Cadence()
    for block in SoundMeter().receive(pcm):
        cadence.receive(block)
    return cadence.facts


def voice(ms: int) -> bytes:
    return tones(300, 600, 1100, ms=ms)


@pytest.mark.parametrize("noise", [None, 20.0])
def test_a_short_greeting_is_measured_and_over(noise: float | None) -> None:
    pcm = sound.silence(400) + voice(600) + sound.silence(2000)
    facts = facts_of(sound.telephone(pcm, noise_snr_db=noise))
    assert facts.first_voice_ms == pytest.approx(400, abs=20)
    assert facts.greeting_ms == pytest.approx(600, abs=40)
    assert facts.greeting_over
    assert facts.bursts == 1
    assert facts.quiet_ms == pytest.approx(2000, abs=40)


@pytest.mark.parametrize("noise", [None, 20.0])
def test_pauses_inside_a_greeting_do_not_end_it(noise: float | None) -> None:
    pcm = sound.silence(300) + (voice(800) + sound.silence(500)) * 4 + sound.silence(700)
    facts = facts_of(sound.telephone(pcm, noise_snr_db=noise))
    assert facts.greeting_ms == pytest.approx(4 * 1300 - 500, abs=60)
    assert facts.bursts == 4
    assert facts.longest_pause_ms == pytest.approx(500, abs=40)
    assert facts.voiced_ms == pytest.approx(3200, abs=120)
    assert facts.greeting_over


def test_what_comes_after_the_greeting_does_not_lengthen_it() -> None:
    first = facts_of(voice(500) + sound.silence(1000))
    later = facts_of(voice(500) + sound.silence(1000) + voice(3000) + sound.silence(100))
    assert later.greeting_ms == first.greeting_ms
    assert later.quiet_ms <= 140


def test_silence_and_clicks_are_no_voice() -> None:
    for pcm in (sound.silence(3000), (voice(20) + sound.silence(480)) * 6):
        assert facts_of(pcm).first_voice_ms is None


@settings(max_examples=20, deadline=None)
@given(level_dbfs=st.integers(-70, -42), seed=st.integers(0, 1000))
def test_the_noise_of_a_line_is_no_voice(level_dbfs: int, seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0.0, 10 ** (level_dbfs / 20), 24_000)
    assert facts_of(sound.telephone(sound.pcm_of(noise))).first_voice_ms is None
