"""A switch in a storm: the manager interface at the wire, with channels that live by virtual time.

Everything that dials or ends goes through one `Ledger`, which sees at the moment of an originate whether it should not
have come.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from tests.unit.call_processor_service.fake_switch import FakeSwitch, Headers

UP, RINGING = 6, 5
AUDIO_SILENCE_S = 2.0  # after which Asterisk ends a channel whose AudioSocket says nothing
LONGEST_TALK_S = 400.0  # then the callee hangs up


class Events(StrEnum):
    """What becomes of the events on their way."""

    TOLD = "told"
    LOST = "lost"
    TWICE = "twice"
    HELD = "held"  # until `let_go`, then backwards


@dataclass
class Ledger:
    """What all switches were asked to dial. `wrong` tells what must never happen."""

    dialled: list[tuple[str, str]] = field(default_factory=list)  # call id, number
    wrong: list[str] = field(default_factory=list)
    switches: list[StormSwitch] = field(default_factory=list)

    def dial(self, call_id: str, number: str) -> None:
        if any(known == call_id for known, _ in self.dialled):
            self.wrong.append(f"call {call_id} was dialled again")
        for switch in self.switches:
            others = [other for other, dialled in switch.numbers.items() if dialled == number]
            if others:
                self.wrong.append(f"{number} was dialled for {call_id} while {others} lives on {switch.name}")
        self.dialled.append((call_id, number))

    def per_number(self) -> Counter[str]:
        return Counter(number for _, number in self.dialled)


class StormSwitch(FakeSwitch):
    """`on_answer(call_id)` connects the audio, it returns False when nobody is there to talk; `on_gone` ends it."""

    def __init__(
        self, name: str, ledger: Ledger, on_answer: Callable[[str], bool], on_gone: Callable[[str], None]
    ) -> None:
        super().__init__()
        self.name = name
        self.numbers: dict[str, str] = {}  # of the channels that live
        self.events = Events.TOLD
        self.accepting = True
        self.mute = False  # responses to originates get lost, the originates do not
        self.default_plan = "ring"
        self._held: list[tuple[str, Headers]] = []
        self._ledger = ledger
        self._on_answer = on_answer
        self._on_gone = on_gone
        self._timers: dict[str, asyncio.TimerHandle] = {}
        ledger.switches.append(self)

    # -- what the machine does

    def callee_answers(self, channel: str) -> None:
        if self.channels.get(channel) == RINGING:
            self.answer(channel)

    def callee_refuses(self, channel: str) -> None:
        if self.channels.get(channel) == RINGING:
            self._end(channel)
            self.event("DialEnd", {"DestUniqueid": channel, "DestLinkedid": channel, "DialStatus": "BUSY"})
            self._originate_response(channel, "Failure", 5)
            self._hangup(channel, 17, 486)

    def audio_closed(self, channel: str) -> None:
        """Asterisk ends a channel whose AudioSocket has closed."""
        if self._end(channel):
            self._hangup(channel, 16)

    def callee_hangs_up(self, call_id: str) -> None:
        if call_id in self.channels:
            self._end(call_id)
            self.event("HangupRequest", {"Uniqueid": call_id, "Linkedid": call_id, "Cause": 16})
            self._hangup(call_id, 16)

    def lose_power(self) -> None:
        """Asterisk dies and comes back at once: no channel and no word is left of it."""
        for channel in list(self.channels):
            self._end(channel)
        self._held.clear()
        self.drop_connections()

    def drop_audio(self) -> None:
        """The process behind the AudioSockets has gone."""
        for channel, state in list(self.channels.items()):
            if state == UP:
                self._arm(channel, AUDIO_SILENCE_S, self.audio_closed)

    def let_go(self) -> None:
        held, self._held = self._held, []
        for name, headers in reversed(held):
            super().event(name, headers)

    def calm(self) -> None:
        """The storm is over."""
        self.events, self.accepting, self.mute, self.deaf_to_hangup = Events.TOLD, True, False, False
        self.unanswered.clear()
        self.plans.clear()
        self.default_plan = "ring"
        self.let_go()

    def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()

    # -- at the wire

    def event(self, name: str, headers: Headers | None = None) -> None:
        match self.events:
            case Events.TOLD:
                super().event(name, headers)
            case Events.TWICE:
                super().event(name, headers)
                super().event(name, headers)
            case Events.HELD:
                self._held.append((name, headers or {}))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.accepting:
            await super()._serve(reader, writer)
        else:
            writer.transport.abort()

    def _on_originate(self, action: dict[str, str], writer: asyncio.StreamWriter) -> None:
        number = action["Channel"].partition("/")[2].partition("@")[0]
        plan = self.plans.get(number, self.default_plan)
        if plan != "refuse":
            self._ledger.dial(action["ChannelId"], number)
        if plan in ("ring", "answer"):
            self.numbers[action["ChannelId"]] = number
            self._arm(action["ChannelId"], int(action["Timeout"]) / 1000, self._nobody_answers)
        if self.mute:
            if plan not in ("refuse", "silent"):
                getattr(self, f"_plan_{plan}")(action["ChannelId"])
            return
        super()._on_originate(action, writer)

    def _on_hangup(self, action: dict[str, str], writer: asyncio.StreamWriter) -> None:
        super()._on_hangup(action, writer)
        if action["Channel"] not in self.channels:
            self._end(action["Channel"])

    def answer(self, call_id: str) -> None:
        super().answer(call_id)
        self._arm(call_id, LONGEST_TALK_S, self.callee_hangs_up)
        if not self._on_answer(call_id):
            self.audio_closed(call_id)

    def _nobody_answers(self, channel: str) -> None:
        if self._end(channel):
            self._originate_response(channel, "Failure", 3)
            self._hangup(channel, 19, 480)

    def _end(self, channel: str) -> bool:
        """Forget a channel; False when it was not there."""
        self.numbers.pop(channel, None)
        if (timer := self._timers.pop(channel, None)) is not None:
            timer.cancel()
        self._on_gone(channel)
        return self.channels.pop(channel, None) is not None

    def _arm(self, channel: str, seconds: float, then: Callable[[str], None]) -> None:
        if (timer := self._timers.pop(channel, None)) is not None:
            timer.cancel()
        self._timers[channel] = asyncio.get_running_loop().call_later(seconds, then, channel)
