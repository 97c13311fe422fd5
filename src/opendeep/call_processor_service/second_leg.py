"""A second line of one call: a person is dialled, hears who is on the line, and takes the callee over or does not.

Owns the leg on the switch, from its originate to its end: its channel has an id of its own that names the call, so that
a leg without a handler is found and hung up (`call_of_leg`). What is said on it, and whether the person wants the call,
is the voice side's (`decide`). The leg joins by a Redirect of its own channel into `join` of the dialplan, whose
`Bridge` takes the callee's channel over: whatever fails before that leaves the callee where they are. AMI's own
`Bridge` is no alternative: when one side hangs up, it lets the other go on in the dialplan, and a `Local/` channel
dials its number again there (seen on Asterisk 22).
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import structlog

from opendeep.call_processor_service import ami_action
from opendeep.call_processor_service.ami_action import AmiAction, DialRequest
from opendeep.call_processor_service.ami_listeners import Remove
from opendeep.call_processor_service.ami_packets import AmiEvent
from opendeep.call_processor_service.asterisk_ami_client import AsteriskAmiClient
from opendeep.call_processor_service.attempt_events import read_event
from opendeep.call_processor_service.attempt_facts import Evidence, fold
from opendeep.call_processor_service.attempt_states import judge
from opendeep.call_processor_service.line_book import Line
from opendeep.call_processor_service.switch_view import SwitchView
from opendeep.common.clock import Clock
from opendeep.common.data_models import Call
from opendeep.common.errors import TelephonyFault

log = structlog.get_logger(__name__)

TRANSFER_CONTEXT: Final = "opendeep-transfer"
JOIN: Final = "join"
RING_MS: Final = 30_000
DECIDE_S: Final = 115.0  # of ringing, briefing and deciding; the voice side is done before
JOIN_S: Final = 5.0
DROP_S: Final = 3.0
SETTLE_S: Final = 1.0  # a failed originate → the end of its channel, which tells why; without a channel there is none
NOT_JOINED: Final = "The telephone switch did not connect the two."
LINE_TRIES: Final = 20  # for a trunk whose pace has no call left at this moment
LINE_AGAIN_S: Final = 0.25

_LEG = re.compile(r"warm[0-9]{1,3}-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")

Take = Callable[[Call, str], Awaitable[Line | str | None]]


@dataclass(frozen=True, slots=True)
class TransferRoutes:
    """Whom callees may be put through to, by name, and the lines to them. `take`: see `CallClaims.take_second`."""

    targets: Mapping[str, str]
    take: Take
    give_back: Callable[[Call], Awaitable[None]]


async def _no_line(call: Call, number: str) -> Line | str | None:
    return "There is no line to anybody."


async def _nothing(call: Call) -> None: ...


NOBODY: Final = TransferRoutes({}, _no_line, _nothing)


@dataclass(frozen=True, slots=True)
class Switchroom:
    """What acts on the switch."""

    ami: AsteriskAmiClient
    switch: SwitchView
    clock: Clock


def leg_of_call(call_id: UUID, number: int) -> str:
    """The channel id of a call's `number`-th second line. It does not begin with the call's id: Asterisk finds channels
    by the beginning of their ids too."""
    return f"warm{number}-{call_id}"


def call_of_leg(identity: str) -> UUID | None:
    """The call that a second line belongs to; None for any other channel id."""
    found = _LEG.fullmatch(identity)
    return UUID(found[1]) if found else None


@dataclass(slots=True)
class _Word:
    """Something that is said once: None for yes, a sentence for why not. The first one counts."""

    said: asyncio.Event = field(default_factory=asyncio.Event)
    why_not: str | None = None

    def say(self, why_not: str | None) -> None:
        if not self.said.is_set():
            self.why_not = why_not
            self.said.set()

    async def within(self, seconds: float, too_late: str) -> str | None:
        try:
            async with asyncio.timeout(seconds):
                await self.said.wait()
        except TimeoutError:
            self.say(too_late)
        return self.why_not


class SecondLeg:
    """One attempt to reach one person. `answered` is called once when they pick up; `close` it whatever happens."""

    def __init__(self, room: Switchroom, call: Call, number: int, answered: Callable[[], None]) -> None:
        self.identity = leg_of_call(call.id, number)
        self._room = room
        self._call = call
        self._callee = str(call.id)
        self._answered = answered
        self._evidence = Evidence()
        self._remove: Remove | None = None
        self._dialled = False
        self._wanted = _Word()  # by the person, as the voice side understood it
        self._joined = _Word()
        self._settling: asyncio.TimerHandle | None = None
        self._over = asyncio.Event()

    async def reach(self, line: Line, audiosocket: tuple[str, int], sound: UUID) -> str | None:
        """Dial, and wait until the person takes the call (None) or does not: a sentence why. Raises `TelephonyFault`,
        `TelephonyMisuse`."""
        if self._wanted.said.is_set():
            return self._wanted.why_not  # called off while there was no line yet
        to = self._call.id, line.channel, audiosocket, RING_MS, line.caller_id
        originate = ami_action.originate(DialRequest(*to, leg=self.identity, sound=sound))
        self._remove = self._room.ami.add_channel_listener(self.identity, self._receive)
        self._dialled = True  # perhaps: an originate that was not confirmed is hung up like any other
        if (refusal := await self._ask(originate)) is not None:
            return refusal
        return await self._wanted.within(DECIDE_S, "They did not decide in time.")

    async def join(self) -> str | None:
        """Let the person take the callee over; a sentence when that failed, and then the callee is still with us.
        Raises `TelephonyFault`, `TelephonyMisuse`."""
        names = await self._room.switch.channels()
        callee = names.get(self._callee)
        if callee is None or self.identity not in names:
            return "One of the two has hung up."
        tell = ami_action.set_callee(self.identity, callee.get("Channel"))
        go = ami_action.redirect(self.identity, TRANSFER_CONTEXT, JOIN)
        for action in (tell, go):
            if (refusal := await self._ask(action)) is not None:
                return refusal
        why_not = await self._joined.within(JOIN_S, NOT_JOINED)
        return None if why_not == NOT_JOINED and await self._are_joined() else why_not

    async def until_over(self) -> None:
        """The leg's channel is gone."""
        await self._over.wait()

    async def close(self) -> None:
        """Hang the leg up unless it has ended. Idempotent, never raises; a leg that stays is the reconciler's."""
        if self._remove is not None:
            self._remove()
        if self._settling is not None:
            self._settling.cancel()
        if not self._dialled or self._over.is_set():
            return
        try:
            async with asyncio.timeout(DROP_S):
                await self._room.switch.hang_up(self.identity)
        except (TelephonyFault, TimeoutError) as error:
            log.warning("call.second_leg_stays", leg=self.identity, error=str(error))

    def decide(self, why_not: str | None) -> None:
        """The voice side's word: the person takes the call (None) or does not."""
        self._wanted.say(why_not)

    def receive_callee(self, event: AmiEvent) -> None:
        """An event of the call. When the callee hangs up, nobody need be reached any more."""
        if event.get("Uniqueid") != self._callee:
            return
        if event.name == "BridgeEnter" and self._wanted.said.is_set():
            self._joined.say(None)
        elif event.name == "Hangup":
            self._wanted.say("The callee has hung up.")
            self._joined.say("The callee has hung up.")

    # -- inside

    def _receive(self, event: AmiEvent) -> None:
        """An event of the leg."""
        fact = read_event(event, self.identity)
        if fact is None:
            return
        before, self._evidence = self._evidence, fold(self._evidence, fact)
        if self._evidence.answered and not before.answered:
            self._answered()
        if self._evidence.hung_up:
            self._end()
        elif self._evidence.originate_failed and self._settling is None:
            self._settling = asyncio.get_running_loop().call_later(SETTLE_S, self._end)

    def _end(self) -> None:
        """The leg is over, and all that tells why has been said."""
        self._over.set()
        why_not = "They hung up." if self._evidence.answered else judge(self._evidence).sentence
        self._wanted.say(why_not)
        self._joined.say(why_not)

    async def _are_joined(self) -> bool:
        """Events get lost; the channels of one conversation are linked."""
        leg = (await self._room.switch.channels()).get(self.identity)
        return leg is not None and leg.get("Linkedid") == self._callee

    async def _ask(self, action: AmiAction) -> str | None:
        response = await self._room.ami.send_action(action)
        return None if response.ok else response.message
