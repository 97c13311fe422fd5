"""The framing between the recogniser and its workers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.offline.speech import frames
from opendeep.offline.speech.frames import FrameError, Message

HEADS = st.dictionaries(st.text(max_size=8), st.integers(-1000, 1000) | st.text(max_size=20), max_size=5)


@given(HEADS, st.binary(max_size=300), st.binary(max_size=20))
def test_what_goes_in_comes_out_and_no_byte_more(head: dict[str, object], body: bytes, trailing: bytes) -> None:
    wire = frames.encode(Message(head, body)) + trailing
    head_size, body_size = frames.lengths(wire[: frames.LENGTHS.size])
    middle = frames.LENGTHS.size + head_size
    assert frames.decode(wire[frames.LENGTHS.size : middle], wire[middle : middle + body_size]) == Message(head, body)
    assert wire[middle + body_size :] == trailing


@given(st.binary(min_size=8, max_size=8))
def test_any_prefix_is_lengths_or_an_error(prefix: bytes) -> None:
    try:
        head, body = frames.lengths(prefix)
    except FrameError:
        return
    assert head <= frames.LONGEST_HEAD_BYTES
    assert body <= frames.LONGEST_BODY_BYTES


@pytest.mark.parametrize("head", [b"", b"not json", b"[1]", b'"text"', b"\xff\xfe"])
def test_a_head_that_is_no_object_is_refused(head: bytes) -> None:
    with pytest.raises(FrameError):
        frames.decode(head, b"")


def test_too_much_sound_is_refused_before_it_is_sent() -> None:
    with pytest.raises(FrameError, match="too long"):
        frames.encode(Message({}, bytes(frames.LONGEST_BODY_BYTES + 1)))
