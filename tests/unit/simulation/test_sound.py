"""Tones, levels, the jitter buffer and the turn detector, all counted in frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.simulation.audiosocket_wire import FRAME_BYTES, SILENCE_FRAME
from opendeep.simulation.sound import JitterBuffer, TurnDetector, TurnEnded, TurnStarted, is_loud, to_8khz, tone

LOUD = tone(400, 20)
FRAME = bytes([1, 2]) * 160


@pytest.mark.parametrize(("hz", "ms"), [(1000, 400), (440, 1000), (3900, 100)])
def test_a_tone_has_its_pitch_length_and_level(hz: int, ms: int) -> None:
    samples = np.frombuffer(tone(hz, ms, level_dbfs=-6), dtype="<i2").astype(float)
    assert samples.size == ms * 8
    spectrum = np.abs(np.fft.rfft(samples))
    assert abs(np.argmax(spectrum) * 8000 / samples.size - hz) <= 8000 / samples.size
    assert 15_500 < np.abs(samples).max() < 16_500
    assert abs(samples[0]) < 1
    assert abs(samples[-1]) < 1


def test_silence_and_idle_noise_are_quiet_and_speech_levels_are_loud() -> None:
    noise = np.random.default_rng(1).integers(-8, 9, 160).astype("<i2").tobytes()
    assert not is_loud(SILENCE_FRAME)
    assert not is_loud(noise)
    assert is_loud(tone(300, 20, level_dbfs=-40))


@pytest.mark.parametrize("rate", [12_000, 16_000, 24_000, 44_100, 48_000])
def test_other_rates_keep_length_and_pitch(rate: int) -> None:
    wave = (9000 * np.sin(2 * np.pi * 500 * np.arange(rate) / rate)).astype("<i2")
    samples = np.frombuffer(to_8khz(wave.tobytes(), rate), dtype="<i2").astype(float)
    assert samples.size == 8000
    assert int(np.argmax(np.abs(np.fft.rfft(samples)))) == 500
    assert to_8khz(b"", rate) == b""


def test_the_jitter_buffer_waits_for_two_frames_then_plays_without_gaps() -> None:
    buffer = JitterBuffer()
    buffer.push(FRAME)
    assert buffer.pull() == SILENCE_FRAME
    buffer.push(LOUD)
    assert [buffer.pull(), buffer.pull(), buffer.pull()] == [FRAME, LOUD, SILENCE_FRAME]


def test_a_single_rest_is_played_after_a_short_wait_and_padded() -> None:
    buffer = JitterBuffer()
    buffer.push(b"\x05\x06")
    played = [buffer.pull() for _ in range(4)]
    assert played == [SILENCE_FRAME, SILENCE_FRAME, b"\x05\x06" + bytes(FRAME_BYTES - 2), SILENCE_FRAME]


def test_a_full_jitter_buffer_drops_the_oldest_and_counts() -> None:
    buffer = JitterBuffer()
    for number in range(60):
        buffer.push(bytes([number, 0]) * 160)
    assert buffer.dropped_bytes == 10 * FRAME_BYTES
    assert buffer.pull()[0] == 10


@given(pieces=st.lists(st.binary(min_size=2, max_size=700).map(lambda b: b[: len(b) // 2 * 2]), max_size=30))
def test_the_jitter_buffer_neither_loses_nor_invents_bytes_below_its_limit(pieces: list[bytes]) -> None:
    buffer, played = JitterBuffer(), bytearray()
    pushed = b"".join(pieces)
    for piece in pieces:
        buffer.push(piece)
        frame = buffer.pull()
        assert len(frame) == FRAME_BYTES
        played += frame
    for _ in range(80):
        played += buffer.pull()
    heard = bytes(played).replace(b"\0", b"")
    assert buffer.dropped_bytes > 0 or heard == pushed.replace(b"\0", b"")


def feed(detector: TurnDetector, frame: bytes, ms: int) -> list[TurnStarted | TurnEnded]:
    return [found for found in (detector.feed(frame) for _ in range(ms // 20)) if found is not None]


def test_a_turn_with_pauses_of_700_ms_is_one_turn_and_its_speech_is_counted() -> None:
    detector = TurnDetector(end_of_turn_ms=900)
    assert feed(detector, SILENCE_FRAME, 2000) == []
    found = feed(detector, LOUD, 1000) + feed(detector, SILENCE_FRAME, 700) + feed(detector, LOUD, 500)
    assert found == [TurnStarted()]
    assert feed(detector, SILENCE_FRAME, 880) == []
    (ended,) = feed(detector, SILENCE_FRAME, 20)
    assert isinstance(ended, TurnEnded)
    assert ended.speech_ms == 1500
    # 260 ms before the detection (of which 60 ms are speech), then everything up to the end of the pause
    assert len(ended.pcm) // 16 == 200 + 1000 + 700 + 500 + 900
    assert not detector.speaking


def test_a_click_is_no_turn() -> None:
    detector = TurnDetector(900)
    assert feed(detector, LOUD, 40) + feed(detector, SILENCE_FRAME, 2000) == []


def test_a_very_long_turn_keeps_its_last_30_seconds() -> None:
    detector = TurnDetector(900)
    feed(detector, LOUD, 40_000)
    (ended,) = feed(detector, SILENCE_FRAME, 900)
    assert isinstance(ended, TurnEnded)
    assert (ended.speech_ms, len(ended.pcm)) == (40_000, 30_000 * 16)
