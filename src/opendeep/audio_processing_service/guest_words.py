"""What a user says who has taken over, as turns of the transcript.

A Realtime session of its own that recognises speech and never answers: the AI's session hears only the callee. Without
it (provider away) the take-over goes on and its words are missing; the owner learns so from `open`.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

from opendeep.audio_processing_service import realtime_protocol as protocol
from opendeep.audio_processing_service.g711 import Law
from opendeep.audio_processing_service.realtime_protocol import Event
from opendeep.audio_processing_service.transcript_book import TranscriptBook
from opendeep.audio_processing_service.usage import UsageSum
from opendeep.audio_processing_service.voice_format import NARROW_HZ, line_format
from opendeep.audio_processing_service.voice_provider import MakeProvider, SessionEnd, VoiceProvider
from opendeep.common.data_models import Speaker
from opendeep.common.errors import ProviderFault

log = structlog.get_logger(__name__)

FRAME_MS: Final = 20
BATCH_FRAMES: Final = 5
MAX_UNSENT_FRAMES: Final = 150  # 3 s, while the session opens; the oldest goes first
WHO: Final = Speaker.USER


class GuestWords:
    """One per take-over. `now_ms` is the call's time; `arrived` is called when words have been recognised."""

    def __init__(
        self,
        realtime: MakeProvider,
        settings: protocol.RealtimeSettings,
        book: TranscriptBook,
        usage: UsageSum,
        now_ms: Callable[[], int],
        arrived: Callable[[], None],
    ) -> None:
        self._make_client = realtime
        self._settings = settings
        self._encode = line_format(settings.audio, NARROW_HZ).hear
        self._book = book
        self._usage = usage
        self._now_ms = now_ms
        self._arrived = arrived
        self._client: VoiceProvider | None = None
        self._unsent: deque[bytes] = deque(maxlen=MAX_UNSENT_FRAMES)
        self._offset_ms = 0
        self._speaking: str | None = None
        self._owed: set[str] = set()  # items whose words are not there yet
        self._settled = asyncio.Event()
        self._handlers: dict[str, Callable[[Event], None]] = {
            "input_audio_buffer.speech_started": self._started,
            "input_audio_buffer.speech_stopped": self._stopped,
            "input_audio_buffer.committed": self._committed,
            "conversation.item.input_audio_transcription.completed": self._recognised,
            "conversation.item.input_audio_transcription.failed": self._not_recognised,
        }

    async def open(self) -> bool:
        """Open the session; False when there is none to be had."""
        client = self._make_client(self._receive, self._lost)
        try:
            await client.connect()
        except ProviderFault as error:
            log.warning("guest.not_recognised", error=str(error))
            return False
        client.send(protocol.minimal_session(self._settings))
        self._offset_ms = self._now_ms() - len(self._unsent) * FRAME_MS
        self._client = client
        return True

    def hear(self, audio: bytes) -> None:
        """20 ms that left for the line, µ-law, silence included: the stream keeps the line's time."""
        self._unsent.append(audio)
        if self._client is not None and len(self._unsent) >= BATCH_FRAMES:
            # After all calls of this tick: a send wakes its receiver.
            asyncio.get_running_loop().call_soon(self._send_batch)

    async def finish(self, within_s: float) -> None:
        """Wait for what was said last; bounded."""
        if self._client is None:
            return
        if self._speaking is not None:
            self._send_batch()
            self._client.send({"type": "input_audio_buffer.commit", "event_id": "guest-commit"})
        try:
            async with asyncio.timeout(within_s):
                while self._owed:
                    self._settled.clear()
                    await self._settled.wait()
        except TimeoutError:
            log.info("guest.last_words_missing")

    async def close(self) -> None:
        """Idempotent."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    # -- events of the session

    def _receive(self, event: Event) -> None:
        handler = self._handlers.get(event["type"])
        if handler is not None:
            handler(event)

    def _started(self, event: Event) -> None:
        self._speaking = _key(event)
        self._owed.add(self._speaking)
        self._book.callee_started(self._speaking, self._line_ms(event["audio_start_ms"]), WHO)

    def _stopped(self, event: Event) -> None:
        item, self._speaking = self._speaking or _key(event), None
        self._book.callee_ended(item, self._line_ms(event["audio_end_ms"]))

    def _committed(self, event: Event) -> None:
        if self._speaking is not None and _key(event) != self._speaking:
            self._book.rename(self._speaking, _key(event))
            self._owed.discard(self._speaking)
            self._owed.add(_key(event))
        self._speaking = None

    def _recognised(self, event: Event) -> None:
        self._usage.add_transcription(event.get("usage"))
        self._book.callee_text(_key(event), str(event["transcript"]), self._now_ms(), WHO)
        self._settle(event)

    def _not_recognised(self, event: Event) -> None:
        self._book.callee_inaudible(_key(event), self._now_ms(), WHO)
        self._settle(event)

    def _lost(self, end: SessionEnd) -> None:
        log.warning("guest.recognition_lost", reason=end.reason)
        for item in self._owed:
            self._book.callee_inaudible(item, self._now_ms(), WHO)
        self._owed.clear()
        self._client = None
        self._arrived()
        self._settled.set()

    # -- inside

    def _settle(self, event: Event) -> None:
        self._owed.discard(_key(event))
        self._arrived()
        self._settled.set()

    def _send_batch(self) -> None:
        if self._client is not None and self._unsent:
            self._client.append_audio(self._encode(Law.ULAW.decode(b"".join(self._unsent))))
            self._unsent.clear()

    def _line_ms(self, stream_ms: int) -> int:
        return max(0, min(self._offset_ms + int(stream_ms), self._now_ms()))


def _key(event: Event) -> str:
    """Its own name in the transcript: two sessions may use the same ids."""
    return f"guest:{event['item_id']}"
