"""The voices of a process, from the settings: one for calls that are held freely, one for calls word for word.

A script is spoken by the local Realtime server through the same client as every call (decision 0014), never by a model
that might choose other words: without that server such a call has no voice.
"""

import ssl
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from opendeep.audio_processing_service.openai_realtime_client import OpenAIRealtimeClient
from opendeep.audio_processing_service.realtime_protocol import Event, RealtimeSettings, realtime_url
from opendeep.audio_processing_service.voice_health import VoiceBreaker
from opendeep.audio_processing_service.voice_provider import MakeProvider, SessionEnd
from opendeep.audio_processing_service.voice_services import Voice
from opendeep.common.errors import ProviderRefused
from opendeep.config.app_config import AppConfig

SCRIPTED_MODEL: Final = "opendeep-scripted"
NO_SERVER: Final = (
    "Calls that are held word for word need the local voice, and none is set up here. Set SCRIPTED_BASE_URL to that of "
    "an OpenDeep offline server."
)


class NoVoice:
    """A `VoiceProvider` where there is none: it refuses, and says what to do."""

    async def connect(self) -> None:
        raise ProviderRefused(NO_SERVER)

    async def close(self) -> None:
        """There is nothing to close."""

    def send(self, event: Event) -> bool:
        return False

    def append_audio(self, audio: bytes) -> bool:
        return False


def speaking_realtime(settings: RealtimeSettings) -> MakeProvider:
    """Sessions with the Realtime server of these settings."""
    tls = ssl.create_default_context() if settings.url.startswith("wss:") else None
    return lambda on_event, on_end: OpenAIRealtimeClient(settings, on_event, on_end, tls=tls)


def scripted_voice(config: AppConfig, freely: RealtimeSettings) -> Voice | None:
    """The voice of calls with a script; None where the local server speaks in all calls. Its sound has the same format
    as the other's, its key is nobody's."""
    if config.scripted_base_url is None:
        return Voice(_nobody, replace(freely, model=SCRIPTED_MODEL, api_key=None), VoiceBreaker())
    url = realtime_url(None, config.scripted_base_url)
    if url == freely.url:
        return None
    settings = RealtimeSettings(url, SCRIPTED_MODEL, freely.voice, SCRIPTED_MODEL, audio=freely.audio)
    return Voice(speaking_realtime(settings), settings, VoiceBreaker())


def _nobody(on_event: Callable[[Event], None], on_end: Callable[[SessionEnd], None]) -> NoVoice:
    return NoVoice()
