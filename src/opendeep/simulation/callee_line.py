"""The part of a callee file that describes its telephone line: coding, loss, jitter, echo, noise.

Owns the fields and their bounds; what they do to the sound lives in `impairments`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from opendeep.simulation.callee_parts import Level, Part


class NoiseKind(StrEnum):
    """What is heard behind the callee."""

    WHITE = "white"  # a hissing line
    STREET = "street"  # low rumble with cars that pass
    BABBLE = "babble"  # many voices, no words
    HUM = "hum"  # mains, 60 Hz and its harmonics
    RADIO = "radio"  # music in the room


class LostAs(StrEnum):
    """What becomes of a frame that the network lost."""

    NOTHING = "nothing"  # no frame arrives in these 20 ms: what Asterisk does without a jitter buffer
    SILENCE = "silence"  # a frame of silence
    REPEAT = "repeat"  # the frame before once more, softer each time: packet loss concealment


class Loss(Part):
    """`share` of the frames is lost, in bursts of `burst` frames on average (1: each loss by itself)."""

    share: Annotated[float, Field(gt=0, le=0.5)]
    burst: Annotated[float, Field(ge=1, le=50)] = 1.0
    lost_as: LostAs = LostAs.NOTHING


class Jitter(Part):
    """`share` of the frames is late by up to `ms`; what follows a late frame waits for it, so they arrive at once."""

    ms: Annotated[int, Field(ge=20, le=1000)]
    share: Annotated[float, Field(gt=0, le=1)] = 0.1


class EchoPath(Part):
    """What the caller says comes back after `delay_ms`, `level_db` relative to how it was said."""

    delay_ms: Annotated[int, Field(ge=0, le=1000)] = 160
    level_db: Annotated[float, Field(ge=-60, le=0)] = -20.0


class Noise(Part):
    """Noise under everything the callee says, also under its silence; RMS at `level_dbfs`."""

    kind: NoiseKind
    level_dbfs: Level = -45.0


class LineQuality(Part):
    """The line from the callee to the caller; with `both_ways` coding and loss also spoil what the callee hears.

    `seed` decides which frames are lost and late: the same seed, the same line.
    """

    mulaw: bool = False
    gain_db: Annotated[float, Field(ge=-40, le=20)] = 0.0
    noise: Noise | None = None
    echo: EchoPath | None = None
    loss: Loss | None = None
    jitter: Jitter | None = None
    both_ways: bool = False
    seed: Annotated[int, Field(ge=0, le=1_000_000)] = 1

    @model_validator(mode="after")
    def _both_ways_needs_something(self) -> LineQuality:
        if self.both_ways and not self.mulaw and self.loss is None:
            raise ValueError("both_ways needs mulaw or loss: nothing else is done to what the callee hears")
        return self
