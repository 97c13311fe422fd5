"""A callee from a YAML file in one call: ears, script and mouth put together, engines kept off the loop.

Owns the tasks that synthesise and recognise for this call; they are cancelled with it. What is said when is decided
in `callee_script`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable

import structlog

from opendeep.simulation.callee_mouth import Mouth
from opendeep.simulation.callee_nodes import StopUttering, Utter
from opendeep.simulation.callee_schema import Act, Callee, Node
from opendeep.simulation.callee_script import CalleeScript, ScriptOutput, Understand
from opendeep.simulation.sound import TurnDetector, TurnEnded
from opendeep.simulation.speech_seam import LineRecognizer, LineSynthesizer

SYNTHESIS_DEADLINE_S = 20.0
RECOGNITION_DEADLINE_S = 6.0

log = structlog.get_logger(__name__)


class PreparedLines:
    """The lines of one callee, synthesised in the background before they are needed.

    A line whose synthesis fails or takes too long is logged and becomes empty, so that the script goes on.
    """

    def __init__(self, synthesizer: LineSynthesizer, voice: str | None) -> None:
        self._synthesizer = synthesizer
        self._voice = voice
        self._lines: dict[str, bytes] = {}

    def get(self, text: str) -> bytes | None:
        return self._lines.get(text)

    async def prepare(self, texts: Iterable[str]) -> None:
        for text in texts:
            if text not in self._lines:
                self._lines[text] = await self._synthesize(text)

    async def _synthesize(self, text: str) -> bytes:
        """Speak in the callee's voice, else in the engine's default voice, else not at all."""
        for voice in dict.fromkeys((self._voice, None)):
            try:
                async with asyncio.timeout(SYNTHESIS_DEADLINE_S):
                    return await self._synthesizer.synthesize(text, voice=voice, sample_rate=8000)
            except Exception:  # boundary: an engine's failure costs one voice or one line, never the call
                log.exception("callee_line_failed", voice=voice)
        return b""


class TalkingCallee:
    """One callee in one call; satisfies `CalleeSession`. Build it when the call is dialled, `end` it with the call."""

    def __init__(self, callee: Callee, call_id: str, synthesizer: LineSynthesizer, recognizer: LineRecognizer) -> None:
        self._callee = callee
        self._call_id = call_id
        self._recognizer = recognizer
        self._script = CalleeScript(callee)
        self._lines = PreparedLines(synthesizer, callee.voice)
        self._mouth = Mouth(self._lines)
        self._ears = TurnDetector(callee.end_of_turn_ms)
        self._now_ms = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._spawn(self._lines.prepare(spoken_lines(callee)), "lines")

    @property
    def state(self) -> str:
        return self._script.node

    @property
    def hung_up(self) -> bool:
        return self._mouth.hung_up

    @property
    def spoke_before_beep(self) -> bool:
        return self._script.spoke_before_beep

    def answer(self) -> None:
        self._carry_out(self._script.answer())

    def exchange(self, heard: bytes, now_ms: int) -> bytes:
        self._now_ms = now_ms
        self._listen(heard)
        self._carry_out(self._script.tick(now_ms, idle=self._mouth.idle))
        return self._mouth.pull(heard)

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

    async def _understand(self, turn: int, pcm: bytes) -> None:
        """Recognise a turn; a failure or a time-out counts as nothing understood."""
        text = ""
        try:
            async with asyncio.timeout(RECOGNITION_DEADLINE_S):
                text = (await self._recognizer.recognize(pcm, sample_rate=8000)).text
        except Exception:  # boundary: an engine's failure costs one turn, never the call
            log.exception("callee_recognition_failed", callee=self._callee.name, call_id=self._call_id)
        self._script.receive_words(turn, text)

    def _spawn(self, work: Coroutine[None, None, None], purpose: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=f"callee-{self._callee.name}-{purpose}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def spoken_lines(callee: Callee) -> list[str]:
    """Return every line of a callee in the order of its script, without repeats."""
    lines: dict[str, None] = {}
    for node in callee.script.values():
        lines.update(dict.fromkeys(_lines_of_node(node)))
    if callee.patience.ask is not None:
        lines[callee.patience.ask] = None
    return list(lines)


def _lines_of_node(node: Node) -> Iterable[str]:
    if node.menu is not None:
        yield from (node.menu.prompt, node.menu.invalid, node.menu.farewell)
    if node.voicemail is not None:
        yield node.voicemail.greeting
    if node.talk is None:
        return
    for act in (*node.talk.enter, *(act for rule in node.talk.rules for act in rule.do)):
        yield from _lines_of_act(act)
    if node.talk.patience is not None and node.talk.patience.ask is not None:
        yield node.talk.patience.ask


def _lines_of_act(act: Act) -> Iterable[str]:
    if act.say is not None:
        yield act.say
    yield from act.say_in_turn or ()
