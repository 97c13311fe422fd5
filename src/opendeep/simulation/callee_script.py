"""A callee's script as a pure state machine: what is heard goes in, utterances come out.

Owns the walk from node to node, the keeping of turns and the patience that ends every call. Engines, sound and sockets
must not live here. Time is an argument: milliseconds since the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from opendeep.simulation.callee_commands import (
    Command,
    GoTo,
    Moment,
    NodeRun,
    RuleUse,
    StopUttering,
    Think,
    TurnAnswered,
    Utter,
)
from opendeep.simulation.callee_improvising import ImproviseRun
from opendeep.simulation.callee_machines import VoicemailRun
from opendeep.simulation.callee_mouth import HangUp, Say
from opendeep.simulation.callee_nodes import start_node
from opendeep.simulation.callee_schema import Callee
from opendeep.simulation.witness import Visit

BYTES_PER_MS = 16  # s16le at 8 kHz
MAX_TURN_BYTES = 30_000 * BYTES_PER_MS
MIN_WORDS_MS = 200
WORDS_DEADLINE_MS = 8000
MAX_WITNESSED = 200

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Understand:
    """The turn with this number must be recognised; answer with `receive_words`. s16le at 8 kHz."""

    turn: int
    pcm: bytes


ScriptOutput = Utter | StopUttering | Understand | Think


class CalleeScript:
    """One call of one callee, from the answer on.

    A turn of the other side is answered when it has ended, we are quiet, and (where a rule looks at words) it was
    recognised. If the other side goes on before that, both parts become one turn. `improvises`: a language model is
    there; without one its nodes are passed by. `visited` and `keys` (at most 200 each) are what a judge may read later.
    """

    def __init__(self, callee: Callee, *, start: str | None = None, improvises: bool = False) -> None:
        self._callee = callee
        self._start = start
        self._improvises = improvises
        self.visited: list[str] = []
        self.visits: list[Visit] = []
        self.keys = ""
        self._use = RuleUse()
        self._run: NodeRun | None = None
        self.node = ""
        self._turn = 0
        self._turn_pcm = b""
        self._turn_speech_ms = 0
        self._turn_open = False
        self._asked_words = False
        self._asked_words_ms = 0
        self._words: str | None = None
        self._ai_speaking = False
        self._ignore_turn = False
        self._ignored_speech_ms: int | None = None
        self._speech_ms = 0
        self._ai_sound_ms = 0
        self._own_sound_ms = 0
        self._patience_from_ms = 0
        self._asked_patience = False
        self._asking = False
        self._over = False

    @property
    def spoke_before_beep(self) -> bool:
        """The other side talked into a mailbox's greeting."""
        return isinstance(self._run, VoicemailRun) and self._run.spoke_before_beep

    @property
    def recording(self) -> bool:
        """A mailbox is recording."""
        return isinstance(self._run, VoicemailRun) and self._run.recording

    def answer(self, now_ms: int = 0) -> list[ScriptOutput]:
        """The call was answered: enter the first node."""
        return self._enter(self._start or self._callee.first_node, now_ms)

    def hear_speaking(self, speech_ms: int, now_ms: int) -> list[ScriptOutput]:
        """The other side is speaking, `speech_ms` of this turn so far."""
        self._ai_speaking = True
        self._speech_ms = speech_ms
        self._ai_sound_ms = self._patience_from_ms = now_ms
        self._asked_patience = False
        if self._run is None or self._ignore_turn:
            return []
        return self._carry_out(self._run.hear_speaking(speech_ms), now_ms)

    def hear_turn(self, pcm: bytes, speech_ms: int, now_ms: int) -> list[ScriptOutput]:
        """The other side finished a turn."""
        self._ai_speaking = False
        if self._ignore_turn:
            # Only what was said after our interruption still wants an answer.
            heard_ms, self._ignored_speech_ms, self._ignore_turn = self._ignored_speech_ms, None, False
            if heard_ms is None:
                return []
            speech_ms -= heard_ms
        self._turn += 1
        self._turn_pcm = (self._turn_pcm + pcm)[-MAX_TURN_BYTES:]
        self._turn_speech_ms += speech_ms
        self._turn_open = True
        self._asked_words, self._words = False, None
        return []

    def receive_words(self, turn: int, text: str) -> None:
        """The turn was recognised (`text` empty: nothing was understood). Words of an older turn are dropped."""
        if turn == self._turn:
            self._words = text

    def receive_reply(self, number: int, text: str | None) -> None:
        """A language model has answered `Think` (`text` None: it could not)."""
        if isinstance(self._run, ImproviseRun):
            self._run.receive_reply(number, text)

    def hear_digit(self, digit: str, now_ms: int) -> list[ScriptOutput]:
        """The other side pressed a key."""
        self.keys = (self.keys + digit)[-MAX_WITNESSED:]
        self._patience_from_ms = now_ms
        return self._carry_out(self._run.hear_digit(digit), now_ms) if self._run is not None else []

    def tick(self, now_ms: int, *, idle: bool) -> list[ScriptOutput]:
        """Let time pass; `idle`: nothing of ours is being uttered."""
        if self._run is None or self._over:
            return []
        if now_ms >= self._callee.max_call_s * 1000:
            self._over = True
            return [StopUttering(), Utter(HangUp())]
        if not idle:
            self._own_sound_ms = now_ms
            if not self._asking:
                self._patience_from_ms = now_ms
            return []
        self._asking = False
        if self._ignore_turn and self._ignored_speech_ms is None:
            self._ignored_speech_ms = self._speech_ms
        quiet_from_ms = now_ms if self._ai_speaking else max(self._ai_sound_ms, self._own_sound_ms)
        ai_quiet_ms = 0 if self._ai_speaking else now_ms - self._ai_sound_ms
        moment = Moment(now_ms, now_ms - quiet_from_ms, ai_quiet_ms, idle)
        commands = self._run.tick(moment)
        if commands:
            self._own_sound_ms = now_ms
            return self._carry_out(commands, now_ms)
        return self._answer_turn(now_ms) if self._turn_open else self._be_patient(now_ms)

    def _answer_turn(self, now_ms: int) -> list[ScriptOutput]:
        if self._ai_speaking or self._run is None:
            return []
        needs_words = self._run.wants_words and self._turn_speech_ms >= MIN_WORDS_MS
        if needs_words and self._words is None:
            if self._asked_words:
                self._give_up_words(now_ms)
                return []
            self._asked_words, self._asked_words_ms = True, now_ms
            return [Understand(self._turn, self._turn_pcm[-self._callee.hears_last_ms * BYTES_PER_MS :])]
        text, speech_ms = self._words or "", self._turn_speech_ms
        self._forget_turn()
        log.debug("callee_heard_turn", callee=self._callee.name, node=self.node, speech_ms=speech_ms, transcript=text)
        return self._carry_out(self._run.hear_turn(text, speech_ms), now_ms)

    def _give_up_words(self, now_ms: int) -> None:
        """Nobody answered in time: nothing was understood."""
        if now_ms - self._asked_words_ms >= WORDS_DEADLINE_MS:
            self._words = ""

    def _forget_turn(self) -> None:
        self._turn_pcm, self._turn_speech_ms = b"", 0
        self._turn_open, self._asked_words, self._words = False, False, None

    def _be_patient(self, now_ms: int) -> list[ScriptOutput]:
        patience = (self._run.patience if self._run is not None else None) or self._callee.patience
        waited_s = (now_ms - self._patience_from_ms) / 1000
        if waited_s >= patience.hang_up_after_s:
            self._over = True
            return [Utter(HangUp())]
        if patience.ask is None or self._asked_patience or waited_s < patience.ask_after_s:
            return []
        self._asked_patience = self._asking = True
        return [Utter(Say(patience.ask, self._run.voice if self._run is not None else self._callee.voice))]

    def _enter(self, name: str, now_ms: int) -> list[ScriptOutput]:
        improvise = self._callee.script[name].improvise
        if improvise is not None and not self._improvises:
            name = improvise.otherwise
        self.node = name
        if len(self.visited) < MAX_WITNESSED:
            self.visited.append(name)
            self.visits.append(Visit(now_ms, name))
        self._run = start_node(name, self._callee.script[name], self._use, self._callee.voice)
        return self._carry_out(self._run.enter(now_ms), now_ms)

    def _carry_out(self, commands: list[Command], now_ms: int) -> list[ScriptOutput]:
        output: list[ScriptOutput] = []
        for command in commands:
            if isinstance(command, TurnAnswered):
                self._ignore_turn, self._ignored_speech_ms = True, None
                self._forget_turn()
            elif isinstance(command, GoTo):
                output.extend(self._enter(command.node, now_ms))
            else:
                output.append(command)
        return output
