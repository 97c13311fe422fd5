"""The shape of a callee file (`callees/*.yaml`): who picks up, after how long, and what they say when.

Owns the parts of a file and the checks inside one part; `docs/callees.md` describes them for whoever writes one.
Reading files lives in `callee_loader`, running a script in `callee_script`, the line in `callee_line`, what is true in
`callee_truth`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field, PrivateAttr, field_validator, model_validator

from opendeep.simulation.callee_line import LineQuality
from opendeep.simulation.callee_parts import (
    Digits,
    Level,
    Line,
    Milliseconds,
    NodeName,
    Number,
    Part,
    Pattern,
    Seconds,
    require_one,
)
from opendeep.simulation.callee_truth import Rehearsal, Truth

Target = tuple[tuple[str | int, ...], str]
"""The path of a field inside a node, and the node that it leads to."""


class Outcome(StrEnum):
    """How an attempt ends before anybody speaks; `answer` goes on to the script."""

    ANSWER = "answer"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    FORBIDDEN = "forbidden"
    UNALLOCATED = "unallocated"
    CONGESTION = "congestion"
    UNREACHABLE = "unreachable"


class Attempt(Part):
    """One call to this callee: it rings for `ring_s`, then the outcome happens (0 = at once, without ringing).

    `start`: the node that answers (without it the first one of the script). `early_media`: the network says 183 (its
    own sound, which nobody hears here) instead of 180 Ringing; without `rings` it says neither (a call waiting).
    Without `sends_sound` not one frame comes from the answered phone.
    """

    outcome: Outcome = Outcome.ANSWER
    ring_s: Annotated[float, Field(ge=0, le=120)] = 2.0
    start: NodeName | None = None
    early_media: bool = False
    rings: bool = True
    sends_sound: bool = True


class Voice(Part):
    """How somebody sounds: a voice of the synthesiser (None: its default), its speed, pitch and level."""

    name: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    speed: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    pitch: Annotated[float, Field(ge=0.6, le=1.8)] = 1.0
    level_db: Annotated[float, Field(ge=-40, le=10)] = 0.0

    @model_validator(mode="before")
    @classmethod
    def _a_word_is_a_name(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value


class Tone(Part):
    """A sine of `hz` for `ms`, peak at `level_dbfs`."""

    hz: Annotated[float, Field(ge=20, le=3900)] = 1000.0
    ms: Milliseconds = 400
    level_dbfs: Annotated[float, Field(ge=-60, le=0)] = -12.0


class SignalKind(StrEnum):
    """Tones of the network and of fax machines, each in its own cadence."""

    RINGBACK = "ringback"
    BUSY = "busy"
    SPECIAL_INFORMATION = "special_information"
    FAX_CALLING = "fax_calling"
    FAX_ANSWERING = "fax_answering"


class SignalTone(Part):
    """A signal, its cadence `times` in a row."""

    kind: SignalKind
    times: Annotated[int, Field(ge=1, le=20)] = 1
    level_dbfs: Annotated[float, Field(ge=-60, le=0)] = -15.0


class Music(Part):
    """A tune of its own for every `seed`, for `ms` (a minute at most: a node `hold` plays longer); RMS `level_dbfs`."""

    ms: Annotated[int, Field(ge=20, le=60_000)] = 10_000
    level_dbfs: Level = -22.0
    seed: Annotated[int, Field(ge=0, le=1_000_000)] = 1


class Act(Part):
    """One thing a callee does. Exactly one field is set; a list of lines is spoken one per use, the last repeats.

    `play` names a WAV file beside the callee file (mono, 16 bit, 8,000 Hz).
    """

    say: Line | None = None
    say_in_turn: Annotated[tuple[Line, ...], Field(min_length=1, max_length=20)] | None = None
    wait_ms: Milliseconds | None = None
    tone: Tone | None = None
    signal: SignalTone | None = None
    music: Music | None = None
    play: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,80}\.wav$")] | None = None
    press: Digits | None = None
    echo: bool | None = None
    hang_up: bool | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Act:
        require_one(self, tuple(type(self).model_fields), "an act")
        return self


Acts = Annotated[tuple[Act, ...], Field(max_length=20)]


class AiTurn(Part):
    """The other side finished a turn with at least so much speech in it (pauses not counted)."""

    min_ms: Annotated[int, Field(ge=0, le=60_000)] = 0


TRIGGERS = ("heard", "words", "ai_turn", "ai_speaks_ms", "digits", "silence_ms", "after_ms")


class Rule(Part):
    """One trigger, what to do, and where to go.

    `heard`: a regular expression, `words`: any of these words or phrases, searched in what the other side said in its
    turn. `ai_turn`: the other side finished a turn. `ai_speaks_ms`: it has been speaking for so long (an interruption).
    `digits`: keys, one after the other. `silence_ms`: neither side made a sound. `after_ms`: since the node began.
    """

    heard: Pattern | None = None
    words: Annotated[tuple[Line, ...], Field(min_length=1, max_length=50)] | None = None
    ai_turn: AiTurn | None = None
    ai_speaks_ms: Milliseconds | None = None
    digits: Digits | None = None
    silence_ms: Milliseconds | None = None
    after_ms: Milliseconds | None = None
    do: Acts = ()
    goto: NodeName | None = None
    times: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Rule:
        require_one(self, TRIGGERS, "a rule")
        return self


class Patience(Part):
    """What the callee does when it hears nothing and says nothing: asks, and later hangs up."""

    ask_after_s: Annotated[float, Field(gt=0, le=600)] = 12.0
    ask: Line | None = "hello?"
    hang_up_after_s: Annotated[float, Field(gt=0, le=600)] = 25.0


class Backchannel(Part):
    """Short words while the other side speaks, no answer: after `after_ms` of its turn, then every `every_ms`."""

    lines: Annotated[tuple[Line, ...], Field(min_length=1, max_length=10)]
    after_ms: Milliseconds = 1500
    every_ms: Milliseconds = 2500


class Talk(Part):
    """A person: acts on entering, then rules. `patience` overrides the callee's own in this node."""

    enter: Acts = ()
    rules: Annotated[tuple[Rule, ...], Field(max_length=50)] = ()
    patience: Patience | None = None
    backchannel: Backchannel | None = None


