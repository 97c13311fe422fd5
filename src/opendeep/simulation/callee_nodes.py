"""How each kind of script node behaves: a talking person, a keypad menu, a mailbox.

Pure: time is an argument (milliseconds since the answer), output is a list of commands. The walk from node to node,
turn keeping and patience live in `callee_script`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from opendeep.simulation.callee_mouth import Echo, HangUp, Pause, Play, Press, Say, Utterance
from opendeep.simulation.callee_schema import Act, Menu, Node, Patience, Rule, Talk, Voicemail

MAX_DIGITS = 64


@dataclass(frozen=True, slots=True)
class Utter:
    """Say or do this after everything that is already being uttered."""

    utterance: Utterance


@dataclass(frozen=True, slots=True)
class StopUttering:
    """Fall silent at once."""


@dataclass(frozen=True, slots=True)
class GoTo:
    """Enter another node."""

    node: str


@dataclass(frozen=True, slots=True)
class TurnAnswered:
    """What the other side is saying right now has been reacted to; its end calls for nothing more."""


Command = Utter | StopUttering | GoTo | TurnAnswered


@dataclass(frozen=True, slots=True)
class Moment:
    """What a node may know when it is asked: times in ms since the answer.

    `quiet_ms`: neither side made a sound; `ai_quiet_ms`: the other side made none; `idle`: we utter nothing.
    """

    now_ms: int
    quiet_ms: int
    ai_quiet_ms: int
    idle: bool


class NodeRun(Protocol):
    """One visit to one node."""

    patience: Patience | None

    @property
    def wants_words(self) -> bool:
        """A turn of the other side must be recognised before it is answered."""
        ...

    def enter(self, now_ms: int) -> list[Command]: ...

    def hear_turn(self, text: str, speech_ms: int) -> list[Command]: ...

    def hear_speaking(self, speech_ms: int) -> list[Command]: ...

    def hear_digit(self, digit: str) -> list[Command]: ...

    def tick(self, moment: Moment) -> list[Command]: ...


class RuleUse:
    """How often each rule and each list of lines was used; kept for the whole call."""

    def __init__(self) -> None:
        self._counts: dict[tuple[object, ...], int] = {}

    def count(self, key: tuple[object, ...]) -> int:
        return self._counts.get(key, 0)

    def use(self, key: tuple[object, ...]) -> int:
        """Count one use and return how many there were before."""
        before = self.count(key)
        self._counts[key] = before + 1
        return before


def start_node(name: str, node: Node, use: RuleUse) -> NodeRun:
    """Return a visit to `node`."""
    if node.menu is not None:
        return MenuRun(node.menu)
    if node.voicemail is not None:
        return VoicemailRun(node.voicemail)
    return TalkRun(name, node.talk or Talk(), use)


class TalkRun:
    """A person: the first rule that fits is used."""

    def __init__(self, name: str, talk: Talk, use: RuleUse) -> None:
        self._name = name
        self._talk = talk
        self._use = use
        self._digits = ""
        self._entered_ms = 0
        self._waited: set[int] = set()
        self.patience = talk.patience

    @property
    def wants_words(self) -> bool:
        return any(rule.heard is not None for _, rule in self._usable())

    def enter(self, now_ms: int) -> list[Command]:
        self._entered_ms = now_ms
        return self._perform(self._talk.enter, ("enter",))

    def hear_turn(self, text: str, speech_ms: int) -> list[Command]:
        for index, rule in self._usable():
            spoken = rule.heard is not None and re.search(rule.heard, text, re.IGNORECASE) is not None
            finished = rule.ai_turn is not None and speech_ms >= rule.ai_turn.min_ms
            if spoken or finished:
                return self._apply(index, rule)
        return []

    def hear_speaking(self, speech_ms: int) -> list[Command]:
        for index, rule in self._usable():
            if rule.ai_speaks_ms is not None and speech_ms >= rule.ai_speaks_ms:
                return [TurnAnswered(), *self._apply(index, rule)]
        return []

    def hear_digit(self, digit: str) -> list[Command]:
        self._digits = (self._digits + digit)[-MAX_DIGITS:]
        for index, rule in self._usable():
            if rule.digits is not None and self._digits.endswith(rule.digits):
                self._digits = ""
                return self._apply(index, rule)
        return []

    def tick(self, moment: Moment) -> list[Command]:
        for index, rule in self._usable():
            if rule.silence_ms is not None and moment.idle and moment.quiet_ms >= rule.silence_ms:
                return self._apply(index, rule)
            due = rule.after_ms is not None and moment.now_ms - self._entered_ms >= rule.after_ms
            if due and index not in self._waited:
                self._waited.add(index)
                return self._apply(index, rule)
        return []

    def _usable(self) -> Iterable[tuple[int, Rule]]:
        for index, rule in enumerate(self._talk.rules):
            if rule.times is None or self._use.count((self._name, index)) < rule.times:
                yield index, rule

    def _apply(self, index: int, rule: Rule) -> list[Command]:
        self._use.use((self._name, index))
        commands = self._perform(rule.do, (index,))
        return [*commands, GoTo(rule.goto)] if rule.goto is not None else commands

    def _perform(self, acts: Sequence[Act], key: tuple[object, ...]) -> list[Command]:
        return [Utter(self._utterance(act, (self._name, *key, place))) for place, act in enumerate(acts)]

    def _utterance(self, act: Act, key: tuple[object, ...]) -> Utterance:
        if act.say_in_turn is not None:
            return Say(act.say_in_turn[min(self._use.use(key), len(act.say_in_turn) - 1)])
        if act.say is not None:
            return Say(act.say)
        if act.wait_ms is not None:
            return Pause(act.wait_ms)
        if act.tone is not None:
            return Play(act.tone)
        if act.press is not None:
            return Press(act.press)
        return Echo(act.echo) if act.echo is not None else HangUp()


class MenuRun:
    """A keypad menu. It does not listen to speech."""

    wants_words = False

    def __init__(self, menu: Menu) -> None:
        self._menu = menu
        self._repeats_left = menu.repeats
        self._over = False
        # A menu waits by its own time-out, not by a person's patience.
        whole_s = (menu.timeout_ms / 1000 + 60) * (menu.repeats + 2)
        self.patience: Patience | None = Patience(ask=None, ask_after_s=599, hang_up_after_s=min(600.0, whole_s))

    def enter(self, now_ms: int) -> list[Command]:
        return [Utter(Say(self._menu.prompt))]

    def hear_turn(self, text: str, speech_ms: int) -> list[Command]:
        return []

    def hear_speaking(self, speech_ms: int) -> list[Command]:
        return []

    def hear_digit(self, digit: str) -> list[Command]:
        if self._over:
            return []
        node = self._menu.choices.get(digit)
        if node is not None:
            return [StopUttering(), GoTo(node)]
        return [StopUttering(), Utter(Say(self._menu.invalid)), *self._again()]

    def tick(self, moment: Moment) -> list[Command]:
        # Only our own silence counts: somebody who talks to a menu has not chosen either.
        if self._over or not moment.idle or moment.quiet_ms < self._menu.timeout_ms:
            return []
        return self._again()

    def _again(self) -> list[Command]:
        if self._repeats_left == 0:
            self._over = True
            return [Utter(Say(self._menu.farewell)), Utter(HangUp())]
        self._repeats_left -= 1
        return [Utter(Say(self._menu.prompt))]


class VoicemailRun:
    """A mailbox: greeting, beep, recording. What is said before the beep ended is noted, not recorded."""

    wants_words = False

    def __init__(self, voicemail: Voicemail) -> None:
        self._voicemail = voicemail
        self._recording_since_ms: int | None = None
        self._over = False
        self.spoke_before_beep = False
        # The mailbox ends by its own rules.
        self.patience: Patience | None = Patience(ask=None, ask_after_s=599, hang_up_after_s=600)

    @property
    def recording(self) -> bool:
        return self._recording_since_ms is not None and not self._over

    def enter(self, now_ms: int) -> list[Command]:
        return [Utter(Say(self._voicemail.greeting)), Utter(Pause(300)), Utter(Play(self._voicemail.beep))]

    def hear_turn(self, text: str, speech_ms: int) -> list[Command]:
        return []

    def hear_speaking(self, speech_ms: int) -> list[Command]:
        self.spoke_before_beep |= not self.recording
        return []

    def hear_digit(self, digit: str) -> list[Command]:
        return []

    def tick(self, moment: Moment) -> list[Command]:
        if self._recording_since_ms is None:
            if moment.idle:
                self._recording_since_ms = moment.now_ms
            return []
        recorded_ms = moment.now_ms - self._recording_since_ms
        quiet_ms = min(recorded_ms, moment.ai_quiet_ms)
        too_long = recorded_ms >= self._voicemail.max_message_s * 1000
        if self._over or not (too_long or quiet_ms >= self._voicemail.silence_s * 1000):
            return []
        self._over = True
        return [Utter(HangUp())]
