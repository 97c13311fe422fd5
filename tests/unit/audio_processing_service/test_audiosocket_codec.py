"""The AudioSocket codec: golden bytes whole, byte by byte and with trailing data; limits; Hypothesis."""

from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.audio_processing_service.audiosocket_codec import (
    HEADER_BYTES,
    AudioHeard,
    AudioSocketDecoder,
    AudioSocketError,
    CallNamed,
    DigitPressed,
    FrameIgnored,
    Kind,
    Message,
    PeerFailed,
    PeerHungUp,
    audio_frame,
    hangup_frame,
    silence_frame,
)

CALL = UUID("0192f0c1-0000-7000-8000-000000000001")
NAMED = bytes.fromhex("010010") + CALL.bytes
# As Asterisk 22 sends it: name, two frames of 20 ms at 8 kHz, key 5, one frame at 24 kHz, error, hang-up.
GOLDEN = (
    NAMED
    + bytes.fromhex("100140")
    + b"\x01\x02" * 160
    + bytes.fromhex("100140")
    + bytes(320)
    + bytes.fromhex("03000135")
    + bytes.fromhex("1303c0")
    + b"\x05\x06" * 480
    + bytes.fromhex("ff000102")
    + bytes.fromhex("000000")
)
MEANING: list[Message] = [
    CallNamed(CALL),
    AudioHeard(8_000, b"\x01\x02" * 160),
    AudioHeard(8_000, bytes(320)),
    DigitPressed("5"),
    AudioHeard(24_000, b"\x05\x06" * 480),
    PeerFailed("02"),
    PeerHungUp(),
]


def decode(*pieces: bytes) -> list[Message]:
    decoder = AudioSocketDecoder()
    return [message for piece in pieces for message in decoder.receive_data(piece)]


@given(st.lists(st.integers(0, len(GOLDEN)), max_size=12))
def test_the_short_way_of_whole_frames_says_the_same(cuts: list[int]) -> None:
    """However the capture is cut, what `rate_of_frame` takes is what `receive_data` would have said."""
    short, plain = AudioSocketDecoder(), AudioSocketDecoder()
    for begin, end in pairwise([0, *sorted(cuts), len(GOLDEN)]):
        piece = GOLDEN[begin:end]
        rate_hz = short.rate_of_frame(piece)
        messages = plain.receive_data(piece)
        if rate_hz is None:
            assert short.receive_data(piece) == messages
        else:
            assert messages == [AudioHeard(rate_hz, piece[HEADER_BYTES:])]


def test_only_one_whole_frame_of_audio_goes_the_short_way() -> None:
    decoder = AudioSocketDecoder()
    frame = audio_frame(bytes(320))
    assert decoder.rate_of_frame(frame) is None  # the first frame must name the call
    decoder.receive_data(NAMED)
    assert decoder.rate_of_frame(frame) == 8_000
    assert decoder.rate_of_frame(audio_frame(bytes(960), Kind.SLIN24)) == 24_000
    for other in (b"", frame[:2], frame[:-1], frame + frame, audio_frame(b""), audio_frame(b"abc"), hangup_frame()):
        assert decoder.rate_of_frame(other) is None
    decoder.receive_data(frame[:100])
    assert decoder.rate_of_frame(frame) is None  # the middle of a frame may look like one


def test_the_capture_as_a_whole() -> None:
    assert decode(GOLDEN) == MEANING


def test_the_capture_byte_by_byte() -> None:
    assert decode(*(GOLDEN[at : at + 1] for at in range(len(GOLDEN)))) == MEANING


def test_trailing_data_waits_for_its_rest() -> None:
    assert decode(GOLDEN + b"\x10\x01") == MEANING
    assert decode(GOLDEN + b"\x10\x01", b"\x40" + bytes(319), b"\x07") == [
        *MEANING,
        AudioHeard(8_000, bytes(319) + b"\x07"),
    ]


@given(st.lists(st.integers(0, len(GOLDEN)), max_size=20))
def test_any_cut_gives_the_same_messages(cuts: list[int]) -> None:
    points = [0, *sorted(cuts), len(GOLDEN)]
    assert decode(*(GOLDEN[a:b] for a, b in pairwise(points))) == MEANING


@given(st.lists(st.binary(max_size=600), max_size=8))
def test_random_bytes_are_messages_or_one_error(pieces: list[bytes]) -> None:
    decoder = AudioSocketDecoder()
    try:
        messages = [message for piece in pieces for message in decoder.receive_data(piece)]
    except AudioSocketError:
        return
    assert not messages or isinstance(messages[0], CallNamed)


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=400)), max_size=10))
def test_after_its_name_every_well_formed_frame_means_something(frames: list[tuple[int, bytes]]) -> None:
    wire = b"".join(bytes((kind, *len(payload).to_bytes(2, "big"))) + payload for kind, payload in frames)
    assert len(decode(NAMED + wire)) == len(frames) + 1


@pytest.mark.parametrize("first", [b"G", b"\x10", b"\x00\x00\x00", b"\x01\x00\x11", b"\x01\x00\x0f", b"\xff\x00\x00"])
def test_the_first_frame_must_name_the_call(first: bytes) -> None:
    with pytest.raises(AudioSocketError):
        decode(first)


def test_an_oversized_frame_is_refused_before_its_payload_comes() -> None:
    with pytest.raises(AudioSocketError):
        decode(NAMED, b"\x10\x40\x01")
    assert decode(NAMED, b"\x10\x40\x00") == [CallNamed(CALL)]


@pytest.mark.parametrize(
    ("frame", "ignored"),
    [
        (b"\x10\x00\x03abc", FrameIgnored(0x10, 3)),
        (b"\x10\x00\x00", FrameIgnored(0x10, 0)),
        (b"\x03\x00\x01!", FrameIgnored(0x03, 1)),
        (b"\x03\x00\x0212", FrameIgnored(0x03, 2)),
        (NAMED, FrameIgnored(0x01, 16)),
        (b"\x42\x00\x01x", FrameIgnored(0x42, 1)),
    ],
)
def test_odd_frames_are_ignored_one_by_one(frame: bytes, ignored: FrameIgnored) -> None:
    assert decode(NAMED + frame + b"\x03\x00\x01#") == [CallNamed(CALL), ignored, DigitPressed("#")]


def test_what_we_send() -> None:
    assert audio_frame(b"\x01\x02" * 160) == bytes.fromhex("100140") + b"\x01\x02" * 160
    assert hangup_frame() == b"\0\0\0"
    assert silence_frame() == bytes.fromhex("100140") + bytes(320)
    assert silence_frame(Kind.SLIN24) == bytes.fromhex("1303c0") + bytes(960)
    with pytest.raises(ValueError, match="one frame"):
        audio_frame(bytes(65_536))
