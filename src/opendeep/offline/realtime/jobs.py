"""What the pure session asks of its shell: understand an utterance, perform a response, stop performing one."""

from __future__ import annotations

from dataclasses import dataclass

from opendeep.offline.realtime.response import Response


@dataclass(frozen=True, slots=True)
class RecognizeJob:
    """Understand this utterance (s16le, 8 kHz) of the item, then call `recognized`."""

    item_id: str
    pcm: bytes
    duration_ms: int
    expects: str
    hints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RespondJob:
    """Perform this response: when all utterances are understood, `plan` it, speak it, `finish` it."""

    response: Response


@dataclass(frozen=True, slots=True)
class StopJob:
    """Stop performing this response; its closing events are out already."""

    response: Response


Job = RecognizeJob | RespondJob | StopJob
