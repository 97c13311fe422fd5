"""The conversation of a session whose instructions carry no call brief: small talk and the client's own tools.

Owns the fit of `minds.small_talk` to what the session asks of a conversation. Which tools may be called now is set
before each turn (`offer`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from opendeep.offline.minds.small_talk import CALLING, Offer, SmallTalk, ToolCall, forced_call, tool_hints
from opendeep.offline.realtime.events import ClientMistake
from opendeep.offline.realtime.items import Item, words_of_item
from opendeep.offline.realtime.wish import ResponseWish
from opendeep.offline.script.acts import Act, CallTool, Listen, Say, SayRole
from opendeep.offline.script.understanding import Heard


class GeneralTalk:
    """A `Talk` without a script. It never ends a call by itself."""

    def __init__(self, today: date, *, offer: Offer | None = None) -> None:
        self.tools: frozenset[str] = frozenset()
        self.offer = offer or Offer()
        self._today = today
        self._small_talk = SmallTalk(today)
        self._last_words = ""

    def instruct(self, instructions: str) -> None:
        """The session's instructions; of them only a greeting in quotation marks can be followed."""
        self._small_talk.instructions = instructions

    @property
    def listening(self) -> Listen:
        return Listen(hints=tool_hints(self.offer))

    @property
    def first_sentences(self) -> tuple[str, ...]:
        return ()

    def speak(self) -> tuple[Act, ...]:
        """The greeting, or the call that the client demands."""
        if self.offer.forced:
            return self._acts(forced_call(self._last_words, self.offer, self._today))
        return (Say(self._small_talk.open(), SayRole.HELLO), self.listening)

    def hear(self, heard: Heard) -> tuple[Act, ...]:
        self._last_words = heard.text
        return self._acts(self._small_talk.hear(heard, self.offer))

    def told(self, note: str, *, alone: bool) -> tuple[Act, ...]:
        """Nothing of a note can be followed; it may be what a client says before it asks for the greeting."""
        return self.speak() if alone else ()

    def replay(self, heard: Heard | None) -> None:
        if heard is not None:
            self._last_words = heard.text

    def tool_result(self, name: str, output: Mapping[str, object]) -> tuple[Act, ...]:
        """Tells the answer. Also where a tool is demanded: the demand was met by the call, and must end somewhere."""
        return self._acts(self._small_talk.result(name, output))

    def answer(self, words: str | None) -> tuple[Act, ...]:
        """To the last words of somebody else's conversation; None: there are none."""
        return self.speak() if words is None else self.hear(Heard(words))

    def cut(self, *, said: int, called: int) -> None:
        """Nothing is owed to a cut answer."""

    def _acts(self, answer: str | ToolCall) -> tuple[Act, ...]:
        if isinstance(answer, str):
            return (Say(answer), self.listening)
        call = CallTool(answer.name, answer.arguments)
        return (call, self.listening) if self.offer.forced else (Say(CALLING), call, self.listening)


def answer_apart(wish: ResponseWish, conversation: Iterable[Item], today: date) -> tuple[Act, ...]:
    """Beside the conversation's own course: to the `input` of the response, or the last words said.

    Raises ClientMistake for instructions that only a thinking model could follow.
    """
    if wish.instructions and wish.input is None and not wish.offer.forced:
        text = "The offline voice has no model: out of band it only speaks instructions like 'Say exactly: …'."
        raise ClientMistake("offline_no_model", text)
    items = conversation if wish.input is None else wish.input
    words = [words_of_item(item) for item in items if item.fields.get("role") == "user"]
    return GeneralTalk(today, offer=wish.offer).answer(words[-1] if words else None)
