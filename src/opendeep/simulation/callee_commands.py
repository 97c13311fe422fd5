"""What a script node may ask for, and what it may know: the words between nodes and the script that walks them.

Owns the commands, the moment and the contract of a node; how each kind of node behaves lives in `callee_nodes`,
`callee_machines` and `callee_improvising`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from opendeep.simulation.callee_mouth import (
    Clip,
    Echo,
    HangUp,
    Pause,
    Play,
    PlayMusic,
    PlaySignal,
    Press,
    Say,
    Utterance,
)
from opendeep.simulation.callee_schema import Act, Patience, Voice
from opendeep.simulation.speech_seam import SaidLine


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


@dataclass(frozen=True, slots=True)
class Think:
    """A language model must say what the person answers; give it back with `receive_reply` and this number."""

    number: int
    persona: str
    said: tuple[SaidLine, ...]


Command = Utter | StopUttering | GoTo | TurnAnswered | Think


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
    """One visit to one node. `voice`: who speaks there (None: the synthesiser's default voice)."""

    patience: Patience | None
    voice: Voice | None

    @property
    def wants_words(self) -> bool:
        """A turn of the other side must be recognised before it is answered."""
        ...

    def enter(self, now_ms: int) -> list[Command]: ...

    def hear_turn(self, text: str, speech_ms: int) -> list[Command]: ...

    def hear_speaking(self, speech_ms: int) -> list[Command]: ...

    def hear_digit(self, digit: str) -> list[Command]: ...

    def tick(self, moment: Moment) -> list[Command]: ...


class Deaf:
    """A part of a node that hears nothing: base of the machines that do not listen."""

    @property
    def wants_words(self) -> bool:
        return False

    def hear_turn(self, text: str, speech_ms: int) -> list[Command]:
        return []

    def hear_speaking(self, speech_ms: int) -> list[Command]:
        return []

    def hear_digit(self, digit: str) -> list[Command]:
        return []


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


def perform(acts: Sequence[Act], key: tuple[object, ...], use: RuleUse, voice: Voice | None) -> list[Command]:
    """Return the commands that do these acts in order; `key` names their place, for lines that are said in turn."""
    return [Utter(_utterance(act, (*key, place), use, voice)) for place, act in enumerate(acts)]


def _utterance(act: Act, key: tuple[object, ...], use: RuleUse, voice: Voice | None) -> Utterance:
    """Return the utterance of an act; exactly one of its fields is set."""
    if act.say_in_turn is not None:
        return Say(act.say_in_turn[min(use.use(key), len(act.say_in_turn) - 1)], voice)
    if act.say is not None:
        return Say(act.say, voice)
    if act.wait_ms is not None:
        return Pause(act.wait_ms)
    if act.press is not None:
        return Press(act.press)
    return _sound(act) or (Echo(act.echo) if act.echo is not None else HangUp())


def _sound(act: Act) -> Utterance | None:
    """Return what an act plays, None when it plays nothing."""
    if act.tone is not None:
        return Play(act.tone)
    if act.signal is not None:
        return PlaySignal(act.signal)
    if act.music is not None:
        return PlayMusic(act.music.ms, act.music.level_dbfs, act.music.seed)
    return Clip(act.play) if act.play is not None else None
