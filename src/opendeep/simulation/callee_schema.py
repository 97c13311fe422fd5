"""The shape of a callee file (`callees/*.yaml`): who picks up, after how long, and what they say when.

Owns the documented schema and the checks inside one part; reading files and line numbers live in `callee_loader`,
running a script lives in `callee_script`.

A file is one callee:

    name: company_menu                   # unique, letters, digits and _
    title: A switchboard, then a person who confirms
    numbers: ["+12025550104"]            # exact numbers it answers
    prefixes: []                         # or every number that begins so (longest prefix wins)
    voice: slt                           # a voice of the synthesiser, or nothing for its default
    attempts:                            # first call, second call, …; the last one repeats
      - {outcome: busy}
      - {outcome: answer, ring_s: 2}
    script:                              # nodes by name; the first one starts when the call is answered
      desk:
        menu: {prompt: "…", choices: {"2": person}, invalid: "…"}
      person:
        talk:
          enter: [{say: "facilities, good morning"}]
          rules:
            - {heard: "goodbye|bye", do: [{say: "goodbye"}, {hang_up: true}]}
            - {ai_turn: {min_ms: 1500}, do: [{say: "yes, tuesday at ten works for me"}]}
    truth: {outcome: completed}          # what a perfect caller would have learned; free

A rule has exactly one trigger: `heard` (a regular expression searched in what the other side said in its turn),
`ai_turn` (the other side finished a turn of at least `min_ms` of speech; the default branch when no `heard` matched),
`ai_speaks_ms` (it has been speaking for so long: an interruption), `digits` (keys pressed, one after the other),
`silence_ms` (neither side made a sound for so long), `after_ms` (so long after the node was entered). Rules are tried
in order; a rule may be used `times` times, then it is passed over.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

Digits = Annotated[str, Field(pattern=r"^[0-9*#]{1,32}$")]
Number = Annotated[str, Field(pattern=r"^\+?[0-9]{2,15}$")]
NodeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Milliseconds = Annotated[int, Field(ge=20, le=600_000)]
Line = Annotated[str, Field(min_length=1, max_length=600)]


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


class Part(BaseModel):
    """A piece of a callee file: frozen, and an unknown field is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Attempt(Part):
    """One call to this callee: it rings for `ring_s`, then the outcome happens (0 = at once, without ringing).

    `early_media`: the network says 183 (its own sound, which nobody hears here) instead of 180 Ringing; without
    `rings` it says neither (a call waiting). Without `sends_sound` not one frame comes from the answered phone.
    """

    outcome: Outcome = Outcome.ANSWER
    ring_s: Annotated[float, Field(ge=0, le=120)] = 2.0
    early_media: bool = False
    rings: bool = True
    sends_sound: bool = True


class Tone(Part):
    """A sine of `hz` for `ms`, peak at `level_dbfs`."""

    hz: Annotated[float, Field(ge=20, le=3900)] = 1000.0
    ms: Milliseconds = 400
    level_dbfs: Annotated[float, Field(ge=-60, le=0)] = -12.0


class Act(Part):
    """One thing a callee does. Exactly one field is set; a list of lines is spoken one per use, the last repeats."""

    say: Line | None = None
    say_in_turn: Annotated[list[Line], Field(min_length=1, max_length=20)] | None = None
    wait_ms: Milliseconds | None = None
    tone: Tone | None = None
    press: Digits | None = None
    echo: bool | None = None
    hang_up: bool | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Act:
        _require_one(self, ("say", "say_in_turn", "wait_ms", "tone", "press", "echo", "hang_up"), "an act")
        return self


class AiTurn(Part):
    """The other side finished a turn with at least so much speech in it (pauses not counted)."""

    min_ms: Annotated[int, Field(ge=0, le=60_000)] = 0


