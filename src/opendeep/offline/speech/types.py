"""What the two speech interfaces promise, and the errors they raise.

Owns the protocols, the values that cross them and the error types. No engine is named or imported here.
"""

from dataclasses import dataclass
from typing import Protocol

from opendeep.common.errors import ConfigurationError, PeerFault, UserMistake

EXPECTATIONS = ("any", "yes_no", "choice", "date", "time", "datetime", "number", "menu", "greeting")
"""What the listener may expect next. `any` is always allowed; question types without a set of their own use it."""


class SpeechEngineMissing(ConfigurationError):
    """A speech library cannot be loaded; the message says what to install."""

    http_status = 503


class SpeechEngineFault(PeerFault):
    """A speech library was there and failed (no audio came out, a worker does not start)."""


class UnknownVoice(UserMistake):
    """The asked voice is not installed; the message names those that are."""

    http_status = 422


class UnspeakableText(UserMistake):
    """Nothing that can be spoken, or too much of it for one sentence of a call."""

    http_status = 422


class Synthesizer(Protocol):
    """Text in, speech out."""

    name: str

    async def synthesize(self, text: str, *, voice: str | None = None, sample_rate: int = 8000) -> bytes:
        """Speak `text`; s16le mono at `sample_rate` Hz.

        Raises `UnknownVoice`, `UnspeakableText`, `SpeechEngineFault`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Recognition:
    """What was understood of one utterance.

    `text` is lower-case words as one speaks them (numbers as words, `a.m.`, `p.m.`), "" when nothing was understood.
    `confidence` is 0 to 1. `intents` are names from `intents.INTENTS`, most telling first. `spotted` names what the
    independent keyword ear heard (`opt_out`, `voicemail`), whatever the text says.
    """

    text: str
    confidence: float
    intents: tuple[str, ...]
    spotted: tuple[str, ...]


NOTHING_UNDERSTOOD = Recognition(text="", confidence=0.0, intents=(), spotted=())


class Recognizer(Protocol):
    """One whole utterance in, words and intents out."""

    name: str

    async def recognize(
        self, pcm: bytes, *, sample_rate: int = 8000, expects: str = "any", hints: tuple[str, ...] = ()
    ) -> Recognition:
        """Understand one utterance, s16le mono; never raises for bad sound, a dead engine or a missed deadline."""
        ...
