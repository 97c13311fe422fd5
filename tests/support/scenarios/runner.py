"""Acts out one scenario in one world over plain wire clients, and keeps everything that was said.

Owns the steps and their deadlines; what is compared afterwards is decided in ``transcript``.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from tests.support.ami_wire import Message, WireAmi
from tests.support.asterisk import RealAsterisk
from tests.support.audio import FRAME_MS, tone, tone_ms
from tests.support.audiosocket_wire import WireAudioSocket
from tests.support.scenarios.schema import Callee, Headers, Moment, Route, Scenario, Step, Tone

DEADLINE_S = 60.0
CALLER_ID = '"OpenDeep" <+4930123456>'
TEMPLATES = {"direct": RealAsterisk.channel_template, "local": RealAsterisk.dialplan_template}
MOSTLY = 0.8  # of a tone: a frame or two may be lost at its edges


class World(Protocol):
    """A switch: where its manager listens, and its callees."""

    ami_address: tuple[str, int]
    ami_username: str
    ami_secret: str

    def calling(self, number: str, callee: Callee | None) -> contextlib.AbstractAsyncContextManager[None]:
        """While it is open, the callee can be reached."""
        ...

    async def heard_by_callee(self, number: str, call_id: str) -> bytes:
        """What the callee heard, as PCM; after the end of the call."""
        ...


@dataclass
class Run:
    """Everything that was said in one scenario. ``answers`` holds, for each action, its response."""

    scenario: Scenario
    call_id: str
    number: str
    ami: WireAmi
    audio: WireAudioSocket
    audio_address: str
    channel: str = ""
    answers: list[tuple[str, Message]] = field(default_factory=list)
    callee_heard: bytes = b""

    @property
    def digits(self) -> str:
        """The number without its plus."""
        return self.number.removeprefix("+")

    def own_events(self) -> list[Message]:
        """The events that concern this call, and those of the session itself."""
        return [event for event in self.ami.events if concerns(event, self.call_id)]


def concerns(event: Message, call_id: str) -> bool:
    """Whether an event is about a channel of this call, or about nobody's."""
    links = [event.get(name) for name in ("Linkedid", "DestLinkedid", "LocalOneLinkedid", "Uniqueid")]
    return call_id in links or event["Event"] == "FullyBooted"


async def act_out(scenario: Scenario, route: Route, number: str, world: World) -> Run:
    """Run all steps. Raises TimeoutError, with the step's text in its notes, when something never comes."""
    call_id = str(uuid.uuid4())
    async with contextlib.AsyncExitStack() as stack:
        audio = await stack.enter_async_context(WireAudioSocket(speaks=scenario.speaks))
        ami = WireAmi(*world.ami_address, world.ami_username, world.ami_secret, log_in=scenario.login)
        await stack.enter_async_context(ami)
        await stack.enter_async_context(world.calling(number, scenario.callee))
        run = Run(scenario, call_id, number, ami, audio, f"127.0.0.1:{audio.port}")
        run.channel = scenario.channel or TEMPLATES[route].format(number=number)
        if not scenario.listens:
            await audio.close()
        performer = Performer(run, world)
        for index, step in enumerate(scenario.steps, start=1):
            try:
                async with asyncio.timeout(DEADLINE_S):
                    await performer.perform(step)
            except Exception as error:
                error.add_note(f"step {index}: {step.model_dump(exclude_none=True)}; seen: {_names(run)}")
                raise
        await performer.settle()
        run.callee_heard = await world.heard_by_callee(number, call_id)
    return run


def _names(run: Run) -> list[str]:
    return [f"{event['Event']}:{event.get('ChannelStateDesc', '')}" for event in run.own_events()]


