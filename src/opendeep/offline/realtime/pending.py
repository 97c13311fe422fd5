"""What the callee and the tools have said since the conversation last answered.

Owns the order of these inputs and how several of them become one turn: a callee who goes on after a pause has said
one thing, not two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from opendeep.offline.script.acts import Act, CallTool, Listen
from opendeep.offline.script.answers import pressed_keys
from opendeep.offline.script.talk import Talk
from opendeep.offline.script.understanding import Heard


@dataclass(slots=True)
class _Utterance:
    item_id: str
    heard: Heard | None = None


@dataclass(frozen=True, slots=True)
class _ToolOutput:
    name: str
    output: dict[str, Any]


class PendingInputs:
    """Bounded by the conversation: an input exists only for an item that was added."""

    def __init__(self) -> None:
        self._utterances: list[_Utterance] = []
        self._outputs: list[_ToolOutput] = []
        self._notes: list[str] = []

    @property
    def unresolved(self) -> bool:
        """True while an utterance is not understood yet."""
        return any(utterance.heard is None for utterance in self._utterances)

    def expect(self, item_id: str) -> None:
        """An utterance whose words will follow."""
        self._utterances.append(_Utterance(item_id))

    def text(self, item_id: str, role: str, text: str, talk: Talk) -> None:
        """A message of the client: words or keys of the callee, an answer of ours in an earlier session, or a note."""
        if role == "assistant":  # what came before it is settled
            talk.replay(self._take_heard())
            self._notes.clear()
        elif role == "user" and (not text.startswith("[") or pressed_keys(Heard(text))):
            self._utterances.append(_Utterance(item_id, Heard(text)))
        else:
            self._notes.append(text)

    def resolve(self, item_id: str, heard: Heard) -> None:
        """The words of an utterance."""
        for utterance in self._utterances:
            if utterance.item_id == item_id:
                utterance.heard = heard

    def forget(self, item_id: str) -> None:
        """The item was deleted before it was answered."""
        self._utterances = [utterance for utterance in self._utterances if utterance.item_id != item_id]

    def tool_output(self, name: str, output: str) -> None:
        """The result of a tool, as the client sent it; anything but a JSON object counts as plain text."""
        try:
            value = orjson.loads(output)
        except orjson.JSONDecodeError:
            value = output
        self._outputs.append(_ToolOutput(name, value if isinstance(value, dict) else {"text": value}))

    def clear(self) -> None:
        """Somebody else answers what has come in so far."""
        self._utterances.clear()
        self._outputs.clear()
        self._notes.clear()

    def react(self, talk: Talk) -> tuple[Act, ...]:
        """Give everything to the conversation; its acts for this turn.

        Utterances first, then results: an answer that came while the callee spoke is what they want to hear. A tool
        call of an earlier reaction is never lost.
        """
        outputs, self._outputs = self._outputs, []
        notes, self._notes = self._notes, []
        turns: list[tuple[Act, ...]] = []
        heard = self._take_heard()
        if heard is not None:
            turns.append(talk.hear(heard))
        turns += [talk.tool_result(output.name, output.output) for output in outputs]
        for note in notes:
            turns.append(talk.told(note, alone=not turns))
        if not turns:
            return talk.speak()
        return _merged(turns)

    def _take_heard(self) -> Heard | None:
        """All that was understood, as one utterance."""
        utterances, self._utterances = self._utterances, []
        heard: Heard | None = None
        for utterance in utterances:
            if utterance.heard is not None:
                heard = utterance.heard if heard is None else heard.joined(utterance.heard)
        return heard


def _merged(turns: list[tuple[Act, ...]]) -> tuple[Act, ...]:
    speaking = [turn for turn in turns if any(not isinstance(act, Listen) for act in turn)]
    if not speaking:
        return next((turn for turn in reversed(turns) if turn), ())
    earlier = [turn for turn in speaking[:-1] if any(isinstance(act, CallTool) for act in turn)]
    return tuple(act for turn in (*earlier, speaking[-1]) for act in turn)
