"""The stream is read alike however it is cut, and rubbish is refused without harm."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.call_processor_service.ami_packets import (
    MAX_PACKET_BYTES,
    AmiEvent,
    AmiPacket,
    AmiReader,
    AmiResponse,
    parse_packet,
)
from opendeep.common.errors import TelephonyFault

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
CAPTURES = sorted((Path(__file__).parents[2] / "captures" / "ami").glob("*.txt"))


def stream(path: Path) -> bytes:
    body = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return BANNER + body.rstrip(b"\r\n") + b"\r\n\r\n"


def read_in_pieces(data: bytes, size: int) -> list[AmiPacket]:
    reader = AmiReader()
    packets: list[AmiPacket] = []
    for start in range(0, len(data), size):
        packets += reader.receive_data(data[start : start + size])
    return packets


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_captures_whole_in_pieces_and_with_trailing_data(path: Path) -> None:
    data = stream(path)
    whole = AmiReader().receive_data(data)
    assert len(whole) == data.count(b"Event: ")
    for size in (1, 7, 1024):
        assert read_in_pieces(data, size) == whole
    assert AmiReader().receive_data(data + b"Event: Half\r\nUniq") == whole


def test_event_and_response() -> None:
    reader = AmiReader()
    packets = reader.receive_data(
        BANNER + b"Response: Success\r\nActionID: 7\r\nMessage: Pong: yes\r\n\r\nEvent: X\r\nA: 1\r\nA: 2\r\nB:\r\n\r\n"
    )
    assert packets == [
        AmiResponse("Success", {"ActionID": "7", "Message": "Pong: yes"}),
        AmiEvent("X", {"A": "1", "B": ""}),  # of repeated headers the first counts
    ]
    assert isinstance(packets[0], AmiResponse)
    assert (packets[0].ok, packets[0].action_id, packets[0].message) == (True, "7", "Pong: yes")
    assert reader.banner == "Asterisk Call Manager/11.0.0"


def test_only_crlf_ends_a_line() -> None:
    forged = "Event: Newstate\r\nCallerIDName: a\u2028Uniqueid: b\x85Cause: 17\nX: y\r\nUniqueid: real".encode()
    packet = parse_packet(forged)
    assert isinstance(packet, AmiEvent)
    assert set(packet.headers) == {"CallerIDName", "Uniqueid"}
    assert packet.get("Uniqueid") == "real"


def test_unknown_packets_are_counted() -> None:
    reader = AmiReader()
    assert reader.receive_data(BANNER + b"What: ever\r\n\r\n") == []
    assert reader.unknown_packets == 1


@pytest.mark.parametrize("data", [b"SSH-2.0\r\n", b"HTTP/1.1 200 OK\r\n", b"X", b"\xff\xfe\x00", b"Asterisk\r\n"])
def test_another_protocol_is_noticed(data: bytes) -> None:
    with pytest.raises(TelephonyFault, match="not an Asterisk"):
        AmiReader().receive_data(data)


def test_a_packet_without_end_is_refused() -> None:
    reader = AmiReader()
    reader.receive_data(BANNER)
    with pytest.raises(TelephonyFault, match="without end"):
        reader.receive_data(b"x" * (MAX_PACKET_BYTES + 1))


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_after_the_banner_are_harmless(data: bytes, size: int) -> None:
    whole = AmiReader().receive_data(BANNER + data)
    assert read_in_pieces(BANNER + data, size) == whole


@given(st.binary(max_size=100))
def test_any_bytes_instead_of_a_banner(data: bytes) -> None:
    reader = AmiReader()
    try:
        reader.receive_data(data)
    except TelephonyFault:
        assert reader.banner is None
