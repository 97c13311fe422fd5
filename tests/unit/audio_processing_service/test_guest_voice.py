"""The microphone on its way to the line: order kept, delay bounded, gaps filled."""

from hypothesis import given
from hypothesis import strategies as st

from opendeep.audio_processing_service.guest_voice import (
    FRAME_BYTES,
    MAX_BYTES,
    START_BYTES,
    TARGET_BYTES,
    GuestVoice,
)

FRAME = b"\x01" * FRAME_BYTES


def test_it_waits_for_a_little_before_it_plays() -> None:
    voice = GuestVoice()
    voice.receive(b"\x01" * (START_BYTES - 1))
    assert voice.next_frame() is None
    voice.receive(b"\x01")
    assert voice.next_frame() == FRAME


def test_what_runs_out_is_padded_and_the_next_begins_with_a_little_in_hand() -> None:
    voice = GuestVoice()
    voice.receive(b"\x01" * (START_BYTES + 10))
    frames = [voice.next_frame() for _ in range(5)]
    assert frames == [FRAME, FRAME, FRAME, b"\x01" * 10 + b"\xff" * (FRAME_BYTES - 10), None]
    assert voice.gaps == 1
    voice.receive(FRAME)
    assert voice.next_frame() is None
    voice.receive(FRAME * 2)
    assert voice.next_frame() == FRAME


def test_a_microphone_that_runs_fast_builds_up_no_delay() -> None:
    voice = GuestVoice()
    voice.receive(b"\x02" * MAX_BYTES)
    assert voice.dropped_bytes == 0
    voice.receive(FRAME)
    assert voice.waiting_ms == TARGET_BYTES // 8
    assert voice.dropped_bytes == MAX_BYTES + FRAME_BYTES - TARGET_BYTES
    assert voice.next_frame() == b"\x02" * FRAME_BYTES  # the oldest went


def test_every_20_ms_are_reported_silence_included() -> None:
    played: list[bytes] = []
    voice = GuestVoice(played.append)
    voice.next_frame()
    voice.receive(b"\x01" * START_BYTES)
    voice.next_frame()
    assert played == [b"\xff" * FRAME_BYTES, FRAME]


@given(st.lists(st.binary(max_size=400) | st.none(), max_size=60))
def test_nothing_is_reordered_or_invented(steps: list[bytes | None]) -> None:
    """Bytes are received, or (None) a frame is taken. What comes out is what went in, less what was dropped."""
    voice = GuestVoice()
    received = played = b""
    for step in steps:
        if step is not None:
            step = step.replace(b"\xff", b"\xfe")
            voice.receive(step)
            received += step
        elif (frame := voice.next_frame()) is not None:
            assert len(frame) == FRAME_BYTES
            played += frame.replace(b"\xff", b"")
    assert voice.waiting_ms * 8 <= MAX_BYTES
    if not voice.dropped_bytes:
        assert received.startswith(played)
