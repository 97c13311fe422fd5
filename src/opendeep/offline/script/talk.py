"""What the Realtime session needs of a conversation: the `Talk` protocol.

Two implementations: the scripted conversation, and the small talk of a session without a call brief.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from opendeep.offline.script.acts import Act, Listen
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
