"""Measuring sound, on sounds whose measures are known."""

import wave
from pathlib import Path

import numpy as np
import pytest

from opendeep.rehearsal import sound as measured
from opendeep.rehearsal.sound import Samples, Span
from tests.support import sound


def samples(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, dtype="<i2").astype(np.int16)


def test_levels_are_those_of_the_definition() -> None:
    assert measured.level_dbfs(samples(sound.sine(1000, 1000, level_dbfs=0))) == pytest.approx(-3.0, abs=0.1)
    assert measured.level_dbfs(samples(sound.silence(100))) == measured.SILENT_DBFS
    assert measured.level_dbfs(samples(b"")) == measured.SILENT_DBFS


def test_spans_of_sound_and_silence_lie_where_they_were_put() -> None:
    track = samples(
        sound.silence(200) + sound.sine(400, 300) + sound.silence(100) + sound.sine(400, 200) + sound.silence(600)
    )
    assert measured.audible_spans(track, join_ms=40) == [Span(200, 500), Span(600, 800)]
    assert measured.audible_spans(track) == [Span(200, 800)]
    assert measured.silent_spans(track, at_least_ms=150) == [Span(0, 200), Span(800, 1400)]


def test_clicks_are_no_sound() -> None:
    track = samples(sound.silence(200) + sound.sine(400, 20) + sound.silence(200))
    assert measured.audible_spans(track) == []


def test_the_moment_of_falling_silent_is_found_to_the_frame() -> None:
    track = samples(sound.sine(400, 1000) + sound.silence(100) + sound.sine(400, 100) + sound.silence(500))
    assert measured.silent_after(track, 900, for_ms=300) == 1200
    assert measured.silent_after(track, 900, for_ms=60) == 1000
    assert measured.silent_after(track, 1000, for_ms=60) == 1000
    assert measured.silent_after(track, 5000, for_ms=60) is None
    assert measured.silent_after(samples(sound.sine(400, 100)), 0, for_ms=300) == 100  # its end is silence


def test_clipping_is_counted_and_an_honest_peak_is_not() -> None:
    loud = np.full(100, 32767, dtype=np.int16)
    peak = np.array([0, 32767, 0, -32768, 0], dtype=np.int16)
    assert measured.clipped_samples(loud) == 100
    assert measured.clipped_samples(peak) == 0
    assert measured.clipped_samples(samples(sound.sine(1000, 1000, level_dbfs=-1))) == 0


def test_a_tone_is_found_and_speech_band_noise_is_none() -> None:
    rng = np.random.default_rng(7)
    noise = sound.pcm_of(rng.normal(0, 0.1, 8000))
    track = samples(noise + sound.sine(1000, 300) + noise)
    spans = measured.tone_spans(track, 1000)
    assert len(spans) == 1
    assert spans[0].overlap_ms(Span(1000, 1300)) >= 260


def test_a_known_sound_is_found_through_a_telephone_and_another_is_not() -> None:
    rng = np.random.default_rng(1)
    known, other = (sound.pcm_of(np.cumsum(rng.normal(0, 0.01, 8000)) * 0.2) for _ in range(2))
    received = sound.telephone(sound.silence(500) + known + sound.silence(500), noise_snr_db=20)
    at_ms, likeness = measured.find_sound(samples(sound.telephone(known)), samples(received))
    assert at_ms == pytest.approx(500, abs=1)
    assert likeness > 0.8
    assert measured.find_sound(samples(sound.telephone(other)), samples(received))[1] < 0.4
    with pytest.raises(ValueError, match="silence"):
        measured.find_sound(samples(known), samples(sound.silence(3000)))


@pytest.mark.parametrize("late", [-140, 0, 260])
def test_delay_is_measured_in_both_directions(late: int) -> None:
    rng = np.random.default_rng(3)
    voice = sound.pcm_of(rng.normal(0, 0.1, 4000))
    first = sound.silence(max(0, -late)) + voice
    second = sound.silence(max(0, late)) + voice
    assert measured.delay_ms(samples(first), samples(second)) == pytest.approx(late, abs=0.2)


def test_a_stereo_recording_is_read_and_another_shape_is_refused_with_its_shape(tmp_path: Path) -> None:
    path = tmp_path / "one.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.array([[1, 2], [3, 4]], dtype="<i2").tobytes())
    left, right = measured.read_stereo(path)
    assert (left.tolist(), right.tolist()) == ([1, 3], [2, 4])
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
    with pytest.raises(ValueError, match="1 channel"):
        measured.read_stereo(path)
    path.write_bytes(b"no sound")
    with pytest.raises(ValueError, match="cannot be read as WAV"):
        measured.read_stereo(path)