class Menu(Part):
    """A keypad menu: keys lead to a node; wrong keys are told so; without a key the prompt repeats, then it ends.

    `spoken` lets it listen, too: a regular expression leads to a node. `otherwise`: where it goes instead of ending.
    Keys that begin a longer choice wait `key_gap_ms` for the rest; # ends the typing.
    """

    prompt: Line
    choices: Annotated[dict[Annotated[str, Field(pattern=r"^[0-9*#]{1,8}$")], NodeName], Field(min_length=1)]
    spoken: dict[Pattern, NodeName] = Field(default_factory=dict, max_length=20)
    invalid: Line = "sorry, that is not a valid choice"
    timeout_ms: Milliseconds = 6000
    key_gap_ms: Milliseconds = 2500
    repeats: Annotated[int, Field(ge=0, le=20)] = 2
    farewell: Line = "goodbye"
    otherwise: NodeName | None = None


class HoldSound(StrEnum):
    """What those hear who wait."""

    MUSIC = "music"
    RINGBACK = "ringback"
    SILENCE = "silence"


class Hold(Part):
    """A queue: `say`, then the sound for `for_s`, an announcement every `every_s`; then `goto`, or the end of the call.

    It does not listen to what is said meanwhile.
    """

    say: Line | None = None
    sound: HoldSound = HoldSound.MUSIC
    level_dbfs: Level = -22.0
    seed: Annotated[int, Field(ge=0, le=1_000_000)] = 1
    announcement: Line | None = None
    every_s: Annotated[float, Field(ge=1, le=600)] = 20.0
    for_s: Seconds
    goto: NodeName | None = None


class Voicemail(Part):
    """A mailbox: greeting, beep, then it records until somebody hangs up or nothing is said for `silence_s`.

    `before` comes before the greeting; `pause_ms` is the silence between greeting and beep.
    """

    before: Acts = ()
    greeting: Line
    pause_ms: Milliseconds = 300
    beep: Tone = Tone()
    max_message_s: Annotated[float, Field(gt=0, le=600)] = 120.0
    silence_s: Annotated[float, Field(gt=0, le=60)] = 10.0


