"""What the voice side asks of a live channel: keypad digits, and to put the callee through to a person.

Owns both queues, the confirmations to the voice side and the lines of the timeline about them. A transfer is cold: the
channel leaves our AudioSocket for the dialplan context `opendeep-transfer`, where a person's line is dialled; the call
goes on without us until it is hung up. Whom that may be is a closed list of names; a number never comes in a message.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import structlog

from opendeep.call_processor_service import ami_action
from opendeep.call_processor_service.ami_packets import AmiEvent
from opendeep.call_processor_service.asterisk_ami_client import AsteriskAmiClient
from opendeep.call_processor_service.keypad import Keypad, KeypadRequest
from opendeep.common.call_facts import TRANSFER_ANSWERED, TRANSFER_FAILED, TRANSFERRED
from opendeep.common.clock import Clock
from opendeep.common.errors import TelephonyFault, TelephonyMisuse

log = structlog.get_logger(__name__)

TRANSFER_CONTEXT = "opendeep-transfer"
MAX_WORD_CHARS = 100  # of a word that came in a message


class Note(Protocol):
    """A line of the call's timeline."""

    def __call__(self, kind: str, detail: str, **data: Any) -> None: ...


class LiveCommands:
    """One per live call. `obey` never waits; `run()` carries out. `moved` is called when `leaving` may have changed.

    `targets`: whom a callee may be put through to, by name: an extension of the transfer context.
    """

    def __init__(
        self,
        ami: AsteriskAmiClient,
        channel: str,
        clock: Clock,
        *,
        note: Note,
        tell: Callable[..., Awaitable[None]],
        targets: Mapping[str, str],
        moved: Callable[[], None],
    ) -> None:
        self._ami = ami
        self._channel = channel
        self._note = note
        self._tell = tell
        self._targets = targets
        self._moved = moved
        self._keypad = Keypad(ami, channel, clock, self._report_keypad)
        self._transfers: asyncio.Queue[tuple[str, str]] = asyncio.Queue(1)
        self._answered = False
        self.transferred_to: str | None = None
        self.leaving = False  # our audio ends or has ended, and the call goes on

    async def run(self) -> None:
        """Carry out what is asked for; returns only when cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keypad.run(), name=f"call:{self._channel}:keypad")
            group.create_task(self._put_through(), name=f"call:{self._channel}:transfer")

    async def obey(self, data: Mapping[str, Any]) -> bool:
        """A message of the call's channel; False when it is none of ours."""
        request_id = word(data.get("request_id"))
        match data.get("type"):
            case "send_dtmf":
                await self._keypad.press(KeypadRequest(word(data.get("digits")), request_id))
            case "transfer":
                await self._queue_transfer(word(data.get("target")), request_id)
            case _:
                return False
        return True

    def receive(self, event: AmiEvent) -> None:
        """How the dial of the person's line ends, once the callee has left us for it."""
        if self.transferred_to is None or event.name != "DialEnd" or event.get("DestUniqueid") == self._channel:
            return
        target, status = self.transferred_to, event.get("DialStatus")
        if status == "ANSWER" and not self._answered:
            self._answered = True
            self._note(TRANSFER_ANSWERED, f"{target} has picked up.", target=target)
        elif not self._answered:
            detail = f"{target} could not be reached ({status.lower() or 'no answer'})."
            self._note(TRANSFER_FAILED, detail, target=target, status=status)

    # -- inside

    async def _queue_transfer(self, target: str, request_id: str) -> None:
        if target not in self._targets:
            await self._refuse(request_id, "There is nobody of that name to put callees through to.")
        elif self.leaving or self._transfers.full():
            await self._refuse(request_id, "Another transfer is under way.")
        else:
            self._transfers.put_nowait((target, request_id))

    async def _put_through(self) -> None:
        while True:
            target, request_id = await self._transfers.get()
            self.leaving = True  # before the switch knows: our audio may end before it answers
            failure = await self._redirect(self._targets[target])
            if failure is None:
                self.transferred_to = target
                self._note(TRANSFERRED, f"The callee was put through to {target}.", target=target)
                await self._tell("transferred", request_id=request_id)
            else:
                self.leaving = False
                self._note(TRANSFER_FAILED, f"The callee could not be put through: {failure}", target=target)
                await self._refuse(request_id, failure)
            self._moved()

    async def _redirect(self, extension: str) -> str | None:
        """Why not, or None."""
        try:
            response = await self._ami.send_action(ami_action.redirect(self._channel, TRANSFER_CONTEXT, extension))
        except (TelephonyFault, TelephonyMisuse) as error:
            log.warning("call.transfer_not_sent", error=str(error))
            return str(error)
        return None if response.ok else response.message

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
