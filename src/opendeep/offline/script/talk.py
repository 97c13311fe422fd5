"""What the Realtime session needs of a conversation, and the conversation for a session without a call brief.

Owns the `Talk` protocol (two implementations: the scripted conversation and the echo) and the echo itself: it says
what it understood, so that a client can be tried without a brief. It never calls a tool and never ends a call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from opendeep.offline.script.acts import Act, Listen, Say, SayRole
from opendeep.offline.script.understanding import Heard


class Talk(Protocol):
    """A conversation: inputs give the acts of one turn."""

    tools: frozenset[str]

    @property
    def listening(self) -> Listen:
        """What the recogniser should expect now."""
        ...

    @property
    def first_sentences(self) -> tuple[str, ...]:
        """What will be said first, so that the voice can be ready."""
        ...

    def speak(self) -> tuple[Act, ...]:
        """Asked to speak without input."""
        ...

    def hear(self, heard: Heard) -> tuple[Act, ...]:
        """The callee has spoken."""
        ...

    def told(self, note: str, *, alone: bool) -> tuple[Act, ...]:
        """The client tells something that nobody on the line has said. `alone`: this turn has no other input."""
        ...

    def tool_result(self, name: str, output: Mapping[str, object]) -> tuple[Act, ...]:
        """The client's result of a tool call."""
        ...

    def replay(self, heard: Heard | None) -> None:
        """In another session this was heard (None: nothing yet) and answered."""
        ...

    def cut(self, *, said: int, called: int) -> None:
        """The last turn was interrupted after `said` sentences and `called` tool calls."""
        ...


class EchoTalk:
    """Repeats what was understood."""

    def __init__(self, tools: frozenset[str] = frozenset()) -> None:
        self.tools = tools

    @property
    def listening(self) -> Listen:
        return Listen()

    @property
    def first_sentences(self) -> tuple[str, ...]:
        return ()

    def speak(self) -> tuple[Act, ...]:
        return (Say("Hello. This is the offline voice. It has no call brief.", SayRole.HELLO), self.listening)

    def hear(self, heard: Heard) -> tuple[Act, ...]:
        text = f"I understood: {heard.text}." if heard.text else "I did not understand that."
        return (Say(text), self.listening)

    def told(self, note: str, *, alone: bool) -> tuple[Act, ...]:
        return self.speak() if alone else ()

    def replay(self, heard: Heard | None) -> None:
        """An echo remembers nothing."""

    def tool_result(self, name: str, output: Mapping[str, object]) -> tuple[Act, ...]:
        return (Say(f"The tool {name} has answered."), self.listening)

    def cut(self, *, said: int, called: int) -> None:
        """Nothing is owed to a cut echo."""
