"""What the callee's side can testify of a call afterwards: what was uttered and when, and where its script went.

Owns the values only. Times are milliseconds since the answer, counted in ticks: the same clock as the recording.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MAX_WITNESSED = 400


class Sounding(StrEnum):
    """The kind of sound that a callee made."""

    WORDS = "words"
    TONE = "tone"
    SIGNAL = "signal"
    MUSIC = "music"
    CLIP = "clip"


@dataclass(frozen=True, slots=True)
class Uttered:
    """One sound of the callee as it was really played: cut short where the callee fell silent before its end."""

    at_ms: int
    ms: int
    kind: Sounding
    words: str = ""

    @property
    def until_ms(self) -> int:
        return self.at_ms + self.ms


@dataclass(frozen=True, slots=True)
class Visit:
    """The script came to a node."""

    at_ms: int
    node: str
