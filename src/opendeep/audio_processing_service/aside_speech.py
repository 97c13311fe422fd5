"""Speech of the voice AI that is no part of the conversation and that the callee never hears: out-of-band responses.

Owns which responses of the session are such ones, until they are done, and their sound. Nothing of them reaches the
playout, the transcript or whose turn it is, also when nobody waits for them any more. No sockets here.
"""

import asyncio
from binascii import a2b_base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from opendeep.audio_processing_service import realtime_protocol as protocol
from opendeep.audio_processing_service.realtime_protocol import Event
from opendeep.audio_processing_service.usage import UsageSum
from opendeep.audio_processing_service.voice_format import VoiceFormat
from opendeep.common.errors import ProviderFault

log = structlog.get_logger(__name__)

MAX_ASIDE_MS: Final = 40_000  # more is cut off
MAX_OPEN: Final = 8  # responses that a lost session never finished: the oldest is forgotten


@dataclass(slots=True)
class _Speech:
    done: asyncio.Future[bytes]
    sound: bytearray = field(default_factory=bytearray)


class AsideSpeech:
    """One per call. `takes` sees every event of the session before the conversation does."""

    def __init__(self, send: Callable[[Event], object], usage: UsageSum, voice: VoiceFormat) -> None:
        self._send = send
        self._usage = usage
        one_ms = voice.encode(bytes(voice.rate_hz * 2 // 1000))
        self._max_bytes = MAX_ASIDE_MS * len(one_ms)
        self._count = 0
        self._waited: dict[str, _Speech] = {}  # by purpose
        self._open: dict[str, _Speech | None] = {}  # by response; None: nobody waits

    async def speak(self, instructions: str, within_s: float) -> bytes:
        """What the voice AI says by these instructions alone, in the session's format. Raises `ProviderFault`."""
        self._count += 1
        purpose = f"{protocol.ASIDE}-{self._count}"
        speech = self._waited[purpose] = _Speech(asyncio.get_running_loop().create_future())
        try:
            self._send(protocol.aside_response(purpose, instructions))
            async with asyncio.timeout(within_s):
                return await speech.done
        except TimeoutError:
            raise ProviderFault("The voice AI did not speak in time.") from None
        finally:
            del self._waited[purpose]

    def takes(self, event: Event) -> bool:
        """Whether this event belongs to such a response; then it goes no further."""
        kind = event["type"]
        if kind == "response.created":
            return self._begin(event["response"])
        if kind == "error":
            return self._refused(event["error"])
        if not self._open:
            return False
        if kind == "response.done":
            return self._end(event["response"])
        response = event.get("response_id")
        if response not in self._open:
            return False
        speech = self._open[response]
        if speech is not None and kind == "response.output_audio.delta" and len(speech.sound) < self._max_bytes:
            speech.sound += a2b_base64(event["delta"])
        return True

    def _begin(self, response: dict[str, Any]) -> bool:
        purpose = (response.get("metadata") or {}).get("purpose")
        if not isinstance(purpose, str) or not purpose.startswith(protocol.ASIDE):
            return False
        self._open[str(response["id"])] = self._waited.get(purpose)
        while len(self._open) > MAX_OPEN:
            del self._open[next(iter(self._open))]
        return True

    def _end(self, response: dict[str, Any]) -> bool:
        if response["id"] not in self._open:
            return False
        speech = self._open.pop(response["id"])
        self._usage.add_response(response.get("usage"))
        if speech is None or speech.done.done():
            return True
        if response.get("status") == "completed" and speech.sound:
            speech.done.set_result(bytes(speech.sound[: self._max_bytes]))
        else:
            speech.done.set_exception(ProviderFault("The voice AI could not speak."))
        return True

    def _refused(self, error: dict[str, Any]) -> bool:
        speech = self._waited.get(str(error.get("event_id")))
        if speech is None:
            return False
        log.warning("realtime.aside_refused", code=error.get("code"), message=str(error.get("message"))[:300])
        if not speech.done.done():
            speech.done.set_exception(ProviderFault("The voice AI refused to speak."))
        return True
