"""The seam at which a phone attaches to the switch at run time, such as the one in the browser (extension 7000).

Owns the contract; the phones in the browsers are `browser_phones`. All methods are called in the switch's event loop
and must return at once, except `reachable`, and `incoming`, which may ring as long as the caller waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class CallDecision(StrEnum):
    """What the person did with a ringing phone."""

    ACCEPT = "accept"
    REJECT = "reject"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """A call that rings: the channel's id, the number dialled, and the caller ID as it was set."""

    call_id: str
    number: str
    caller_number: str
    caller_name: str


class AttachedCallee(Protocol):
    """A phone. Frames are 20 ms of s16le mono at 8 kHz: 320 bytes, 50 a second in each direction."""

    async def reachable(self, call: IncomingCall) -> bool:
        """Tell whether there is somebody to ring; if not, the callee that the files have for the number answers."""
        ...

    async def incoming(self, call: IncomingCall) -> CallDecision:
        """Follows `reachable` at once. Ring until the person decides; cancelled when the caller gives up.

        An exception counts as a refusal.
        """
        ...

    def receive_frame(self, call_id: str, frame: bytes) -> None:
        """Take what the person hears in this tick."""
        ...

    def next_frame(self, call_id: str) -> bytes | None:
        """Return what the person says in this tick, or None for silence."""
        ...

    def next_digit(self, call_id: str) -> str | None:
        """Return a key that was pressed (`0`-`9`, `*`, `#`), or None."""
        ...

    def receive_digit(self, call_id: str, digit: str) -> None:
        """Take a key that the other side pressed."""
        ...

    def wants_hang_up(self, call_id: str) -> bool:
        """Tell whether the person has hung up."""
        ...

    def ended(self, call_id: str) -> None:
        """The call is over, by whichever side; called once for every accepted call."""
        ...
