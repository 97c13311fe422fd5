"""The incoming line: formats, buffer bounds, beeps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opendeep.offline import g711
from opendeep.offline.realtime.audio_format import AudioFormat, parse_format
from opendeep.offline.realtime.events import ClientMistake
from opendeep.offline.realtime.line import KEPT_BEFORE_SPEECH_MS, MAX_BUFFER_MS, BeepDetector, Line
from opendeep.offline.realtime.settings import TurnSettings
from tests.unit.offline.realtime.harness import LoudnessActivity, silence, tone

TURNS = TurnSettings()


def make_line(turns: TurnSettings | None = TURNS, audio_format: AudioFormat = AudioFormat.PCMU) -> Line:
    line = Line(LoudnessActivity)
    line.configure(audio_format, turns)
    return line


def feed(line: Line, pcm: bytes) -> list[tuple[bool, int]]:
    return list(line.append(g711.linear_to_ulaw(pcm)))


def beeps(pcm: bytes, piece: int = 320) -> BeepDetector:
    detector = BeepDetector()
    for start in range(0, len(pcm), piece):
        detector.feed(pcm[start : start + piece])
    return detector


def noise(ms: int) -> bytes:
    samples = np.random.default_rng(1).normal(0, 3_000, ms * 8)
    return np.clip(samples, -32_000, 32_000).astype("<i2").tobytes()


@pytest.mark.parametrize(("hz", "ms"), [(425, 300), (1_000, 400), (1_000, 160), (1_400, 250), (1_950, 1_000)])
@pytest.mark.parametrize("piece", [1, 320, 100_000])
def test_a_beep_is_found_where_it_ends(hz: float, ms: int, piece: int) -> None:
    detector = beeps(silence(500) + tone(ms, hz) + silence(200), piece)
    assert detector.last_end_ms == pytest.approx(500 + ms, abs=40)


@pytest.mark.parametrize(
    "pcm",
    [
        silence(1_000),
        noise(1_000),
        tone(100, 1_000) + silence(200),
        tone(400, 1_000, level=100) + silence(200),
        tone(400, 3_000) + silence(200),
        tone(400, 120) + silence(200),
        np.frombuffer(tone(400, 700), "<i2").__add__(np.frombuffer(tone(400, 1_209), "<i2")).tobytes() + silence(200),
    ],
    ids=["silence", "noise", "short", "faint", "high", "low", "two tones"],
)
def test_what_is_no_beep(pcm: bytes) -> None:
    assert beeps(pcm).last_end_ms is None


def test_a_greeting_is_over_after_its_beep() -> None:
    line = make_line()
    feed(line, silence(200) + tone(1_000) + silence(600))
    assert not line.greeting_over(2_000)
    feed(line, tone(400, 1_000, level=450))
    assert not line.greeting_over(2_000)
    feed(line, silence(100))
    assert line.greeting_over(2_000)


def test_a_greeting_without_a_beep_is_over_after_quiet() -> None:
    line = make_line()
    feed(line, silence(200) + tone(1_000) + silence(1_900))
    assert not line.greeting_over(2_000)
    feed(line, silence(200))
    assert line.greeting_over(2_000)


def test_a_beep_before_the_greeting_does_not_count() -> None:
    line = make_line()
    feed(line, tone(300, 1_000, level=450) + silence(300) + tone(1_000) + silence(600))
    assert not line.greeting_over(2_000)


def test_speech_is_taken_with_its_prefix_and_nothing_before() -> None:
    line = make_line()
    edges = feed(line, silence(1_000) + tone(600) + silence(600))
    assert edges == [(True, 700), (False, 2_100)]
    line = make_line()
    for started, at_ms in line.append(g711.linear_to_ulaw(silence(1_000) + tone(600) + silence(600))):
        if not started:
            assert len(line.take(at_ms)) == (2_100 - 700) * 16


def test_two_utterances_in_one_append_are_taken_apart() -> None:
    line = make_line()
    taken = []
    utterance = silence(500) + tone(400) + silence(700)
    for started, at_ms in line.append(g711.linear_to_ulaw(utterance * 2)):
        if not started:
            taken.append(len(line.take(at_ms)) // 16)
    assert taken == [1_200, 1_200]


def test_waiting_keeps_only_what_the_prefix_needs_and_speech_is_bounded() -> None:
    line = make_line()
    for _ in range(20):
        feed(line, silence(1_000))
    assert line.buffered_ms == KEPT_BEFORE_SPEECH_MS + TURNS.prefix_padding_ms
    line = make_line(None)
    for _ in range(MAX_BUFFER_MS // 10_000 + 3):
        feed(line, tone(10_000))
    assert line.buffered_ms == MAX_BUFFER_MS


@pytest.mark.parametrize("audio_format", list(AudioFormat))
def test_every_format_arrives_as_the_same_sound(audio_format: AudioFormat) -> None:
    time = np.arange(audio_format.rate) / audio_format.rate
    pcm = (8_000 * np.sin(2 * np.pi * 500 * time)).astype("<i2").tobytes()
    wire = audio_format.from_linear(pcm)
    line = make_line(None, audio_format)
    for start in range(0, len(wire), 977):
        list(line.append(wire[start : start + 977]))
    samples = np.frombuffer(line.take(), "<i2").astype(float)
    assert len(samples) == pytest.approx(8_000, abs=240)  # the resampler holds back up to 30 ms
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    assert spectrum.argmax() * 8_000 / len(samples) == pytest.approx(500, abs=5)
    assert np.sqrt((samples[400:-400] ** 2).mean()) == pytest.approx(8_000 / np.sqrt(2), rel=0.05)


def test_a_format_survives_the_way_into_a_session_object() -> None:
    assert [parse_format(known.as_field(), "f") for known in AudioFormat] == list(AudioFormat)
    with pytest.raises(ClientMistake, match="audio/pcmu"):
        parse_format("pcm16", "f")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 3_000), max_size=30))
def test_the_edges_do_not_depend_on_the_pieces(cuts: list[int]) -> None:
    wire = g711.linear_to_ulaw(silence(300) + tone(300) + silence(700))
    line = make_line()
    edges: list[tuple[bool, int]] = []
    for cut in cuts:
        edges += line.append(wire[:cut])
        wire = wire[cut:]
    assert edges + list(line.append(wire)) == [(True, 0), (False, 1_100)]
