"""AMI text: whole, byte by byte, with trailing data, and anything at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.simulation.ami_wire import MAX_HEADERS, MAX_LINE_BYTES, AmiReader, encode_packet, split_arguments

LOGIN = b"Action: Login\r\nActionID: 7\r\nUsername: u\r\nSecret: a: b\r\n\r\n"
ORIGINATE = b"action: Originate\r\nVariable: A=1\r\nVariable: B=2\r\n\r\n"


def test_a_request_keeps_its_headers_in_order_and_compares_names_without_case() -> None:
    (request,) = AmiReader().receive_data(LOGIN)
    assert (request.action, request.action_id, request.get("SECRET")) == ("Login", "7", "a: b")
    assert request.get("Nothing", "else") == "else"


def test_byte_by_byte_gives_the_same_as_whole_with_trailing_data() -> None:
    stream = LOGIN + ORIGINATE + b"Action: Pi"
    whole = AmiReader().receive_data(stream)
    reader = AmiReader()
    single = [request for byte in stream for request in reader.receive_data(bytes([byte]))]
    assert whole == single
    assert [request.action for request in whole] == ["Login", "Originate"]
    assert whole[1].get_all("variable") == ("A=1", "B=2")
    assert [request.action for request in reader.receive_data(b"ng\r\n\r\n")] == ["Ping"]


def test_crlf_in_a_value_is_a_second_action_as_in_the_real_one() -> None:
    value = "1\r\n\r\nAction: Hangup\r\nChannel: u"
    requests = AmiReader().receive_data(f"Action: Setvar\r\nValue: {value}\r\n\r\n".encode())
    assert [request.action for request in requests] == ["Setvar", "Hangup"]


def test_a_line_over_the_limit_is_dropped_and_the_rest_goes_on() -> None:
    reader = AmiReader()
    long = b"X: " + b"y" * (5 * MAX_LINE_BYTES)
    (request,) = [
        r for part in (b"Action: Ping\r\n", long, long, b"\r\nActionID: 1\r\n\r\n") for r in reader.receive_data(part)
    ]
    assert (request.action, request.action_id, request.get("X")) == ("Ping", "1", "")
    assert reader.dropped_lines == 1


def test_headers_over_the_limit_are_ignored() -> None:
    (request,) = AmiReader().receive_data(b"A: 1\r\n" * (MAX_HEADERS + 50) + b"\r\n")
    assert len(request.headers) == MAX_HEADERS


@given(chunks=st.lists(st.binary(max_size=200), max_size=20))
def test_no_bytes_break_the_reader_and_it_stays_bounded(chunks: list[bytes]) -> None:
    reader = AmiReader()
    for chunk in chunks:
        for request in reader.receive_data(chunk):
            assert 0 < len(request.headers) <= MAX_HEADERS
        assert len(reader._buffer) <= MAX_LINE_BYTES
    reader.receive_data(b"\r\n\r\n")
    assert [request.action for request in reader.receive_data(LOGIN)] == ["Login"]


@given(
    headers=st.lists(
        st.tuples(
            st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20),
            st.text(st.characters(exclude_categories=["C", "Z"]), max_size=50),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_what_is_encoded_is_read_back(headers: list[tuple[str, str]]) -> None:
    (request,) = AmiReader().receive_data(encode_packet(headers))
    assert request.headers == tuple(headers)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", [""]),
        ("a,b", ["a", "b"]),
        ('a="x,y",b', ["a=x,y", "b"]),
        ("f(a,b),c", ["f(a,b)", "c"]),
        (r"a\,b,c", ["a,b", "c"]),
        ("),a", [")", "a"]),
    ],
)
def test_arguments_are_split_as_in_the_dialplan(text: str, parts: list[str]) -> None:
    assert split_arguments(text) == parts
