"""Every event that we send is one of the SDK's; addresses and errors are read as they are meant."""

import base64
from typing import Annotated, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime import RealtimeClientEvent
from pydantic import Field, TypeAdapter

from opendeep.audio_processing_service import realtime_protocol as protocol
from opendeep.audio_processing_service.realtime_protocol import RealtimeSettings, Severity
from opendeep.common.data_models import Speaker
from opendeep.config.prompt_tools import CALL_TOOLS

CLIENT: TypeAdapter[Any] = TypeAdapter(Annotated[RealtimeClientEvent, Field(discriminator="type")])
SETTINGS = RealtimeSettings("wss://h/v1/realtime", "gpt-realtime-2.1", "marin", "gpt-transcribe", "sk-very-secret")
BETA_KEYS = {"modalities", "input_audio_format", "output_audio_format", "input_audio_transcription", "turn_detection"}


@pytest.mark.parametrize(
    "event",
    [
        protocol.minimal_session(SETTINGS),
        protocol.full_session("Be kind.", CALL_TOOLS),
        protocol.response_create("r-1"),
        protocol.response_cancel("r-2", "resp_1"),
        protocol.truncate("item_1", 0, 1_200),
        protocol.delete_item("item_1"),
        *(protocol.message(role, "text") for role in ("user", "assistant", "system")),
        protocol.function_output("call_1", {"status": "ok"}),
        *protocol.history_items([(Speaker.AI, "Hello."), (Speaker.CALLEE, "Hi.")]),
    ],
    ids=lambda event: event["type"],
)
def test_events_are_the_vendors(event: dict[str, Any]) -> None:
    parsed = CLIENT.validate_python(event)
    assert parsed.type == event["type"]
    assert not BETA_KEYS & set(event.get("session", {}))


@given(st.binary(min_size=1, max_size=400))
def test_audio_is_appended_as_json(audio: bytes) -> None:
    event = orjson.loads(protocol.append_audio(audio))
    assert CLIENT.validate_python(event).type == "input_audio_buffer.append"
    assert base64.b64decode(event["audio"]) == audio


@pytest.mark.parametrize(
    ("realtime", "base", "url"),
    [
        (None, None, "wss://api.openai.com/v1/realtime"),
        (None, "http://127.0.0.1:8203/v1", "ws://127.0.0.1:8203/v1/realtime"),
        (None, "https://ai.example/v1/", "wss://ai.example/v1/realtime"),
        ("wss://own.example/rt", "http://ignored/v1", "wss://own.example/rt"),
        ("https://own.example/rt", None, "wss://own.example/rt"),
    ],
)
def test_where_the_socket_is(realtime: str | None, base: str | None, url: str) -> None:
    assert protocol.realtime_url(realtime, base) == url


@pytest.mark.parametrize(
    ("error", "severity"),
    [
        ({"code": "response_cancel_not_active"}, Severity.HARMLESS),
        (
            {"code": "invalid_value", "message": "Audio content of 3700ms is already shorter than 3760ms"},
            Severity.HARMLESS,
        ),
        ({"code": "invalid_value", "event_id": "truncate-item_9"}, Severity.HARMLESS),
        ({"code": "invalid_value", "message": "no"}, Severity.SERIOUS),
        ({}, Severity.SERIOUS),
        ({"code": "session_expired"}, Severity.LOST),
        ({"type": "insufficient_quota", "code": None}, Severity.FATAL),
        ({"code": "invalid_value", "event_id": "session-full"}, Severity.FATAL),
    ],
)
def test_what_an_error_means(error: dict[str, Any], severity: Severity) -> None:
    assert protocol.severity(error) is severity


def test_never_more_is_claimed_as_heard_than_arrived() -> None:
    assert protocol.heard_ms(500, 4_000) == 500
    assert protocol.heard_ms(3_990, 4_000) == 3_900
    assert protocol.heard_ms(50, 60) == 0


def test_the_key_is_not_shown() -> None:
    assert "secret" not in repr(SETTINGS)
