"""Start, stop and their times. The detector here is a list of probabilities: the library is the wire."""

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.offline.speech import SpeechStarted, SpeechStopped, VoiceActivity
from opendeep.offline.speech.vad import WINDOW_SAMPLES
from tests.support import sound

WINDOW_MS = 32
WINDOW_BYTES = WINDOW_SAMPLES
"""512 samples at 16 kHz are 256 at 8 kHz, two bytes each."""
NOISE = sound.sine(200, 20_000, level_dbfs=-30)


def listen(probabilities: list[float], *, piece: int = 320, **kw: float) -> list[SpeechStarted | SpeechStopped]:
    given_out: Iterator[float] = itertools.chain(probabilities)
    activity = VoiceActivity(detector=lambda _: next(given_out), **kw)  # type: ignore[arg-type]
    heard = NOISE[: len(probabilities) * WINDOW_BYTES]
    return [event for at in range(0, len(heard), piece) for event in activity.feed(heard[at : at + piece])]


def test_speech_starts_with_its_padding_and_stops_after_its_silence() -> None:
    events = listen([0.0] * 20 + [0.9] * 20 + [0.0] * 20)
    assert events == [SpeechStarted(20 * WINDOW_MS - 300), SpeechStopped(56 * WINDOW_MS)]


def test_the_padding_never_begins_before_the_stream() -> None:
    assert listen([0.9] * 10)[0] == SpeechStarted(0)


def test_one_window_is_a_click_and_not_speech() -> None:
    assert listen([0.0] * 5 + [0.99] + [0.0] * 5 + [0.99] + [0.0] * 20) == []


def test_a_pause_shorter_than_the_silence_does_not_end_a_turn() -> None:
    assert [type(event) for event in listen([0.9] * 10 + [0.0] * 14 + [0.9] * 10)] == [SpeechStarted]


def test_weak_syllables_keep_a_turn_but_do_not_begin_one() -> None:
    assert listen([0.4] * 40) == []
    assert [type(event) for event in listen([0.9] * 3 + [0.4] * 40)] == [SpeechStarted]


def test_the_silence_is_configurable() -> None:
    events = listen([0.9] * 10 + [0.0] * 20, silence_duration_ms=200, prefix_padding_ms=0)
    assert events == [SpeechStarted(0), SpeechStopped(17 * WINDOW_MS)]


@given(
    st.lists(st.sampled_from([0.0, 0.2, 0.4, 0.6, 0.95]), max_size=60),
    st.lists(st.integers(1, 900), min_size=1, max_size=9),
)
def test_events_alternate_and_do_not_depend_on_how_the_sound_is_cut(
    probabilities: list[float], pieces: list[int]
) -> None:
    whole = listen(probabilities, piece=1_000_000)
    given_out = itertools.chain(probabilities)
    activity = VoiceActivity(detector=lambda _: next(given_out))
    heard = NOISE[: len(probabilities) * WINDOW_BYTES]
    cut: list[SpeechStarted | SpeechStopped] = []
    at = 0
    for size in itertools.cycle(pieces):
        if at >= len(heard):
            break
        cut += activity.feed(heard[at : at + size])
        at += size
    assert cut == whole
    assert [type(event) for event in whole] == [SpeechStarted, SpeechStopped] * (len(whole) // 2) + [SpeechStarted] * (
        len(whole) % 2
    )


def test_digital_silence_costs_no_detection() -> None:
    asked: list[int] = []

    def detector(window: object) -> float:
        asked.append(1)
        return 0.0

    activity = VoiceActivity(detector=detector)
    activity.feed(sound.silence(1000))
    assert asked == []
    activity.feed(sound.sine(300, 320))
    assert len(asked) >= 9


@pytest.mark.parametrize("rate", [0, -8000, 11_025])
def test_rates_that_do_not_fit_are_refused(rate: int) -> None:
    with pytest.raises(ValueError, match="windows of 32 ms"):
        VoiceActivity(sample_rate=rate, detector=lambda _: 0.0)
