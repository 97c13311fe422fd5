"""What a live call needs of whoever lends it a voice: one session, its events in and out, and its end as a value.

The events are those of the OpenAI Realtime protocol (`realtime_protocol`): it is the language of `live_conversation`. A
provider with another protocol translates at its own door and leaves out what it cannot do. Nothing but
`openai_realtime_client` implements this so far; compatible servers are the same class at another address.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from opendeep.audio_processing_service.realtime_protocol import Event


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """Why a session is over. `fatal`: this call's next one would end the same way. `everywhere`: any call's would."""

    reason: str
    fatal: bool = False
    everywhere: bool = False


class VoiceProvider(Protocol):
    """One session, made unconnected from `on_event` and `on_end` (`MakeProvider`).

    `on_event` gets every event in order, on the event loop; it must not block. `on_end` is called exactly once after a
    successful `connect`, unless `close()` came first.
    """

    async def connect(self) -> None:
        """Open the session. Raises `ProviderRefused` when it will never open, `ProviderFault` otherwise; bounded."""
        ...

    async def close(self) -> None:
        """Idempotent, bounded; does not call `on_end`."""
        ...

    def send(self, event: Event) -> bool:
        """False when the session is over."""
        ...

    def append_audio(self, audio: bytes) -> bool:
        """The callee's sound in the format of the settings; False when it was dropped. Never blocks, never grows."""
        ...


MakeProvider = Callable[[Callable[[Event], None], Callable[[SessionEnd], None]], VoiceProvider]
