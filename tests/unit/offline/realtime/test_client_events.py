"""Every event that a client may send, as the vendor's SDK types it, and what comes back."""

from __future__ import annotations

import base64
import typing
from typing import Annotated, Any

import orjson
import pytest
from openai.types.realtime import RealtimeClientEvent
from pydantic import Field, TypeAdapter

from tests.unit.offline.realtime.harness import TOOLS, Bench, error_of, one, tone, types

CLIENT_EVENTS: TypeAdapter[Any] = TypeAdapter(Annotated[RealtimeClientEvent, Field(discriminator="type")])
KINDS = {
    typing.get_args(member.model_fields["type"].annotation)[0]
    for member in typing.get_args(typing.get_args(RealtimeClientEvent)[0])
}
ONLY_WEBRTC = {"output_audio_buffer.clear"}
WORDS = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "the sky is blue"}]}
AUDIO = base64.b64encode(tone(300)).decode()

FULL_SESSION: dict[str, Any] = {
    "type": "realtime",
    "output_modalities": ["audio"],
    "instructions": "Be kind.",
    "audio": {
        "input": {
            "format": {"type": "audio/pcma"},
            "noise_reduction": {"type": "near_field"},
            "transcription": {"model": "gpt-transcribe", "language": "en", "keywords": ["boiler"], "prompt": "A call."},
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.6,
                "prefix_padding_ms": 200,
                "silence_duration_ms": 400,
                "idle_timeout_ms": 8_000,
                "create_response": True,
                "interrupt_response": False,
            },
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "cedar", "speed": 1.25},
    },
    "tools": TOOLS,
    "tool_choice": {"type": "function", "name": "end_call"},
    "max_output_tokens": 1_000,
    "truncation": {"type": "retention_ratio", "retention_ratio": 0.8, "token_limits": {"post_instructions": 8_000}},
    "reasoning": {"effort": "low"},
    "parallel_tool_calls": False,
    "tracing": None,
    "include": [],
    "prompt": None,
}


def manual() -> Bench:
    return Bench(tools=TOOLS, audio={"input": {"turn_detection": None}})


def send(bench: Bench, kind: str, **fields: Any) -> list[dict[str, Any]]:
    """Only what the SDK itself would send."""
    event = {"type": kind, "event_id": f"client-{kind}", **fields}
    CLIENT_EVENTS.validate_python(event)
    return bench.send(**{"kind": kind, **{name: value for name, value in event.items() if name != "type"}})


def test_every_event_of_the_sdk_is_known_but_those_of_webrtc() -> None:
    assert set(Bench().session._handlers) == KINDS - ONLY_WEBRTC
    assert error_of(send(Bench(), "output_audio_buffer.clear"))["event_id"] == "client-output_audio_buffer.clear"


def test_session_update_takes_everything_that_a_client_may_set_and_echoes_it() -> None:
    session = one(send(Bench(), "session.update", session=FULL_SESSION), "session.updated")["session"]
    for key, value in FULL_SESSION.items():
        if key != "audio":
            assert session[key] == value, key
    assert session["audio"] == FULL_SESSION["audio"]
    error = error_of(Bench().send("session.update", session={**session, "id": "sess_of_somebody_else"}))
    assert error["param"] == "session.id"


@pytest.mark.parametrize("eagerness", ["low", "medium", "high", "auto"])
def test_semantic_turn_detection_is_taken_by_its_eagerness(eagerness: str) -> None:
    wanted = {"type": "semantic_vad", "eagerness": eagerness, "create_response": False}
    session = {"type": "realtime", "audio": {"input": {"turn_detection": wanted}}}
    bench = Bench()
    told = one(send(bench, "session.update", session=session), "session.updated")["session"]
    assert told["audio"]["input"]["turn_detection"] == {**wanted, "interrupt_response": True}
    turns = bench.session.settings.turns
    assert turns is not None
    assert turns.silence_duration_ms == {"low": 1_000, "medium": 700, "high": 400, "auto": 700}[eagerness]


def test_append_has_no_answer_and_commit_makes_an_item_but_no_response() -> None:
    bench = manual()
    assert send(bench, "input_audio_buffer.append", audio=AUDIO) == []
    assert types(send(bench, "input_audio_buffer.commit")) == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]


