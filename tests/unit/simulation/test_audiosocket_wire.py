"""AudioSocket framing from the switch's end: whole, byte by byte, with trailing data, and anything at all."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.simulation.audiosocket_wire import PeerAudio, PeerEnd, PeerReader, audio_frame, dtmf_frame, uuid_frame

AUDIO = b"\x10\x01\x40" + bytes(range(160)) * 2
SHORT = b"\x10\x00\x02ab"
HANGUP = b"\x00\x00\x00"


def test_frames_are_what_the_protocol_page_says() -> None:
    call_id = uuid.UUID("0191e0a5-0000-7000-8000-000000000001")
    assert uuid_frame(call_id) == b"\x01\x00\x10" + call_id.bytes
    assert audio_frame(b"\x01\x02" * 160) == b"\x10\x01\x40" + b"\x01\x02" * 160
    assert dtmf_frame("#") == b"\x03\x00\x01#"
    with pytest.raises(ValueError, match="320"):
        audio_frame(b"short")


def test_byte_by_byte_gives_the_same_as_whole_with_trailing_data() -> None:
    stream = AUDIO + SHORT + HANGUP + AUDIO
    whole = PeerReader().receive_data(stream)
    reader = PeerReader()
    single = [message for byte in stream for message in reader.receive_data(bytes([byte]))]
    assert whole == single == [PeerAudio(AUDIO[3:]), PeerAudio(b"ab"), PeerEnd("hangup_frame")]


@pytest.mark.parametrize(("kind", "rate"), [(0x10, 8000), (0x12, 16_000), (0x13, 24_000), (0x18, 192_000)])
def test_slin_of_any_rate_is_audio(kind: int, rate: int) -> None:
    assert PeerReader().receive_data(bytes([kind, 0, 2]) + b"ab") == [PeerAudio(b"ab", rate)]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x03\x00\x015", "unexpected_kind_0x03"),
        (b"\xff\x00\x01\x01", "unexpected_kind_0xff"),
        (b"\x19\x00\x02ab", "unexpected_kind_0x19"),
        (b"\x10\x00\x00", "empty_audio_frame"),
        (b"\x00\xff\xff", "hangup_frame"),
    ],
)
def test_everything_else_ends_the_call_once(data: bytes, reason: str) -> None:
    reader = PeerReader()
    assert reader.receive_data(data) == [PeerEnd(reason)]
    assert reader.receive_data(AUDIO * 3) == []


@given(data=st.binary(max_size=3000), cut=st.integers(min_value=1, max_value=50))
def test_any_bytes_in_any_pieces_give_the_same_messages(data: bytes, cut: int) -> None:
    whole = PeerReader().receive_data(data)
    reader = PeerReader()
    pieces = [m for at in range(0, len(data), cut) for m in reader.receive_data(data[at : at + cut])]
    assert pieces == whole
    assert sum(isinstance(message, PeerEnd) for message in whole) <= 1
