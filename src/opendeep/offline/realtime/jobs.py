"""What the pure session asks of its shell: get ready, understand an utterance, perform a response or stop it."""

from __future__ import annotations

from dataclasses import dataclass

from opendeep.offline.realtime.response import Response
from opendeep.offline.script.acts import Listen


@dataclass(frozen=True, slots=True)
class AheadJob:
    """Understand this utterance (s16le, 8 kHz), which is probably over; it takes the place of an earlier one."""

    pcm: bytes
    expects: str
    hints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecognizeJob:
    """Understand this utterance (s16le, 8 kHz) of the item, then call `recognized`.

    `ahead`: it is the one of the last `AheadJob`, and silence.
    """

    item_id: str
    pcm: bytes
    duration_ms: int
    expects: str
    hints: tuple[str, ...]
    ahead: bool = False


@dataclass(frozen=True, slots=True)
class RespondJob:
    """Perform this response: when all utterances are understood, `plan` it, speak it, `finish` it."""

    response: Response


@dataclass(frozen=True, slots=True)
class StopJob:
    """Stop performing this response; its closing events are out already."""

    response: Response


@dataclass(frozen=True, slots=True)
class PrepareJob:
    """Get ready for what comes next, when there is time: what will be heard, and what will probably be said."""

    listen: Listen
    sentences: tuple[str, ...]


Job = AheadJob | PrepareJob | RecognizeJob | RespondJob | StopJob
