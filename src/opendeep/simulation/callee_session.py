"""What a call needs from whoever answered it, and the adapter for a phone that was attached at run time.

Owns the contract between a call and its callee; ringing and events live in `simulated_call`.
"""

from __future__ import annotations

from typing import Protocol

from opendeep.simulation.attached_callee import AttachedCallee
from opendeep.simulation.audiosocket_wire import FRAME_BYTES, SILENCE_FRAME
from opendeep.simulation.witness import Uttered, Visit

MAX_KEYS = 200


class CalleeSession(Protocol):
    """A callee in one answered call. Every method returns at once; times are ms since the answer."""

    @property
    def state(self) -> str:
        """A word for people: the node of the script, or `attached`."""
        ...

    @property
    def hung_up(self) -> bool:
        """The callee has ended the call."""
        ...

    @property
    def spoke_before_beep(self) -> bool:
        """The other side talked into a mailbox's greeting."""
        ...

    @property
    def visited(self) -> tuple[str, ...]:
        """The nodes of the script that the call came to, in order; the first 200."""
        ...

    @property
    def visits(self) -> tuple[Visit, ...]:
        """The same nodes with their times."""
        ...

    @property
    def uttered(self) -> tuple[Uttered, ...]:
        """What the callee was heard to say or play, in order; the first 400."""
        ...

    @property
    def missed_turns(self) -> int:
        """Turns of the other side that were not recognised in time, or at all, for want of an engine."""
        ...

    @property
    def keys(self) -> str:
        """The keys that the other side pressed; the last 200."""
        ...

    def answer(self) -> None:
        """The call was answered."""
        ...

    def exchange(self, heard: bytes, now_ms: int) -> bytes:
        """Take what the callee hears in 20 ms and return what it says in them (320 bytes each)."""
        ...

    def depart(self, said: bytes) -> tuple[bytes, ...]:
        """Take what `exchange` returned; return the frames that the network delivers in this tick, mostly this one."""
        ...

    def take_digits(self) -> list[str]:
        """Return the keys the callee pressed since the last call."""
        ...

    def receive_digit(self, digit: str, now_ms: int) -> None:
        """The other side pressed a key."""
        ...

    def end(self) -> None:
        """The call is over; called once."""
        ...


class AttachedSession:
    """A person at an attached phone."""

    state = "attached"
    spoke_before_beep = False
    visited: tuple[str, ...] = ()
    visits: tuple[Visit, ...] = ()
    uttered: tuple[Uttered, ...] = ()
    missed_turns = 0

    def __init__(self, callee: AttachedCallee, call_id: str) -> None:
        self._callee = callee
        self._call_id = call_id
        self.keys = ""

    @property
    def hung_up(self) -> bool:
        return self._callee.wants_hang_up(self._call_id)

    def answer(self) -> None:
        """Nothing to do: the phone itself accepted."""

    def exchange(self, heard: bytes, now_ms: int) -> bytes:
        self._callee.receive_frame(self._call_id, heard)
        said = self._callee.next_frame(self._call_id)
        return said if said is not None and len(said) == FRAME_BYTES else SILENCE_FRAME

    def depart(self, said: bytes) -> tuple[bytes, ...]:
        return (said,)

    def take_digits(self) -> list[str]:
        digit = self._callee.next_digit(self._call_id)
        return [digit] if digit else []

    def receive_digit(self, digit: str, now_ms: int) -> None:
        self.keys = (self.keys + digit)[-MAX_KEYS:]
        self._callee.receive_digit(self._call_id, digit)

    def end(self) -> None:
        self._callee.ended(self._call_id)