def test_clear_empties_the_buffer() -> None:
    bench = manual()
    send(bench, "input_audio_buffer.append", audio=AUDIO)
    assert types(send(bench, "input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    error = error_of(send(bench, "input_audio_buffer.commit"))
    assert (error["code"], error["event_id"]) == ("input_audio_buffer_commit_empty", "client-input_audio_buffer.commit")


def test_items_are_created_in_their_place_retrieved_and_deleted() -> None:
    bench = manual()
    send(bench, "conversation.item.create", item={**WORDS, "id": "second"})
    first = one(
        send(bench, "conversation.item.create", item={**WORDS, "id": "first"}, previous_item_id="root"),
        "conversation.item.added",
    )
    assert first["previous_item_id"] is None
    middle = send(bench, "conversation.item.create", item={**WORDS, "id": "middle"}, previous_item_id="first")
    assert one(middle, "conversation.item.done")["previous_item_id"] == "first"
    assert [item.id for item in bench.session.conversation] == ["first", "middle", "second"]
    found = one(send(bench, "conversation.item.retrieve", item_id="middle"), "conversation.item.retrieved")["item"]
    assert found["content"] == WORDS["content"]
    assert (
        one(send(bench, "conversation.item.delete", item_id="middle"), "conversation.item.deleted")["item_id"]
        == "middle"
    )
    assert error_of(send(bench, "conversation.item.delete", item_id="middle"))["code"] == "item_delete_invalid_item_id"
    assert error_of(send(bench, "conversation.item.create", item={**WORDS, "id": "first"}))["code"] == (
        "item_create_duplicate_item_id"
    )


def test_a_response_carries_its_metadata_and_can_be_truncated_afterwards() -> None:
    bench = manual()
    send(bench, "conversation.item.create", item=WORDS)
    created = send(bench, "response.create", response={"metadata": {"turn": "one"}, "max_output_tokens": 500})
    assert one(created, "response.created")["response"]["metadata"] == {"turn": "one"}
    item = one(bench.perform(), "response.output_item.done")["item"]
    cut = send(bench, "conversation.item.truncate", item_id=item["id"], content_index=0, audio_end_ms=400)
    assert one(cut, "conversation.item.truncated")["audio_end_ms"] == 400


def test_cancel_ends_the_response_named_or_not() -> None:
    bench = manual()
    for named in (True, False):
        response_id = one(send(bench, "response.create"), "response.created")["response"]["id"]
        events = send(bench, "response.cancel", **({"response_id": response_id} if named else {}))
        done = one(events, "response.done")["response"]
        assert (done["id"], done["status_details"]["reason"]) == (response_id, "client_cancelled")
        bench.responses.clear()


@pytest.mark.parametrize(
    ("kind", "item"),
    [
        ("message", {"role": "system", "content": [{"type": "input_text", "text": "Be kind."}]}),
        ("message", {"role": "assistant", "content": [{"type": "output_text", "text": "Hello."}]}),
        ("message", {"role": "user", "content": [{"type": "input_audio", "audio": AUDIO}]}),
        ("message", {"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AAAA"}]}),
        ("function_call", {"name": "end_call", "arguments": "{}", "call_id": "call_1"}),
    ],
)
def test_every_kind_of_item_that_a_history_may_hold(kind: str, item: dict[str, Any]) -> None:
    events = send(manual(), "conversation.item.create", item={"type": kind, **item})
    assert types(events) == ["conversation.item.added", "conversation.item.done"]


def test_a_history_of_calls_can_be_replayed() -> None:
    bench = manual()
    call = {"type": "function_call", "name": "end_call", "arguments": "{}", "call_id": "call_1"}
    send(bench, "conversation.item.create", item=call)
    output = {"type": "function_call_output", "call_id": "call_1", "output": orjson.dumps({"status": "ok"}).decode()}
    assert types(send(bench, "conversation.item.create", item=output))[0] == "conversation.item.added"
    send(bench, "response.create")
    said = one(bench.perform(), "response.output_audio_transcript.done")["transcript"]
    assert said == "The answer of end call is: status ok."
