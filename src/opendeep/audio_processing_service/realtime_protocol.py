"""The client side of the Realtime protocol, sans-I/O: the events we send, and what the server's errors mean.

GA names and shapes only (OpenAI Realtime, `openai.types.realtime`; a test validates every event against those types).
The media path builds `append` from bytes, everything else is a plain dict. No sockets, no state of a call here.
"""

from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

import orjson

from opendeep.audio_processing_service.voice_format import VoiceFormat
from opendeep.common.data_models import Speaker
from opendeep.common.voice_prices import Prices, parse_prices, prices_for
from opendeep.config.app_config import AppConfig

Event = dict[str, Any]

OPENAI_REALTIME_URL: Final = "wss://api.openai.com/v1/realtime"
VAD_THRESHOLD: Final = 0.5
VAD_PREFIX_PADDING_MS: Final = 300
VAD_SILENCE_MS: Final = 500
TRUNCATE_MARGIN_MS: Final = 100  # never claim more than what surely arrived, see `heard_ms`
MAX_HISTORY_TURNS: Final = 60
ASIDE: Final = "aside"  # begins the purpose of a response out of band

_APPEND_HEAD: Final = b'{"type":"input_audio_buffer.append","audio":"'
_APPEND_TAIL: Final = b'"}'


@dataclass(frozen=True, slots=True)
class RealtimeSettings:
    """What every session has in common. `url` without the query; `api_key` never reaches a log; `prices` as they hold
    at that address."""

    url: str
    model: str
    voice: str
    transcription_model: str
    api_key: str | None = None
    audio: VoiceFormat = VoiceFormat.PCMU
    prices: Prices = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"RealtimeSettings(url={self.url!r}, model={self.model!r})"


def settings_from(config: AppConfig, base_url: str | None = None) -> RealtimeSettings:
    """The session settings of this process. `base_url` (http://…/v1) overrides the configured one."""
    url = realtime_url(config.openai_realtime_url, base_url or config.openai_base_url)
    return RealtimeSettings(
        url=url,
        model=config.openai_realtime_model,
        voice=config.openai_realtime_voice,
        transcription_model=config.openai_transcription_model,
        api_key=config.openai_api_key.get_secret_value() if config.openai_api_key else None,
        audio=VoiceFormat.of(config.openai_realtime_audio),
        prices=prices_for(url, parse_prices(config.model_prices)),
    )


def realtime_url(realtime: str | None, base: str | None) -> str:
    """The socket's address: as given, from the HTTP base (`http://h/v1` → `ws://h/v1/realtime`), or OpenAI's."""
    if realtime:
        return _as_socket(realtime)
    if base:
        return _as_socket(base.rstrip("/") + "/realtime")
    return OPENAI_REALTIME_URL