class Performer:
    """Carries out steps, one after the other."""

    def __init__(self, run: Run, world: World) -> None:
        self._run, self._world = run, world
        self._ami, self._audio = run.ami, run.audio
        self._words = {
            "<call>": run.call_id, "<number>": run.number, "<digits>": run.digits,
            "<channel>": run.channel, "<audio>": run.audio_address,
            "<user>": world.ami_username, "<secret>": world.ami_secret,
        }  # fmt: skip

    async def perform(self, step: Step) -> None:
        """Do one step; returns when it is done or what it waits for has come."""
        name = next(iter(step.model_fields_set))
        await getattr(self, f"_{name}")(getattr(step, name))

    async def settle(self) -> None:
        """Let the switch send what it has still to say about the call."""
        if self._ami.closed or not self._run.scenario.login:
            return
        for _ in range(3):
            await self._ami.send("Ping")

    # ------------------------------------------------------------ the manager

    async def _originate(self, headers: Headers) -> None:
        usual: Headers = {
            "Channel": "<channel>", "ChannelId": "<call>", "Application": "AudioSocket", "Data": "<call>,<audio>",
            "Variable": "CALL_ATTEMPT_ID=<call>", "CallerID": CALLER_ID, "Timeout": "5000", "Async": "true",
        }  # fmt: skip
        await self._action({"Action": "Originate", **usual, **headers})

    async def _action(self, headers: Headers) -> None:
        filled = {name: self._fill(str(value)) for name, value in headers.items() if value is not None}
        action = filled.pop("Action")
        self._run.answers.append((action, await self._ami.send(action, **filled)))

    def _fill(self, text: str) -> str:
        for word, meaning in self._words.items():
            text = text.replace(word, meaning)
        return text

    async def _event(self, fields: dict[str, str]) -> None:
        wanted = {name: self._fill(value) for name, value in fields.items()}
        await self._ami.event(wanted.pop("Event"), timeout_s=DEADLINE_S, **wanted)

    async def _wait(self, moment: Moment) -> None:
        if moment is Moment.CONNECTED:
            await self._audio.connected()
        elif moment is Moment.AUDIO_CLOSED:
            await self._audio.closed.wait()
        elif moment is Moment.DISCONNECTED:
            await self._ami.connection_lost()
        else:
            await self._ami.until(self._conditions()[moment], DEADLINE_S)

    def _conditions(self) -> dict[Moment, Callable[[], bool]]:
        one = self._run.call_id
        return {
            Moment.RINGING: lambda: (
                self._seen("Newstate", Uniqueid=one, ChannelStateDesc="Ringing")
                and self._seen("DialState", DestUniqueid=one, DialStatus="RINGING")
            ),
            Moment.PROGRESS: lambda: self._seen("DialState", DestUniqueid=one, DialStatus="PROGRESS"),
            Moment.ANSWERED: lambda: self._seen("OriginateResponse", Uniqueid=one, Response="Success"),
            Moment.REFUSED: lambda: self._seen("OriginateResponse", Uniqueid=one, Response="Failure"),
            Moment.ENDED: self._ended,
        }

    def _seen(self, name: str, **fields: str) -> bool:
        wanted = {"Event": name, **fields}
        return any(wanted.items() <= event.items() for event in self._ami.events)

    def _ended(self) -> bool:
        events = self._run.own_events()
        begun = {event["Uniqueid"] for event in events if event["Event"] == "Newchannel"}
        over = {event["Uniqueid"] for event in events if event["Event"] == "Hangup"}
        return bool(begun) and begun <= over and self._seen("OriginateResponse", Uniqueid=self._run.call_id)

    # ------------------------------------------------------------ the sound

    async def _say(self, what: Tone) -> None:
        self._audio.play(tone(what.hz, what.ms))

    async def _hear(self, what: Tone) -> None:
        await self._audio.until(lambda: tone_ms(bytes(self._audio.heard), what.hz) >= MOSTLY * what.ms, DEADLINE_S)

    async def _callee_hears(self, what: Tone) -> None:
        while tone_ms(await self._heard_by_callee(), what.hz) < MOSTLY * what.ms:  # noqa: ASYNC110 (a file tells it)
            await asyncio.sleep(FRAME_MS / 1_000)

    async def _heard_by_callee(self) -> bytes:
        return await self._world.heard_by_callee(self._run.number, self._run.call_id)

    async def _listen_ms(self, ms: int) -> None:
        await self._audio.heard_ms(len(self._audio.heard) // 16 + ms, DEADLINE_S)

    async def _stay_ms(self, ms: int) -> None:
        until = self._audio.ticks + ms // FRAME_MS
        await self._audio.until(lambda: self._audio.ticks >= until, DEADLINE_S)

    async def _keys(self, count: int) -> None:
        await self._audio.pressed(count)

    async def _mute(self, mute: bool) -> None:
        self._audio.speaks = not mute

    async def _frame(self, text: str) -> None:
        self._audio.write(bytes.fromhex(text))

    async def _close(self, close: bool) -> None:
        self._audio.disconnect()
