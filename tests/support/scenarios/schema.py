"""The shape of a scenario file (``tests/scenarios/*.yaml``): what the callee does, and what we do, step by step.

One file is one situation; its name is the scenario's name. ``routes`` says how the number is dialled: ``direct`` is
``PJSIP/{number}@trunk``, ``local`` is ``Local/{number}@opendeep-out/n``; ``other`` dials ``channel``, whose callee is
registered as ``number`` when it is an extension.

    about: The callee hangs up in the middle of its greeting.
    routes: [direct, local]
    callee:
      before: ringing          # ringing (180), early_media (183), queued (182), nothing
      for_ms: 300              # how long that takes; null is for ever
      then: answer             # or busy, declined, forbidden, not_found, unavailable, unreachable
      sends_sound: true        # false: not one packet of sound leaves the phone
      talk: [{tone: {hz: 1000, ms: 400}}, {hang_up: true}]     # after the answer, one after the other
      on_key: {"5": [{tone: {hz: 700, ms: 400}}]}              # what a key of ours makes it do
    login: true                # false: the manager's session is only connected
    speaks: true               # false: our AudioSocket server sends nothing until it is told to
    listens: true              # false: nobody listens where AudioSocket connects to
    sound: true                # false: whether AudioSocket is reached at all is a race, so it is not compared
    alone: false               # true: it harms other calls of the real switch, so it has none beside it
    steps:
      - originate: {Timeout: 3000}           # headers over those of every call; null leaves one out
      - wait: ended

Steps: ``originate``; ``action`` (headers of any manager action); ``wait`` (see ``Moment``); ``event`` (wait for an
event of the call with these values); ``say`` (a tone to the callee); ``hear`` (wait until a tone arrived from it);
``callee_hears`` (wait until a tone arrived at it);
``listen_ms`` (wait for so much of the callee's sound); ``stay_ms`` (let so much time pass, counted in our own frames);
``keys`` (wait until so many keys arrived); ``mute`` (stop to send, or send again); ``frame`` (hex bytes to the
switch); ``close: true`` (close AudioSocket).

In values ``<call>`` is the call's id, ``<number>`` its number, ``<digits>`` the same without the plus, ``<channel>``
what is dialled, ``<audio>`` host:port of our AudioSocket server, ``<user>`` and ``<secret>`` those of the manager.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"

Headers = dict[str, str | int | None]
Route = Literal["direct", "local", "other"]


class Moment(StrEnum):
    """What a scenario can wait for."""

    RINGING = "ringing"
    PROGRESS = "progress"
    ANSWERED = "answered"  # OriginateResponse says Success
    CONNECTED = "connected"  # AudioSocket named the call
    REFUSED = "refused"  # OriginateResponse says Failure
    ENDED = "ended"  # every channel of the call is hung up and OriginateResponse came
    AUDIO_CLOSED = "audio_closed"
    DISCONNECTED = "disconnected"  # the switch closed the manager's session


class Part(BaseModel):
    """A piece of a scenario: frozen, and an unknown field is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Tone(Part):
    """A sine of ``hz`` for ``ms``."""

    hz: int
    ms: int


class Act(Part):
    """One thing that the callee does."""

    tone: Tone | None = None
    wait_ms: int | None = None
    press: str | None = None
    echo: bool | None = None
    hang_up: bool | None = None

    @model_validator(mode="after")
    def _one(self) -> Act:
        _exactly_one(self)
        return self


class Callee(Part):
    """A phone and what it does."""

    before: Literal["ringing", "early_media", "queued", "nothing"] = "ringing"
    for_ms: int | None = 300
    then: Literal["answer", "busy", "declined", "forbidden", "not_found", "unavailable", "unreachable"] = "answer"
    sends_sound: bool = True
    talk: list[Act] = []
    on_key: dict[str, list[Act]] = {}


class Step(Part):
    """One thing that we do or wait for."""

    originate: Headers | None = None
    action: Headers | None = None
    wait: Moment | None = None
    event: dict[str, str] | None = None
    say: Tone | None = None
    hear: Tone | None = None
    callee_hears: Tone | None = None
    listen_ms: int | None = None
    stay_ms: int | None = None
    keys: int | None = None
    mute: bool | None = None
    frame: Annotated[str, Field(pattern=r"^[0-9a-f ]+$")] | None = None
    close: Literal[True] | None = None

    @model_validator(mode="after")
    def _one(self) -> Step:
        _exactly_one(self)
        return self


class Scenario(Part):
    """A whole file."""

    about: str
    routes: list[Route] = ["direct", "local"]
    channel: str | None = None
    number: str | None = None
    callee: Callee | None = Callee()
    login: bool = True
    speaks: bool = True
    listens: bool = True
    sound: bool = True
    alone: bool = False
    steps: list[Step]

    @model_validator(mode="after")
    def _other_has_a_channel(self) -> Scenario:
        if ("other" in self.routes) != (self.channel is not None):
            raise ValueError("the route `other` and `channel` belong together")
        return self


def _exactly_one(part: Part) -> None:
    if len(part.model_fields_set) != 1:
        found = ", ".join(sorted(part.model_fields_set)) or "nothing"
        raise ValueError(f"exactly one thing at a time, not {found}")


def load(file: Path) -> Scenario:
    """Read one file; raises ValueError with the file's name."""
    try:
        return Scenario.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{file.name}: {error}") from error


def load_all() -> dict[str, tuple[Scenario, Route]]:
    """Every scenario in every route, by ``name-route`` (``name`` alone for the route ``other``)."""
    found: dict[str, tuple[Scenario, Route]] = {}
    for file in sorted(SCENARIOS.glob("*.yaml")):
        scenario = load(file)
        for route in scenario.routes:
            found[file.stem if route == "other" else f"{file.stem}-{route}"] = scenario, route
    return found
