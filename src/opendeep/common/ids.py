"""Identifiers. Owns UUIDv7 creation; nothing else mints ids.

UUIDv7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then random bits, so that rows sort by creation and
indexes stay compact. A call's id is also Asterisk's `ChannelId` and the AudioSocket UUID.
"""

import os
import threading
import time
from uuid import UUID

_lock = threading.Lock()
_last = 0


def new_id() -> UUID:
    """Return a UUIDv7 that is greater than every one this process made before."""
    global _last
    random = int.from_bytes(os.urandom(10), "big")
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | (0x7 << 76) | ((random >> 68) << 64) | (0b10 << 62) | (random & ((1 << 62) - 1))
    with _lock:
        if value <= _last:  # same millisecond, or the wall clock went back: stay monotonic
            value = _last + 1
        _last = value
    return UUID(int=value)
