"""A callee from a YAML file in one call: ears, script, mouth and line put together, engines kept off the loop.

Owns the tasks that synthesise, recognise and think for this call; they are cancelled with it. What is said when is
decided in `callee_script`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass

import structlog

from opendeep.simulation.callee_commands import StopUttering, Think, Utter
from opendeep.simulation.callee_improvising import spoken_part
from opendeep.simulation.callee_mouth import Mouth, Say
from opendeep.simulation.callee_schema import Callee
from opendeep.simulation.callee_script import CalleeScript, ScriptOutput, Understand
from opendeep.simulation.line_quality import CalleeLine
from opendeep.simulation.prepared_lines import PreparedLines
from opendeep.simulation.sound import TurnDetector, TurnEnded
from opendeep.simulation.speech_seam import CalleeMind, LineRecognizer, LineSynthesizer
from opendeep.simulation.witness import Uttered, Visit

RECOGNITION_DEADLINE_S = 6.0
REPLY_DEADLINE_S = 15.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Engines:
    """What a talking callee needs; without a `mind` nobody improvises."""

    synthesizer: LineSynthesizer
    recognizer: LineRecognizer
    mind: CalleeMind | None = None


class TalkingCallee:
    """One callee in one call; satisfies `CalleeSession`. Build it when the call is dialled, `end` it with the call."""

    def __init__(self, callee: Callee, call_id: str, engines: Engines, start: str | None = None) -> None:
        self._callee = callee
        self._call_id = call_id
        self._engines = engines
        self._script = CalleeScript(callee, start=start, improvises=engines.mind is not None)
        self._lines = PreparedLines(engines.synthesizer, callee)
        self._mouth = Mouth(self._lines)
        self._line = CalleeLine(callee.line)
        self._ears = TurnDetector(callee.end_of_turn_ms)
        self._now_ms = 0
        self.missed_turns = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._spawn(self._lines.prepare_all(), "lines")
        if self._lines.has_sounds:
            self._spawn(self._lines.prepare_sounds(), "sounds")

    @property
    def state(self) -> str:
        return self._script.node

    @property
    def hung_up(self) -> bool:
        return self._mouth.hung_up

    @property
    def spoke_before_beep(self) -> bool:
        return self._script.spoke_before_beep

    @property
    def visited(self) -> tuple[str, ...]:
        return tuple(self._script.visited)

    @property
    def visits(self) -> tuple[Visit, ...]:
        return tuple(self._script.visits)

    @property
    def uttered(self) -> tuple[Uttered, ...]:
        return self._mouth.uttered

    @property
    def keys(self) -> str:
        return self._script.keys

    def answer(self) -> None:
        self._carry_out(self._script.answer())

    def exchange(self, heard: bytes, now_ms: int) -> bytes:
        self._now_ms = now_ms
        heard = self._line.hear(heard)
        self._listen(heard)
        self._carry_out(self._script.tick(now_ms, idle=self._mouth.idle))
        return self._line.speak(self._mouth.pull(heard), heard)

    def depart(self, said: bytes) -> tuple[bytes, ...]:
        return self._line.depart(said)

    def take_digits(self) -> list[str]:
        return self._mouth.take_digits()

    def receive_digit(self, digit: str, now_ms: int) -> None:
        self._carry_out(self._script.hear_digit(digit, now_ms))

    def end(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _listen(self, heard: bytes) -> None:
        found = self._ears.feed(heard)
        if isinstance(found, TurnEnded):
            self._carry_out(self._script.hear_turn(found.pcm, found.speech_ms, self._now_ms))
        elif self._ears.speaking:
            self._carry_out(self._script.hear_speaking(self._ears.speech_ms, self._now_ms))

    def _carry_out(self, outputs: list[ScriptOutput]) -> None:
        for output in outputs:
            match output:
                case Utter(utterance):
                    self._mouth.add(utterance)
                case StopUttering():
                    self._mouth.stop()
                case Understand(turn, pcm):
                    self._spawn(self._understand(turn, pcm), f"turn-{turn}")
                case Think():
                    self._spawn(self._think(output), f"reply-{output.number}")

    async def _understand(self, turn: int, pcm: bytes) -> None:
        """Recognise a turn; a failure or a time-out counts as nothing understood."""
        text = ""
        try:
            async with asyncio.timeout(RECOGNITION_DEADLINE_S):
                text = (await self._engines.recognizer.recognize(pcm, sample_rate=8000)).text
        except Exception:  # boundary: an engine's failure costs one turn, never the call
            self.missed_turns += 1
            log.exception("callee_recognition_failed", callee=self._callee.name, call_id=self._call_id)
        self._script.receive_words(turn, text)

    async def _think(self, asked: Think) -> None:
        """Let the language model answer and make its line ready; without an answer the script takes over."""
        text: str | None = None
        try:
            if self._engines.mind is not None:
                async with asyncio.timeout(REPLY_DEADLINE_S):
                    text = await self._engines.mind.reply(asked.persona, asked.said)
        except Exception:  # boundary: a model's failure costs its part, never the call
            log.exception("callee_mind_failed", callee=self._callee.name, call_id=self._call_id)
        if text is not None and (words := spoken_part(text)):
            voice = self._callee.script[self._script.node].voice or self._callee.voice
            await self._lines.prepare([Say(words, voice)])
        self._script.receive_reply(asked.number, text)

    def _spawn(self, work: Coroutine[None, None, None], purpose: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=f"callee-{self._callee.name}-{purpose}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