def _as_socket(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return {"http": "ws", "https": "wss"}.get(scheme, scheme) + separator + rest


# -- events that we send


def append_audio(audio: bytes) -> bytes:
    """`input_audio_buffer.append` as JSON bytes."""
    return _APPEND_HEAD + b2a_base64(audio, newline=False) + _APPEND_TAIL


def minimal_session(settings: RealtimeSettings) -> Event:
    """While the phone rings: formats, voice, transcription; no instructions yet."""
    audio_format = settings.audio.as_field()
    return {
        "type": "session.update",
        "event_id": "session-minimal",
        "session": {
            "type": "realtime",
            "output_modalities": ["audio"],
            "audio": {
                "input": {
                    "format": audio_format,
                    "transcription": {"model": settings.transcription_model},
                    "turn_detection": {
                        "type": "server_vad",
                        "threshold": VAD_THRESHOLD,
                        "prefix_padding_ms": VAD_PREFIX_PADDING_MS,
                        "silence_duration_ms": VAD_SILENCE_MS,
                        "create_response": False,  # whose turn it is, is decided here
                        "interrupt_response": False,
                    },
                },
                "output": {"format": audio_format, "voice": settings.voice},
            },
        },
    }


def full_session(instructions: str, tools: Sequence[Mapping[str, Any]]) -> Event:
    """Once answered: who we are and what we may do. Merges into the minimal session."""
    session: Event = {
        "type": "realtime",
        "instructions": instructions,
        "tools": [dict(tool) for tool in tools],
        "tool_choice": "auto",
    }
    return {"type": "session.update", "event_id": "session-full", "session": session}


def response_create(event_id: str) -> Event:
    return {"type": "response.create", "event_id": event_id}


def bridging_response(event_id: str, instructions: str) -> Event:
    """One response by instructions of its own (they replace the session's), without tools."""
    response = {"instructions": instructions, "tool_choice": "none"}
    return {"type": "response.create", "event_id": event_id, "response": response}


def aside_response(purpose: str, instructions: str) -> Event:
    """One response out of band: the conversation neither feeds it nor gets it. Its metadata come back with it."""
    response = {
        "conversation": "none",
        "input": [],
        "instructions": instructions,
        "tool_choice": "none",
        "metadata": {"purpose": purpose},
    }
    return {"type": "response.create", "event_id": purpose, "response": response}


def response_cancel(event_id: str, response_id: str) -> Event:
    return {"type": "response.cancel", "event_id": event_id, "response_id": response_id}


def truncate(item_id: str, content_index: int, audio_end_ms: int) -> Event:
    return {
        "type": "conversation.item.truncate",
        "event_id": f"truncate-{item_id}"[:200],
        "item_id": item_id,
        "content_index": content_index,
        "audio_end_ms": audio_end_ms,
    }


def delete_item(item_id: str) -> Event:
    return {"type": "conversation.item.delete", "event_id": f"delete-{item_id}"[:200], "item_id": item_id}


def message(role: str, text: str) -> Event:
    """`role` is user, assistant or system; assistant audio cannot be put back, so history is text."""
    part = {"type": "output_text" if role == "assistant" else "input_text", "text": text}
    return {"type": "conversation.item.create", "item": {"type": "message", "role": role, "content": [part]}}


def function_output(call_id: str, output: Mapping[str, Any]) -> Event:
    item = {"type": "function_call_output", "call_id": call_id, "output": orjson.dumps(output).decode()}
    return {"type": "conversation.item.create", "item": item}


def history_items(turns: Sequence[tuple[Speaker, str]]) -> list[Event]:
    """The last turns of a conversation for a new, blank session."""
    told = {
        Speaker.AI: ("assistant", ""),
        Speaker.CALLEE: ("user", ""),
        Speaker.USER: ("system", "Your principal, who had taken over, said: "),
    }
    return [message(told[speaker][0], told[speaker][1] + text) for speaker, text in turns[-MAX_HISTORY_TURNS:]]


def heard_ms(played_ms: int, received_ms: int) -> int:
    """What to claim as heard: at most what was played, and a margin below what arrived (servers refuse more than they
    sent, and a steady over-count of some 85 ms was reported)."""
    return max(0, min(played_ms, received_ms - TRUNCATE_MARGIN_MS))


# -- errors that we get


def concerns_account(error: Mapping[str, Any]) -> bool:
    """Whether every session of ours would meet this error, whoever is called: key, credit, model."""
    return (error.get("code") or error.get("type") or "") in _FATAL


class Severity(Enum):
    """What an `error` event means for the call."""

    HARMLESS = "harmless"  # a race that the protocol allows
    SERIOUS = "serious"  # our event was wrong, the session goes on
    LOST = "lost"  # this session is over, a new one may work
    FATAL = "fatal"  # no session will work


_HARMLESS: Final = frozenset(
    {
        "response_cancel_not_active",
        "conversation_already_has_active_response",
        "input_audio_buffer_commit_empty",
        "item_retrieve_invalid_item_id",
        "item_truncate_invalid_item_id",
        "item_delete_invalid_item_id",
        "item_create_duplicate_item_id",
    }
)
_LOST: Final = frozenset({"session_expired", "session_not_found", "server_shutdown"})
_FATAL: Final = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "invalid_api_key",
        "account_deactivated",
        "billing_hard_limit_reached",
        "beta_api_shape_disabled",
        "model_not_found",
    }
)


def severity(error: Mapping[str, Any]) -> Severity:
    """Classify the `error` object of an `error` event or of a failed response."""
    code = error.get("code") or error.get("type") or ""
    text = str(error.get("message") or "")
    if code in _FATAL:
        return Severity.FATAL
    if code in _LOST:
        return Severity.LOST
    event_id = str(error.get("event_id") or "")
    if event_id.startswith("session-"):
        return Severity.FATAL  # without its instructions the AI must not talk to anybody
    if code in _HARMLESS or "already shorter than" in text or event_id.startswith(("truncate-", "delete-")):
        return Severity.HARMLESS
    return Severity.SERIOUS
