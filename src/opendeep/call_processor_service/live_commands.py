"""What the voice side asks of a live channel: keypad digits, and to put the callee through to a person.

Owns both queues, the confirmations to the voice side and the lines of the timeline about them. Cold: the callee's
channel leaves our AudioSocket for the dialplan context `opendeep-transfer`, where a person's line is dialled. Warm: the
person is dialled first, on a `SecondLeg`, and takes the callee over. Either way the call goes on without us until it is
hung up. Whom that may be is a closed list of names; a number never comes in a message.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import structlog

from opendeep.call_processor_service import ami_action
from opendeep.call_processor_service.ami_action import DialRequest
from opendeep.call_processor_service.ami_packets import AmiEvent
from opendeep.call_processor_service.keypad import Keypad, KeypadRequest
from opendeep.call_processor_service.line_book import Line
from opendeep.call_processor_service.second_leg import (
    LINE_AGAIN_S,
    LINE_TRIES,
    TRANSFER_CONTEXT,
    SecondLeg,
    Switchroom,
    TransferRoutes,
)
from opendeep.common.call_facts import (
    TRANSFER_ANSWERED,
    TRANSFER_BRIEFED,
    TRANSFER_DIALLED,
    TRANSFER_FAILED,
    TRANSFERRED,
)
from opendeep.common.data_models import Call
from opendeep.common.errors import DatabaseUnavailable, TelephonyFault, TelephonyMisuse

log = structlog.get_logger(__name__)

MAX_WORD_CHARS = 100  # of a word that came in a message


class Note(Protocol):
    """A line of the call's timeline."""

    def __call__(self, kind: str, detail: str, **data: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class _Transfer:
    """`sound`: the id of the AudioSocket on which the person hears the briefing; None: cold."""

    target: str
    request_id: str
    sound: UUID | None = None


class LiveCommands:
    """One per live call. `obey` never waits; `run()` carries out. `moved` is called when `leaving` may have changed."""

    def __init__(
        self,
        room: Switchroom,
        call: Call,
        dial: DialRequest,
        *,
        note: Note,
        tell: Callable[..., Awaitable[None]],
        routes: TransferRoutes,
        moved: Callable[[], None],
    ) -> None:
        self._room = room
        self._call = call
        self._channel = str(call.id)
        self._audiosocket = dial.audiosocket
        self._note = note
        self._tell = tell
        self._routes = routes
        self._moved = moved
        self._keypad = Keypad(room.ami, self._channel, room.clock, self._report_keypad)
        self._transfers: asyncio.Queue[_Transfer] = asyncio.Queue(1)
        self._current: _Transfer | None = None
        self._legs = 0
        self._leg: SecondLeg | None = None
        self._answered = False
        self.transferred_to: str | None = None
        self.leaving = False  # our audio ends or has ended, and the call goes on

    async def run(self) -> None:
        """Carry out what is asked for; returns only when cancelled. No second line outlives it."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keypad.run(), name=f"call:{self._channel}:keypad")
                group.create_task(self._put_through(), name=f"call:{self._channel}:transfer")
        finally:
            if self._leg is not None:
                await self._leg.close()

    async def obey(self, data: Mapping[str, Any]) -> bool:
        """A message of the call's channel; False when it is none of ours."""
        request_id = word(data.get("request_id"))
        match data.get("type"):
            case "send_dtmf":
                await self._keypad.press(KeypadRequest(word(data.get("digits")), request_id))
            case "transfer":
                await self._queue_transfer(word(data.get("target")), request_id, data.get("sound"))
            case "transfer_decided":
                if self._leg is not None and self._current is not None and self._current.request_id == request_id:
                    self._leg.decide(word(data.get("why_not")) or None)
            case _:
                return False
        return True

    def receive(self, event: AmiEvent) -> None:
        """An event of the call: how the dial of the person's line ends, once the callee has left us for it."""
        if self._leg is not None:
            self._leg.receive_callee(event)
        elif self.transferred_to is not None and event.name == "DialEnd" and event.get("DestUniqueid") != self._channel:
            self._note_dial_end(self.transferred_to, event.get("DialStatus"))

    # -- inside

    async def _queue_transfer(self, target: str, request_id: str, sound: object) -> None:
        if target not in self._routes.targets:
            await self._refuse(request_id, "There is nobody of that name to put callees through to.")
        elif self.leaving or self._current is not None or self._transfers.full():
            await self._refuse(request_id, "Another transfer is under way.")
        elif sound is not None and _as_uuid(sound) is None:
            await self._refuse(request_id, "The request cannot be read.")
        else:
            self._transfers.put_nowait(_Transfer(target, request_id, _as_uuid(sound)))

    async def _put_through(self) -> None:
        while True:
            self._current = transfer = await self._transfers.get()
            number = self._routes.targets[transfer.target]
            if transfer.sound is None:
                failure = await self._redirect(number)
            else:
                failure = await self._fetch(transfer.target, number, transfer.sound)
            await self._report_transfer(transfer, failure)
            if self._leg is not None:
                await self._end_with_second_leg(self._leg)
            self._current = None

    async def _report_transfer(self, transfer: _Transfer, failure: str | None) -> None:
        target, warm = transfer.target, transfer.sound is not None
        if failure is None:
            self.transferred_to = target
            self._note(TRANSFERRED, f"The callee was put through to {target}.", target=target)
            if warm:
                self._note(TRANSFER_ANSWERED, f"{target} talks with the callee.", target=target)
            await self._tell("transferred", request_id=transfer.request_id)
        else:
            self.leaving = False
            self._note(TRANSFER_FAILED, f"The callee could not be put through to {target}: {failure}", target=target)
            await self._refuse(transfer.request_id, failure)
        self._moved()

    async def _redirect(self, extension: str) -> str | None:
        """Cold. Why not, or None."""
        self.leaving = True  # before the switch knows: our audio may end before it answers
        try:
            action = ami_action.redirect(self._channel, TRANSFER_CONTEXT, extension)
            response = await self._room.ami.send_action(action)
        except (TelephonyFault, TelephonyMisuse) as error:
            log.warning("call.transfer_not_sent", error=str(error))
            return str(error)
        return None if response.ok else response.message

    async def _fetch(self, target: str, number: str, sound: UUID) -> str | None:
        """Warm. Why not, or None; then `_leg` is the line of the person who talks with the callee."""
        self._legs += 1
        briefed = f"{target} has picked up and is told who is on the line."
        self._leg = leg = SecondLeg(
            self._room, self._call, self._legs, lambda: self._note(TRANSFER_BRIEFED, briefed, target=target)
        )
        line = await self._line(number)
        failure = line if isinstance(line, str) else await self._connect(leg, line, target, sound)
        if failure is not None:
            await leg.close()
            self._leg = None
            await self._give_back(line)
        return failure

    async def _connect(self, leg: SecondLeg, line: Line, target: str, sound: UUID) -> str | None:
        self._note(TRANSFER_DIALLED, f"{target} is called; the callee waits.", target=target)
        try:
            failure = await leg.reach(line, self._audiosocket, sound)
            if failure is None:
                self.leaving = True  # before the switch knows, as above
                failure = await leg.join()
        except (TelephonyFault, TelephonyMisuse) as error:
            return str(error)
        return failure

    async def _line(self, number: str) -> Line | str:
        try:
            for _ in range(LINE_TRIES):
                line = await self._routes.take(self._call, number)
                if line is not None:
                    return line
                await self._room.clock.sleep(LINE_AGAIN_S)
        except (DatabaseUnavailable, TelephonyMisuse) as error:
            return str(error)
        return "All lines are busy just now."

    async def _give_back(self, line: Line | str) -> None:
        if isinstance(line, str) or line.trunk is None:
            return
        try:
            await self._routes.give_back(self._call)
        except DatabaseUnavailable as error:
            log.warning("call.second_line_counts_on", error=str(error))  # until the call ends

    async def _end_with_second_leg(self, leg: SecondLeg) -> None:
        """The two talk. When the person has hung up, the dialplan hangs the callee up; should it not, we do."""
        await leg.until_over()
        try:
            await self._room.switch.hang_up(self._channel)
        except TelephonyFault as error:
            log.warning("call.hangup_not_sent", error=str(error))

    def _note_dial_end(self, target: str, status: str) -> None:
        if status == "ANSWER" and not self._answered:
            self._answered = True
            self._note(TRANSFER_ANSWERED, f"{target} has picked up.", target=target)
        elif not self._answered:
            detail = f"{target} could not be reached ({status.lower() or 'no answer'})."
            self._note(TRANSFER_FAILED, detail, target=target, status=status)

    async def _refuse(self, request_id: str, why: str) -> None:
        await self._tell("transfer_failed", request_id=request_id, detail=why)

    async def _report_keypad(self, request: KeypadRequest, failure: str | None) -> None:
        if failure is None:
            self._note("call.dtmf_sent", f"Pressed {request.digits}.", digits=request.digits)
            await self._tell("dtmf_sent", request_id=request.request_id)
        else:
            self._note("call.dtmf_failed", f"The keys could not be pressed: {failure}", digits=request.digits)
            await self._tell("dtmf_failed", request_id=request.request_id, detail=failure)


def word(value: object) -> str:
    """A short text out of a message; empty for anything else."""
    return str(value)[:MAX_WORD_CHARS] if isinstance(value, str | int) else ""


def _as_uuid(value: object) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None
