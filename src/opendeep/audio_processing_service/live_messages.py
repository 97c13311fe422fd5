"""What travels on the bell between a live call and those who listen to it, steer it or speak in it. Pure.

Owns names, bounds and validation: whatever comes from the bell is data. Commands and their answers use the call's own
channel, sound and levels `call_sound`, the microphone `call_microphone`. The bell carries JSON, so audio is base64:
100 ms of both sides are 2.2 kB instead of 1.6, 6 µs to write and 30 µs to read. Through Redis, both ends together, such
a message cost 456 µs and an empty one 462 (measured): a binary way of the bell would save nothing that can be seen.
"""

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

Message = dict[str, Any]

BATCH_MS: Final = 100  # of sound in one message
BATCH_BYTES: Final = BATCH_MS * 8  # µ-law
LEASE_S: Final = 6.0  # a listener that does not renew for so long has gone
RENEW_S: Final = 2.0
MICROPHONE_LEASE_S: Final = 3.0  # a microphone that is silent for so long has gone: the AI speaks again
MAX_MICROPHONE_BYTES: Final = 1_600  # 200 ms of µ-law in one message
MAX_WHISPER_CHARS: Final = 1_000
MAX_ID_CHARS: Final = 64

OBEYED: Final = "obeyed"
REFUSED: Final = "refused"


class Side(StrEnum):
    """What a listener hears. `NONE`: only levels."""

    BOTH = "both"
    CALLEE = "callee"
    OURS = "ours"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Sound:
    """One batch. µ-law of each side, None: silence. Levels in dBFS, None: silence. `guest`: who has taken over."""

    at_ms: int
    callee: bytes | None
    ours: bytes | None
    callee_db: float | None
    ours_db: float | None
    guest: str | None


def write_sound(sound: Sound) -> Message:
    return {
        "type": "sound",
        "at_ms": sound.at_ms,
        "callee": _to_text(sound.callee),
        "ours": _to_text(sound.ours),
        "levels": [sound.callee_db, sound.ours_db],
        "guest": sound.guest,
    }


def read_sound(data: Mapping[str, Any]) -> Sound | None:
    """None for what is no such message."""
    at_ms, levels, guest = data.get("at_ms"), data.get("levels"), data.get("guest")
    if data.get("type") != "sound" or not isinstance(at_ms, int) or not isinstance(levels, list) or len(levels) != 2:
        return None
    callee_db, ours_db = levels
    if not all(level is None or isinstance(level, float) for level in levels):
        return None
    callee = _to_bytes(data.get("callee"), BATCH_BYTES)
    ours = _to_bytes(data.get("ours"), BATCH_BYTES)
    return Sound(at_ms, callee, ours, callee_db, ours_db, guest if isinstance(guest, str) else None)


def write_microphone(guest: str, audio: bytes) -> Message:
    """`audio` is µ-law, at most `MAX_MICROPHONE_BYTES`."""
    return {"type": "microphone", "guest": guest, "audio": _to_text(audio)}


def read_microphone(data: Mapping[str, Any], guest: str) -> bytes | None:
    """The audio of this guest; None for anything else."""
    if data.get("type") != "microphone" or data.get("guest") != guest:
        return None
    return _to_bytes(data.get("audio"), MAX_MICROPHONE_BYTES)


def word(data: Mapping[str, Any], key: str, max_chars: int = MAX_ID_CHARS) -> str:
    """A text field of a message; empty when it is missing, no text, or too long."""
    value = data.get(key)
    return value if isinstance(value, str) and len(value) <= max_chars else ""


def _to_text(audio: bytes | None) -> str | None:
    return None if audio is None else b2a_base64(audio, newline=False).decode("ascii")


def _to_bytes(text: object, max_bytes: int) -> bytes | None:
    if not isinstance(text, str) or not text or len(text) > max_bytes // 3 * 4 + 8:
        return None
    try:
        audio = a2b_base64(text, strict_mode=True)
    except (Base64Error, ValueError):
        return None
    return audio if len(audio) <= max_bytes else None
