"""Every tone that matters, through the telephone, with noise at 20 dB, at every place within a block."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opendeep.audio_processing_service.line_sound import SoundMeter
from opendeep.audio_processing_service.tone_detection import MAX_RUN, Signal, ToneDetector, ToneHeard
from tests.support import line_signals, sound
from tests.support.line_signals import glide, repeated, tones

OFFSETS_MS = (0, 20, 37, 60, 83)
NOISE = (None, 20.0)
QUIET = sound.silence(1500)


def heard_in(pcm: bytes) -> list[ToneHeard]:
    meter, detector = SoundMeter(), ToneDetector()
    found = [detector.receive(block) for block in meter.receive(pcm)]
    return [one for one in found if one is not None]


def on_the_line(pcm: bytes, offset_ms: int, noise_snr_db: float | None) -> list[ToneHeard]:
    return heard_in(
        sound.telephone(sound.silence(500 + offset_ms) + pcm, noise_snr_db=noise_snr_db, seed=offset_ms + 1)
    )


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("offset_ms", OFFSETS_MS)
@pytest.mark.parametrize(
    ("signal", "pcm"),
    [
        *((Signal.RINGBACK, pcm) for pcm in line_signals.RINGBACK.values()),
        *((Signal.BUSY, pcm) for pcm in line_signals.BUSY.values()),
        (Signal.SPECIAL_INFORMATION, line_signals.SPECIAL_INFORMATION),
        (Signal.FAX_CALLING, line_signals.FAX_CALLING),
        (Signal.FAX_ANSWERING, line_signals.FAX_ANSWERING),
    ],
)
def test_signals_of_the_network_and_of_fax_are_told_once(
    signal: Signal, pcm: bytes, offset_ms: int, noise: float | None
) -> None:
    assert [one.signal for one in on_the_line(pcm, offset_ms, noise)] == [signal]


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize(
    ("hz", "ms"),
    [
        *((hz, ms) for hz in (400, 520, 800, 1000, 1400, 2000) for ms in (150, 200, 400)),
        *((hz, 1000) for hz in (520, 800, 1000, 1400, 2000)),  # a lower one sounds like the first ring of a transfer
    ],
)
def test_a_beep_is_told_after_its_end(hz: int, ms: int, noise: float | None) -> None:
    for offset_ms in OFFSETS_MS:
        (beep,) = on_the_line(tones(hz, ms=ms) + QUIET, offset_ms, noise)
        assert beep.signal is Signal.BEEP
        assert beep.hz == pytest.approx(hz, abs=8)
        assert abs(beep.start_ms - 500 - offset_ms) <= 20
        assert abs(beep.end_ms - 500 - offset_ms - ms) <= 20
        assert 300 <= beep.told_ms - beep.end_ms <= 900


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("offset_ms", OFFSETS_MS)
@pytest.mark.parametrize(
    ("pcm", "ends_ms"),
    [
        (glide(1000, 600, 400), 400),
        (glide(700, 1100, 300), 300),
        (repeated(2, tones(850, ms=180), sound.silence(120)), 480),
        (repeated(3, tones(1200, ms=160), sound.silence(140)), 760),
    ],
    ids=["falling", "rising", "double", "triple"],
)
def test_falling_and_repeated_beeps_are_one_beep(pcm: bytes, ends_ms: int, offset_ms: int, noise: float | None) -> None:
    (beep,) = on_the_line(pcm + QUIET, offset_ms, noise)
    assert beep.signal is Signal.BEEP
    assert abs(beep.end_ms - 500 - offset_ms - ends_ms) <= 40


def test_the_tone_of_a_fax_after_a_greeting_is_a_beep_until_it_comes_again() -> None:
    greeting = sound.pcm_of(sound.samples_of(line_signals.music(3, note_ms=70, decay_per_s=3, chords=True, seconds=2)))
    found = heard_in(sound.telephone(greeting + sound.silence(400) + line_signals.FAX_CALLING, noise_snr_db=20))
    assert [one.signal for one in found][:2] == [Signal.BEEP, Signal.FAX_CALLING]


def test_it_is_not_our_turn_while_a_beep_is_not_confirmed() -> None:
    detector = ToneDetector()
    sounding = []
    for block in SoundMeter().receive(sound.silence(200) + tones(1000, ms=300) + sound.silence(600)):
        detector.receive(block)
        sounding.append(detector.sounding)
    assert sounding == [False, False, True, True, True, True, True, True, False, False, False]


@pytest.mark.parametrize(
    "pcm",
    [
        tones(1000, ms=90),
        tones(300, ms=400),
        tones(2400, ms=400),
        tones(1000, ms=2600),
        tones(350, 440, ms=1500),
        tones(697, 1209, ms=200),
        tones(425, ms=1000),
    ],
    ids=["short", "low", "high", "long", "dial tone", "key 1", "one ring"],
)
def test_other_tones_are_no_beep(pcm: bytes) -> None:
    for offset_ms in OFFSETS_MS:
        assert on_the_line(pcm + QUIET, offset_ms, 20.0) == []


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), level_dbfs=st.integers(-40, -10))
def test_noise_says_nothing(seed: int, level_dbfs: int) -> None:
    noise = np.random.default_rng(seed).normal(0.0, 10 ** (level_dbfs / 20), 24_000)
    assert heard_in(sound.telephone(sound.pcm_of(noise))) == []


def test_what_is_remembered_is_bounded() -> None:
    detector = ToneDetector()
    for block in SoundMeter().receive(repeated(40, tones(700, ms=100), sound.silence(100))):
        detector.receive(block)
        assert len(detector._run) <= MAX_RUN
