"""The microphone's jitter buffer: it starts late enough, never grows, and says what it gave up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.simulation.microphone_buffer import (
    FRAME_BYTES,
    FRAME_MS,
    MAX_FRAMES,
    SPARE_FRAMES,
    START_FRAMES,
    WINDOW_FRAMES,
    MicrophoneBuffer,
)


def frame(number: int) -> bytes:
    return bytes([number % 256]) * FRAME_BYTES


def test_it_begins_when_enough_is_there_and_plays_in_order() -> None:
    buffer = MicrophoneBuffer()
    buffer.push(frame(1) + frame(2))
    assert buffer.pull() is None
    buffer.push(frame(3)[:100])
    buffer.push(frame(3)[100:])
    assert [buffer.pull() for _ in range(3)] == [frame(1), frame(2), frame(3)]
    assert buffer.pull() is None
    assert (buffer.gaps, buffer.dropped_ms) == (1, 0)


def test_a_rest_is_padded_and_counts_as_a_gap() -> None:
    buffer = MicrophoneBuffer()
    buffer.push(bytes(FRAME_BYTES * START_FRAMES + 10))
    played = [buffer.pull() for _ in range(START_FRAMES + 1)]
    assert played[-1] == bytes(10) + b"\xff" * (FRAME_BYTES - 10)
    assert buffer.gaps == 1


def test_when_it_is_full_the_oldest_goes() -> None:
    buffer = MicrophoneBuffer()
    for number in range(MAX_FRAMES + 1):
        buffer.push(frame(number))
    assert buffer.waiting_ms == START_FRAMES * FRAME_MS
    assert buffer.dropped_ms == (MAX_FRAMES + 1 - START_FRAMES) * FRAME_MS
    assert buffer.pull() == frame(MAX_FRAMES + 1 - START_FRAMES)


def test_a_delay_that_is_never_needed_is_given_up() -> None:
    buffer = MicrophoneBuffer()
    for number in range(10):  # the network stumbled once
        buffer.push(frame(number))
    for number in range(2 * WINDOW_FRAMES):
        buffer.push(frame(number))
        assert buffer.pull() is not None
    assert buffer.waiting_ms <= (SPARE_FRAMES + 1) * FRAME_MS
    assert buffer.gaps == 0


@pytest.mark.parametrize("fast_by", [100, 20])
def test_a_fast_clock_does_not_build_up_a_delay(fast_by: int) -> None:
    """One frame too many in every `fast_by`: 1 and 5 per cent."""
    buffer = MicrophoneBuffer()
    waits = []
    for number in range(6_000):  # two minutes
        buffer.push(frame(number))
        if number % fast_by == 0:
            buffer.push(frame(number))
        buffer.pull()
        waits.append(buffer.waiting_ms)
    assert max(waits) <= MAX_FRAMES * FRAME_MS
    assert sum(waits) / len(waits) < 200
    assert buffer.dropped_ms >= 6_000 // fast_by * FRAME_MS - MAX_FRAMES * FRAME_MS


@given(st.lists(st.one_of(st.integers(0, 1_600), st.none()), max_size=300))
def test_no_traffic_makes_it_grow_or_give_anything_but_whole_frames(traffic: list[int | None]) -> None:
    """A number is so many bytes that arrive, None a tick of the call."""
    buffer = MicrophoneBuffer()
    for step in traffic:
        if step is None:
            played = buffer.pull()
            assert played is None or len(played) == FRAME_BYTES
        else:
            buffer.push(bytes(step))
        assert 0 <= buffer.waiting_ms <= MAX_FRAMES * FRAME_MS
    assert buffer.most_ms <= MAX_FRAMES * FRAME_MS
