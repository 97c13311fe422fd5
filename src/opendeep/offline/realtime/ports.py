"""What a Realtime connection needs of the world: a socket, the speech engines, a mind. Each a small protocol."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any, Protocol, runtime_checkable

from opendeep.offline.minds.small_talk import Offer, ToolCall
from opendeep.offline.realtime.line import Activity
from opendeep.offline.speech.types import Recognizer, Synthesizer


class Disconnected(Exception):
    """The client has gone."""


class Socket(Protocol):
    """A WebSocket as the connection needs it."""

    async def receive(self) -> str | bytes:
        """The next message. Raises Disconnected."""
        ...

    async def send(self, text: str) -> None:
        """Send a text frame. Raises Disconnected."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close. Harmless when closed."""
        ...


@runtime_checkable
class Preparing(Protocol):
    """A recogniser that can get ready for an expectation before the utterance comes."""

    async def prepare(self, *, expects: str = "any", hints: tuple[str, ...] = ()) -> None: ...


@runtime_checkable
class Voiced(Protocol):
    """A synthesizer that tells the names of its voices."""

    @property
    def voices(self) -> tuple[str, ...]: ...


class Engines(Protocol):
    """The speech engines (`opendeep.offline.speech.SpeechEngines`)."""

    @property
    def synthesizer(self) -> Synthesizer: ...

    @property
    def recognizer(self) -> Recognizer: ...

    def voice_activity(
        self, *, threshold: float, prefix_padding_ms: int, silence_duration_ms: int, sample_rate: int
    ) -> Activity: ...


class Mind(Protocol):
    """A language model (`opendeep.offline.minds.language_model.ChatServer`)."""

    def answer(
        self, messages: Sequence[dict[str, Any]], offer: Offer, *, max_tokens: int | None
    ) -> AsyncGenerator[str | ToolCall, None]:
        """Sentences as they come, then calls. Raises `PeerFault` when it cannot."""
        ...
