"""Keys that the callee presses: what is pressed within a second is one message. Pure; times are ms of the call."""

from typing import Final

PAUSE_MS: Final = 1_000
MAX_KEYS: Final = 64  # the oldest goes first


class PressedKeys:
    """One per call."""

    def __init__(self) -> None:
        self._keys = ""
        self._at_ms = 0

    def press(self, key: str, now_ms: int) -> None:
        self._keys = (self._keys + key)[-MAX_KEYS:]
        self._at_ms = now_ms

    def take(self, now_ms: int) -> str:
        """The keys, when no other has followed for `PAUSE_MS`; empty before."""
        if not self._keys or now_ms - self._at_ms < PAUSE_MS:
            return ""
        keys, self._keys = self._keys, ""
        return keys
