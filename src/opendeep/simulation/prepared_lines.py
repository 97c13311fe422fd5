"""The sounds of one callee in one call: its lines synthesised before they are needed, and the clips of its file.

Owns the synthesis in the background and its failures; when a line is spoken is decided in `callee_script`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

import structlog

from opendeep.simulation.callee_line import NoiseKind
from opendeep.simulation.callee_mouth import Say
from opendeep.simulation.callee_schema import Act, Callee, HoldSound, Node, Patience, Voice
from opendeep.simulation.impairments import noise_frame
from opendeep.simulation.speech_seam import LineSynthesizer
from opendeep.simulation.tunes import tune
from opendeep.simulation.voice_style import styled

SYNTHESIS_DEADLINE_S = 20.0

log = structlog.get_logger(__name__)


class PreparedLines:
    """A line whose synthesis fails or takes too long is logged and becomes empty, so that the script goes on."""

    def __init__(self, synthesizer: LineSynthesizer, callee: Callee) -> None:
        self._synthesizer = synthesizer
        self._callee = callee
        self._lines: dict[Say, bytes] = {}

    def get(self, say: Say) -> bytes | None:
        return self._lines.get(say)

    def clip(self, name: str) -> bytes:
        return self._callee.clips.get(name, b"")

    @property
    def has_sounds(self) -> bool:
        """There is something for `prepare_sounds` to make."""
        return bool(tune_seeds(self._callee)) or self._callee.line.noise is not None

    async def prepare_all(self) -> None:
        """Make every line of the file, in the order of its script."""
        await self.prepare(spoken_lines(self._callee))

    async def prepare_sounds(self) -> None:
        """Make tunes and noise of the file, which are kept for all calls: up to a fifth of a second of work each."""
        for seed in sorted(tune_seeds(self._callee)):
            await asyncio.to_thread(tune, seed)
        line = self._callee.line
        if line.noise is not None:
            await asyncio.to_thread(noise_frame, line.noise.kind, line.noise.level_dbfs, line.seed, 0)

    async def prepare(self, lines: Iterable[Say]) -> None:
        for say in lines:
            if say not in self._lines:
                self._lines[say] = await self._synthesize(say)

    async def _synthesize(self, say: Say) -> bytes:
        """Speak in the voice of the line, else in the engine's default voice, else not at all."""
        voice = say.voice or Voice()
        for name in dict.fromkeys((voice.name, None)):
            try:
                async with asyncio.timeout(SYNTHESIS_DEADLINE_S):
                    pcm = await self._synthesizer.synthesize(say.text, voice=name, sample_rate=8000)
                    if voice == Voice(name=voice.name):
                        return pcm
                    return await asyncio.to_thread(
                        styled, pcm, speed=voice.speed, pitch=voice.pitch, level_db=voice.level_db
                    )
            except Exception:  # boundary: an engine's failure costs one voice or one line, never the call
                log.exception("callee_line_failed", voice=name)
        return b""


def spoken_lines(callee: Callee) -> list[Say]:
    """Return every line of a callee in the order of its script, each in the voice that says it, without repeats."""
    lines: dict[Say, None] = {}
    for node in callee.script.values():
        voice = node.voice or callee.voice
        texts = [*_lines_of_node(node), *_lines_of_patience(callee.patience)]
        lines.update(dict.fromkeys(Say(text, voice) for text in texts))
    return list(lines)


def tune_seeds(callee: Callee) -> set[int]:
    """Return the seeds of the tunes that are heard in a call."""
    noise = callee.line.noise
    seeds = {callee.line.seed} if noise is not None and noise.kind is NoiseKind.RADIO else set()
    for node in callee.script.values():
        if node.hold is not None and node.hold.sound is HoldSound.MUSIC:
            seeds.add(node.hold.seed)
        seeds |= {act.music.seed for _, act in node.acts() if act.music is not None}
    return seeds


def _lines_of_node(node: Node) -> Iterator[str]:
    for _, act in node.acts():
        yield from _lines_of_act(act)
    if node.menu is not None:
        yield from (node.menu.prompt, node.menu.invalid, node.menu.farewell)
    if node.voicemail is not None:
        yield node.voicemail.greeting
    if node.hold is not None:
        yield from (line for line in (node.hold.say, node.hold.announcement) if line is not None)
    if node.improvise is not None:
        yield from (line for line in (node.improvise.opening,) if line is not None)
        yield from _lines_of_patience(node.improvise.patience)
    if node.talk is not None:
        yield from node.talk.backchannel.lines if node.talk.backchannel is not None else ()
        yield from _lines_of_patience(node.talk.patience)


def _lines_of_patience(patience: Patience | None) -> Iterator[str]:
    if patience is not None and patience.ask is not None:
        yield patience.ask


def _lines_of_act(act: Act) -> Iterator[str]:
    if act.say is not None:
        yield act.say
    yield from act.say_in_turn or ()