class Rule(Part):
    """One trigger, what to do, and where to go."""

    heard: str | None = None
    ai_turn: AiTurn | None = None
    ai_speaks_ms: Milliseconds | None = None
    digits: Digits | None = None
    silence_ms: Milliseconds | None = None
    after_ms: Milliseconds | None = None
    do: Annotated[list[Act], Field(max_length=20)] = []
    goto: NodeName | None = None
    times: Annotated[int, Field(ge=1)] | None = None

    @field_validator("heard")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from error
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> Rule:
        _require_one(self, ("heard", "ai_turn", "ai_speaks_ms", "digits", "silence_ms", "after_ms"), "a rule")
        return self


class Patience(Part):
    """What the callee does when it hears nothing and says nothing: asks, and later hangs up."""

    ask_after_s: Annotated[float, Field(gt=0, le=600)] = 12.0
    ask: Line | None = "hello?"
    hang_up_after_s: Annotated[float, Field(gt=0, le=600)] = 25.0


class Talk(Part):
    """A person: acts on entering, then rules. `patience` overrides the callee's own in this node."""

    enter: Annotated[list[Act], Field(max_length=20)] = []
    rules: Annotated[list[Rule], Field(max_length=50)] = []
    patience: Patience | None = None


class Menu(Part):
    """A keypad menu: a key leads to a node; a wrong key is told so; without a key the prompt repeats, then it ends."""

    prompt: Line
    choices: Annotated[dict[Annotated[str, Field(pattern=r"^[0-9*#]$")], NodeName], Field(min_length=1)]
    invalid: Line = "sorry, that is not a valid choice"
    timeout_ms: Milliseconds = 6000
    repeats: Annotated[int, Field(ge=0, le=20)] = 2
    farewell: Line = "goodbye"


class Voicemail(Part):
    """A mailbox: greeting, beep, then it records until somebody hangs up or nothing is said for `silence_s`."""

    greeting: Line
    beep: Tone = Tone()
    max_message_s: Annotated[float, Field(gt=0, le=600)] = 120.0
    silence_s: Annotated[float, Field(gt=0, le=60)] = 10.0


class Node(Part):
    """One state of a script: exactly one of talk, menu, voicemail."""

    talk: Talk | None = None
    menu: Menu | None = None
    voicemail: Voicemail | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Node:
        _require_one(self, ("talk", "menu", "voicemail"), "a node")
        return self

    def targets(self) -> tuple[tuple[tuple[str | int, ...], str], ...]:
        """Return the nodes this one leads to, each with the path of the field that says so."""
        if self.menu is not None:
            return tuple((("menu", "choices", key), name) for key, name in self.menu.choices.items())
        rules = self.talk.rules if self.talk is not None else []
        return tuple((("talk", "rules", i, "goto"), rule.goto) for i, rule in enumerate(rules) if rule.goto)


class Callee(Part):
    """A whole callee file."""

    name: NodeName
    title: Line
    numbers: list[Number] = []
    prefixes: list[Number] = []
    voice: str | None = None
    attempts: Annotated[list[Attempt], Field(min_length=1, max_length=20)] = [Attempt()]
    end_of_turn_ms: Annotated[int, Field(ge=200, le=5000)] = 900
    # The end of a turn says what is wanted; recognising more costs time and says little.
    hears_last_ms: Annotated[int, Field(ge=1000, le=30_000)] = 6000
    patience: Patience = Patience()
    max_call_s: Annotated[float, Field(gt=0, le=3600)] = 300.0
    script: dict[NodeName, Node] = {}
    truth: dict[str, JsonValue] = {}

    def attempt(self, index: int) -> Attempt:
        """Return what happens on the attempt with this index (from 0); the last one repeats."""
        return self.attempts[min(index, len(self.attempts) - 1)]

    @property
    def first_node(self) -> str:
        return next(iter(self.script))


def _require_one(part: Part, names: tuple[str, ...], what: str) -> None:
    given = [name for name in names if getattr(part, name) is not None]
    if len(given) != 1:
        found = "none" if not given else " and ".join(given)
        raise ValueError(f"{what} has exactly one of {', '.join(names)}; found {found}")
