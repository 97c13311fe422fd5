"""A person whose words a language model makes up, one answer to each turn of the caller.

Pure: the model is asked by a command and its reply comes back later; without a reply the scripted node takes over. What
the model writes is spoken, never obeyed: the only thing it can do besides is to hang up.
"""

from __future__ import annotations

import re

from opendeep.simulation.callee_commands import Command, Deaf, GoTo, Moment, Think, Utter
from opendeep.simulation.callee_mouth import HangUp, Pause, Say
from opendeep.simulation.callee_schema import Improvise, Patience, Voice
from opendeep.simulation.speech_seam import SaidLine

HANG_UP = re.compile(r"\[\s*hang(?:s|ing)?[ _-]?up\s*\]", re.IGNORECASE)
STAGE_DIRECTIONS = re.compile(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*")
MAX_REPLY_CHARS = 400
NOT_UNDERSTOOD = "(you did not understand what was said)"
MIN_TURN_MS = 300  # a shorter sound without words is no turn
BREATH_MS = 800  # between the last words and the end of the call


class ImproviseRun(Deaf):
    """One visit. Keeps what was said, at most `max_turns` of each side."""

    def __init__(self, improvise: Improvise, voice: Voice | None) -> None:
        self._improvise = improvise
        self._said: list[SaidLine] = []
        self._turns = 0
        self._asked = 0
        self._reply: str | None = None
        self._replied = False
        self.voice = voice
        self.patience: Patience | None = improvise.patience

    @property
    def wants_words(self) -> bool:
        return True

    def enter(self, now_ms: int) -> list[Command]:
        opening = self._improvise.opening
        return self._say(opening) if opening is not None else []

    def hear_turn(self, text: str, speech_ms: int) -> list[Command]:
        if not text and speech_ms < MIN_TURN_MS:
            return []
        self._said.append(SaidLine(by_caller=True, text=text or NOT_UNDERSTOOD))
        self._turns += 1
        self._asked += 1
        self._replied = False
        if self._turns > self._improvise.max_turns:
            return [Utter(HangUp())]
        return [Think(self._asked, self._improvise.persona, tuple(self._said))]

    def receive_reply(self, number: int, text: str | None) -> None:
        """Take what the model answers to the turn with this number (None: it failed); older ones are dropped."""
        if number == self._asked:
            self._reply, self._replied = text, True

    def tick(self, moment: Moment) -> list[Command]:
        if not self._replied or moment.ai_quiet_ms == 0:
            return []
        self._replied = False
        if self._reply is None:
            return [GoTo(self._improvise.otherwise)]
        words = spoken_part(self._reply)
        said = self._say(words) if words else []
        return [*said, Utter(Pause(BREATH_MS)), Utter(HangUp())] if HANG_UP.search(self._reply) else said

    def _say(self, words: str) -> list[Command]:
        self._said.append(SaidLine(by_caller=False, text=words))
        return [Utter(Say(words, self.voice))]


def spoken_part(reply: str) -> str:
    """Return what of a model's reply is spoken: one line, no stage directions, 400 characters at most."""
    return " ".join(STAGE_DIRECTIONS.sub(" ", reply).split())[:MAX_REPLY_CHARS].strip()
