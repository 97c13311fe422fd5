"""The telephones in the users' browsers: extension 7000 of the simulated switch (docs/phone.md).

A call to the extension rings on every open page of the user whose call it is, and on no other; the first page to answer
has it. A user in a call is busy for the next one. Owns who rings and who talks; sockets live in the web interface.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import structlog

from opendeep.offline.g711 import linear_to_ulaw, ulaw_to_linear
from opendeep.simulation.attached_callee import CallDecision, IncomingCall
from opendeep.simulation.directory import ATTACHED_EXTENSION
from opendeep.simulation.handset import Handset
from opendeep.simulation.microphone_buffer import MicrophoneBuffer

log = structlog.get_logger(__name__)

MAX_KEYS: Final = 32  # that wait to be pressed; one more is ignored

OwnerOf = Callable[[str], Awaitable[UUID | None]]


@dataclass(eq=False, slots=True)
class _Line:
    """A call that rings or is up. `handset` has answered."""

    call: IncomingCall
    user_id: UUID
    decision: asyncio.Future[CallDecision]
    handset: Handset | None = None
    hung_up: bool = False
    keys: deque[str] = field(default_factory=deque)
    microphone: MicrophoneBuffer = field(default_factory=MicrophoneBuffer)


class BrowserPhones:
    """Satisfies `AttachedCallee` for the switch and `PhoneDesk` for the handsets.

    `owner_of` names the user whose call a channel is, None for a call of nobody.
    """

    extension = ATTACHED_EXTENSION

    def __init__(self, owner_of: OwnerOf) -> None:
        self._owner_of = owner_of
        self._owners: dict[str, UUID] = {}  # from `reachable` to `incoming`
        self._handsets: dict[UUID, list[Handset]] = {}
        self._lines: dict[UUID, _Line] = {}  # one for each user
        self._calls: dict[str, _Line] = {}

    def connect(self, user_id: UUID) -> Handset:
        """Hang up a page's phone at the desk; it rings at once when a call of this user does."""
        handset = Handset(self, user_id)
        self._handsets.setdefault(user_id, []).append(handset)
        line = self._lines.get(user_id)
        if line is not None and not line.decision.done():
            handset.tell(_ring(line.call))
        return handset

    # -- for the switch

    async def reachable(self, call: IncomingCall) -> bool:
        """Tell whether a page of the call's user is open."""
        user_id = await self._owner_of(call.call_id)
        if user_id is None or not self._handsets.get(user_id):
            return False
        self._owners[call.call_id] = user_id
        return True

    async def incoming(self, call: IncomingCall) -> CallDecision:
        user_id = self._owners.pop(call.call_id)
        if user_id in self._lines:
            self._tell(user_id, {"type": "refused", "call_id": call.call_id, "caller": _caller(call)})
            return CallDecision.BUSY
        line = _Line(call, user_id, asyncio.get_running_loop().create_future())
        self._lines[user_id] = self._calls[call.call_id] = line
        self._tell(user_id, _ring(call))
        try:
            decision = await line.decision
        except asyncio.CancelledError:
            self._end(line, "caller_gave_up")
            raise
        if decision is not CallDecision.ACCEPT:
            self._end(line, "declined")
        return decision

    def receive_frame(self, call_id: str, frame: bytes) -> None:
        handset = self._calls[call_id].handset
        if handset is not None:
            handset.hear(linear_to_ulaw(frame))

    def next_frame(self, call_id: str) -> bytes | None:
        audio = self._calls[call_id].microphone.pull()
        return None if audio is None else ulaw_to_linear(audio)

    def next_digit(self, call_id: str) -> str | None:
        keys = self._calls[call_id].keys
        return keys.popleft() if keys else None

    def receive_digit(self, call_id: str, digit: str) -> None:
        handset = self._calls[call_id].handset
        if handset is not None:
            handset.tell({"type": "key", "call_id": call_id, "digit": digit})

    def wants_hang_up(self, call_id: str) -> bool:
        return self._calls[call_id].hung_up

    def ended(self, call_id: str) -> None:
        self._end(self._calls[call_id], "ended")

    # -- for the pages

    def answer(self, handset: Handset, call_id: str) -> None:
        line = self._ringing(handset, call_id)
        if line is None:
            handset.tell({"type": "stopped", "call_id": call_id, "why": "gone"})
            return
        line.handset = handset
        line.decision.set_result(CallDecision.ACCEPT)
        handset.fall_silent()
        handset.tell({"type": "connected", "call_id": call_id})
        self._tell(line.user_id, {"type": "stopped", "call_id": call_id, "why": "answered_elsewhere"}, but=handset)

    def decline(self, handset: Handset, call_id: str) -> None:
        line = self._ringing(handset, call_id)
        if line is not None:
            line.decision.set_result(CallDecision.REJECT)

    def hang_up(self, handset: Handset, call_id: str) -> None:
        line = self._answered_by(handset)
        if line is not None and line.call.call_id == call_id:
            line.hung_up = True

    def press(self, handset: Handset, digit: str) -> None:
        line = self._answered_by(handset)
        if line is not None and len(line.keys) < MAX_KEYS:
            line.keys.append(digit)

    def speak(self, handset: Handset, audio: bytes) -> None:
        line = self._answered_by(handset)
        if line is not None:
            line.microphone.push(audio)

    def leave(self, handset: Handset) -> None:
        """The page has gone: its call is hung up; one that rings goes on ringing for pages that come."""
        hanging = self._handsets[handset.user_id]
        hanging.remove(handset)
        if not hanging:
            del self._handsets[handset.user_id]
        line = self._answered_by(handset)
        if line is not None:
            line.hung_up = True

    # -- inside

    def _ringing(self, handset: Handset, call_id: str) -> _Line | None:
        line = self._lines.get(handset.user_id)
        same = line is not None and line.call.call_id == call_id and not line.decision.done()
        return line if same else None

    def _answered_by(self, handset: Handset) -> _Line | None:
        line = self._lines.get(handset.user_id)
        return line if line is not None and line.handset is handset else None

    def _end(self, line: _Line, why: str) -> None:
        call_id = line.call.call_id
        if self._calls.pop(call_id, None) is None:
            return
        del self._lines[line.user_id]
        if line.handset is None:
            self._tell(line.user_id, {"type": "stopped", "call_id": call_id, "why": why})
            return
        line.handset.fall_silent()
        line.handset.tell({"type": "ended", "call_id": call_id})
        log.info(
            "browser_phone_call_ended",
            call_id=call_id,
            microphone_dropped_ms=line.microphone.dropped_ms,
            microphone_gaps=line.microphone.gaps,
            microphone_most_ms=line.microphone.most_ms,
            frames_not_taken=line.handset.lost_frames,
        )

    def _tell(self, user_id: UUID, message: dict[str, object], but: Handset | None = None) -> None:
        for handset in self._handsets.get(user_id, ()):
            if handset is not but:
                handset.tell(message)


def _caller(call: IncomingCall) -> dict[str, str]:
    return {"number": call.caller_number, "name": call.caller_name}


def _ring(call: IncomingCall) -> dict[str, object]:
    return {"type": "ring", "call_id": call.call_id, "caller": _caller(call)}
