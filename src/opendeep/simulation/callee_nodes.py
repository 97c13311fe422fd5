"""How a talking person behaves, and which kind of node behaves how.

Pure: time is an argument (milliseconds since the answer), output is a list of commands. The walk from node to node,
turn keeping and patience live in `callee_script`, machines in `callee_machines`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from opendeep.simulation.callee_commands import (
    Command,
    GoTo,
    Moment,
    NodeRun,
    RuleUse,
    TurnAnswered,
    Utter,
    perform,
)
from opendeep.simulation.callee_improvising import ImproviseRun
from opendeep.simulation.callee_machines import HoldRun, MenuRun, VoicemailRun
from opendeep.simulation.callee_mouth import Say
from opendeep.simulation.callee_schema import Node, Rule, Talk, Voice

MAX_DIGITS = 64


def start_node(name: str, node: Node, use: RuleUse, voice: Voice | None) -> NodeRun:
    """Return a visit to `node`; `voice` is the callee's, which the node may replace."""
    voice = node.voice or voice
    if node.menu is not None:
        return MenuRun(node.menu, voice)
    if node.hold is not None:
        return HoldRun(node.hold, voice)
    if node.voicemail is not None:
        return VoicemailRun(node.voicemail, voice, use)
    if node.improvise is not None:
        return ImproviseRun(node.improvise, voice)
    return TalkRun(name, node.talk or Talk(), use, voice)


class TalkRun:
    """A person: the first rule that fits is used."""

    def __init__(self, name: str, talk: Talk, use: RuleUse, voice: Voice | None = None) -> None:
        self._name = name
        self._talk = talk
        self._use = use
        self._digits = ""
        self._entered_ms = 0
        self._waited: set[int] = set()
        self._speech_ms = 0  # of the other side's turn, when it was last heard
        self._hum_ms = 0  # when, in that turn, the next backchannel is due
        self.patience = talk.patience
        self.voice = voice

    @property
    def wants_words(self) -> bool:
        return any(rule.heard is not None or rule.words is not None for _, rule in self._usable())

    def enter(self, now_ms: int) -> list[Command]:
        self._entered_ms = now_ms
        return perform(self._talk.enter, (self._name, "enter"), self._use, self.voice)

    def hear_turn(self, text: str, speech_ms: int) -> list[Command]:
        for index, rule in self._usable():
            finished = rule.ai_turn is not None and speech_ms >= rule.ai_turn.min_ms
            if finished or understood(rule, text):
                return self._apply(index, rule)
        return []

    def hear_speaking(self, speech_ms: int) -> list[Command]:
        for index, rule in self._usable():
            if rule.ai_speaks_ms is not None and speech_ms >= rule.ai_speaks_ms:
                return [TurnAnswered(), *self._apply(index, rule)]
        return self._hum(speech_ms)

    def hear_digit(self, digit: str) -> list[Command]:
        self._digits = (self._digits + digit)[-MAX_DIGITS:]
        for index, rule in self._usable():
            if rule.digits is not None and self._digits.endswith(rule.digits):
                self._digits = ""
                return self._apply(index, rule)
        return []

    def tick(self, moment: Moment) -> list[Command]:
        for index, rule in self._usable():
            if rule.silence_ms is not None and moment.idle and moment.quiet_ms >= rule.silence_ms:
                return self._apply(index, rule)
            due = rule.after_ms is not None and moment.now_ms - self._entered_ms >= rule.after_ms
            if due and index not in self._waited:
                self._waited.add(index)
                return self._apply(index, rule)
        return []

    def _hum(self, speech_ms: int) -> list[Command]:
        """Say a short word while the other side goes on; that answers nothing."""
        backchannel = self._talk.backchannel
        if backchannel is None:
            return []
        if speech_ms < self._speech_ms or not self._hum_ms:  # another turn
            self._hum_ms = backchannel.after_ms
        self._speech_ms = speech_ms
        if speech_ms < self._hum_ms:
            return []
        self._hum_ms = speech_ms + backchannel.every_ms
        line = backchannel.lines[self._use.use((self._name, "backchannel")) % len(backchannel.lines)]
        return [Utter(Say(line, self.voice))]

    def _usable(self) -> Iterable[tuple[int, Rule]]:
        for index, rule in enumerate(self._talk.rules):
            if rule.times is None or self._use.count((self._name, index)) < rule.times:
                yield index, rule

    def _apply(self, index: int, rule: Rule) -> list[Command]:
        self._use.use((self._name, index))
        commands = perform(rule.do, (self._name, index), self._use, self.voice)
        return [*commands, GoTo(rule.goto)] if rule.goto is not None else commands


def understood(rule: Rule, text: str) -> bool:
    """Tell whether the rule's pattern, or one of its words, is in what was said. Case does not matter."""
    if rule.heard is not None:
        return re.search(rule.heard, text, re.IGNORECASE) is not None
    return any(re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text, re.IGNORECASE) for words in rule.words or ())
