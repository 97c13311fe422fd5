"""The AudioSocket codec: golden bytes and captures whole, byte by byte and with trailing data; limits; any bytes."""

from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.audio_processing_service.audiosocket_codec import (
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
from tests.fuzz.audiosocket import CAPTURES, check

SOUND = [kind for kind in Kind if 0x10 <= kind <= 0x18]
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


# What Asterisk 22.10.1 has sent: `slin8` by the application AudioSocket, with two keys of the callee; the others by
# `Dial(AudioSocket/host:port/id/c(slinNN))`. The callee plays a tone.
SAID_BY_ASTERISK = {
    "slin8": (8_000, "5#", 3),
    "slin12": (12_000, "", 2),
    "slin16": (16_000, "", 2),
    "slin24": (24_000, "5#", 3),
    "slin32": (32_000, "", 2),
    "slin44": (44_100, "", 2),
    "slin48": (48_000, "", 2),
    "slin96": (96_000, "", 2),
    "slin192": (192_000, "", 2),
}


def test_every_kind_of_sound_has_its_capture() -> None:
    assert {capture.stem for capture in CAPTURES} == set(SAID_BY_ASTERISK) == {kind.name.lower() for kind in SOUND}


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda capture: str(capture.stem))
@pytest.mark.parametrize("piece", [1, 2, 7, 1_448, 100_000])
def test_what_asterisk_sends_in_pieces_of_any_size_and_with_trailing_data(capture: Path, piece: int) -> None:
    wire = capture.read_bytes()
    rate_hz, keys, frames = SAID_BY_ASTERISK[capture.stem]
    messages = decode(*(wire[at : at + piece] for at in range(0, len(wire), piece)))
    assert isinstance(messages[0], CallNamed)
    heard = [message for message in messages if isinstance(message, AudioHeard)]
    assert [(sound.rate_hz, len(sound.pcm)) for sound in heard] == [(rate_hz, rate_hz // 50 * 2)] * frames
    assert "".join(message.digit for message in messages if isinstance(message, DigitPressed)) == keys
    assert len(messages) == 1 + frames + len(keys)
    begun = wire[19:22]  # the header of one more frame of sound
    assert decode(wire + begun) == messages
    assert decode(wire + begun, heard[0].pcm + b"\x03") == [*messages, heard[0]]


@pytest.mark.parametrize("kind", SOUND, ids=lambda kind: kind.name)
def test_silence_of_every_rate_is_20_ms(kind: Kind) -> None:
    rate_hz, _, _ = SAID_BY_ASTERISK[kind.name.lower()]
    assert decode(NAMED + silence_frame(kind)) == [CallNamed(CALL), AudioHeard(rate_hz, bytes(rate_hz // 50 * 2))]


FRAMES = st.tuples(st.integers(0, 255) | st.sampled_from(Kind), st.binary(max_size=400))
STREAMS = st.one_of(
    st.binary(max_size=2_000),
    st.sampled_from([GOLDEN, *(capture.read_bytes() for capture in CAPTURES)]),
    st.lists(FRAMES, max_size=10).map(
        lambda frames: NAMED + b"".join(bytes((kind, *len(sound).to_bytes(2, "big"))) + sound for kind, sound in frames)
    ),
)


@given(STREAMS, st.lists(st.integers(0, 65_535), max_size=20))
def test_any_bytes_cut_anywhere_mean_what_a_plain_reading_says(stream: bytes, cuts: list[int]) -> None:
    check(stream, cuts)


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