class Improvise(Part):
    """A person who is played by a language model, where one is set up; otherwise the node `otherwise` takes over.

    `persona` tells the model who it is. `opening` is said first, word for word.
    """

    persona: Annotated[str, Field(min_length=1, max_length=4000)]
    opening: Line | None = None
    otherwise: NodeName
    max_turns: Annotated[int, Field(ge=1, le=50)] = 20
    patience: Patience | None = None


KINDS = ("talk", "menu", "hold", "voicemail", "improvise")


class Node(Part):
    """One state of a script: exactly one of talk, menu, hold, voicemail, improvise. `voice`: somebody else speaks."""

    talk: Talk | None = None
    menu: Menu | None = None
    hold: Hold | None = None
    voicemail: Voicemail | None = None
    improvise: Improvise | None = None
    voice: Voice | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Node:
        require_one(self, KINDS, "a node")
        return self

    def targets(self) -> tuple[Target, ...]:
        """Return the nodes this one leads to, each with the path of the field that says so."""
        found: list[tuple[tuple[str | int, ...], str | None]] = []
        if self.menu is not None:
            found += [(("menu", "choices", key), name) for key, name in self.menu.choices.items()]
            found += [(("menu", "spoken", pattern), name) for pattern, name in self.menu.spoken.items()]
            found += [(("menu", "otherwise"), self.menu.otherwise)]
        if self.talk is not None:
            found += [(("talk", "rules", index, "goto"), rule.goto) for index, rule in enumerate(self.talk.rules)]
        if self.hold is not None:
            found += [(("hold", "goto"), self.hold.goto)]
        if self.improvise is not None:
            found += [(("improvise", "otherwise"), self.improvise.otherwise)]
        return tuple((path, name) for path, name in found if name is not None)

    def acts(self) -> tuple[tuple[tuple[str | int, ...], Act], ...]:
        """Return every act of the node with its path."""
        if self.voicemail is not None:
            return tuple((("voicemail", "before", index), act) for index, act in enumerate(self.voicemail.before))
        if self.talk is None:
            return ()
        entered = [(("talk", "enter", index), act) for index, act in enumerate(self.talk.enter)]
        ruled = [
            (("talk", "rules", place, "do", index), act)
            for place, rule in enumerate(self.talk.rules)
            for index, act in enumerate(rule.do)
        ]
        return (*entered, *ruled)


class Callee(Part):
    """A whole callee file. `clips` are the WAV files it names, s16le at 8 kHz, put in by the loader."""

    name: NodeName
    title: Line
    numbers: tuple[Number, ...] = ()
    prefixes: tuple[Number, ...] = ()
    voice: Voice | None = None
    attempts: Annotated[tuple[Attempt, ...], Field(min_length=1, max_length=20)] = (Attempt(),)
    end_of_turn_ms: Annotated[int, Field(ge=200, le=5000)] = 900
    # The end of a turn says what is wanted; recognising more costs time and says little.
    hears_last_ms: Annotated[int, Field(ge=1000, le=30_000)] = 6000
    patience: Patience = Patience()
    max_call_s: Annotated[float, Field(gt=0, le=3600)] = 300.0
    line: LineQuality = LineQuality()
    script: dict[NodeName, Node] = Field(default_factory=dict)
    rehearsal: Rehearsal = Rehearsal()
    truth: Truth | None = None
    _clips: dict[str, bytes] = PrivateAttr(default_factory=dict)

    @field_validator("attempts")
    @classmethod
    def _starts_only_where_answered(cls, attempts: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
        if any(one.start is not None and one.outcome is not Outcome.ANSWER for one in attempts):
            raise ValueError("start belongs to attempts with outcome answer only; leave it out of the others")
        return attempts

    @property
    def clips(self) -> Mapping[str, bytes]:
        return self._clips

    def keep_clip(self, name: str, pcm: bytes) -> None:
        """Put the samples of a WAV file in; the loader does it once, before anybody calls."""
        self._clips[name] = pcm

    def attempt(self, index: int) -> Attempt:
        """Return what happens on the attempt with this index (from 0); the last one repeats."""
        return self.attempts[min(index, len(self.attempts) - 1)]

    @property
    def first_node(self) -> str:
        return next(iter(self.script))

    def starts(self) -> set[str]:
        """Return the nodes that an answered attempt begins with."""
        answered = [one for one in self.attempts if one.outcome is Outcome.ANSWER]
        return {one.start or self.first_node for one in answered} if self.script else set()
