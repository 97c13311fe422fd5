"""The engines that a talking callee needs, as this package sees them.

Owns the shape of the seam only; `opendeep.offline.speech` satisfies the two for speech, `callee_mind` the one for
words. Engines must not live here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class HeardText(Protocol):
    """What a recogniser understood; `text` is lower-case words, empty when it understood nothing."""

    @property
    def text(self) -> str: ...


class LineSynthesizer(Protocol):
    """Text to speech: s16le mono at `sample_rate` Hz."""

    async def synthesize(self, text: str, *, voice: str | None = None, sample_rate: int = 8000) -> bytes: ...


class LineRecognizer(Protocol):
    """Speech to text for one whole turn (s16le mono at `sample_rate` Hz)."""

    async def recognize(
        self, pcm: bytes, *, sample_rate: int = 8000, expects: str = "any", hints: tuple[str, ...] = ()
    ) -> HeardText: ...


@dataclass(frozen=True, slots=True)
class SaidLine:
    """One turn of a conversation, as the callee knows it."""

    by_caller: bool
    text: str


class CalleeMind(Protocol):
    """Makes up what a person says next: `persona` is who it is, `said` what was said so far, oldest first."""

    async def reply(self, persona: str, said: Sequence[SaidLine]) -> str: ...
