"""Messages between the recogniser and its worker processes: sans-I/O framing, bytes in, messages out.

A frame is two big-endian uint32, the lengths of the JSON head and of the raw body, then the head and the body.
"""

import struct
from dataclasses import dataclass
from typing import Any

import orjson

LENGTHS = struct.Struct(">II")
LONGEST_HEAD_BYTES = 256 * 1024
LONGEST_BODY_BYTES = 8 * 1024 * 1024


class FrameError(ValueError):
    """The bytes are not a frame; the stream cannot be trusted any more."""


@dataclass(frozen=True, slots=True)
class Message:
    """A JSON object and raw bytes (s16le sound, or empty)."""

    head: dict[str, Any]
    body: bytes = b""


def encode(message: Message) -> bytes:
    """Raises `FrameError` when the message is larger than the reader accepts."""
    head = orjson.dumps(message.head)
    _check(len(head), len(message.body))
    return LENGTHS.pack(len(head), len(message.body)) + head + message.body


def lengths(prefix: bytes) -> tuple[int, int]:
    """The lengths of head and body from the first `LENGTHS.size` bytes. Raises `FrameError`."""
    head, body = LENGTHS.unpack(prefix)
    _check(head, body)
    return head, body


def decode(head: bytes, body: bytes) -> Message:
    """Raises `FrameError` when the head is not a JSON object."""
    try:
        found = orjson.loads(head)
    except orjson.JSONDecodeError as error:
        raise FrameError("the head of a frame is not JSON") from error
    if not isinstance(found, dict):
        raise FrameError("the head of a frame is not an object")
    return Message(found, body)


def _check(head: int, body: int) -> None:
    if head > LONGEST_HEAD_BYTES or body > LONGEST_BODY_BYTES:
        raise FrameError(f"a frame of {head} and {body} bytes is too long")
