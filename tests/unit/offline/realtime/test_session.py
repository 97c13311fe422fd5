"""The Realtime protocol of the offline server, without a socket: sequences, errors, turn taking."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opendeep.config.prompt_config import bridge_instructions
from tests.unit.config.test_prompt_config import brief as call_brief
from tests.unit.offline.briefs import instructions
from tests.unit.offline.realtime.harness import SERVER_EVENTS, TOOLS, Bench, error_of, one, silence, tone, types

GREETING = tone(600) + silence(600)
TRANSCRIBED = {"input": {"transcription": {"model": "gpt-transcribe"}}}


def call_bench(**session: Any) -> Bench:
    """A session in the middle of a call: brief, tools, opener said."""
    bench = Bench(instructions=instructions(), tools=TOOLS, **session)
    bench.send("response.create")
    bench.perform()
    return bench


def manual_bench() -> Bench:
    return Bench(instructions=instructions(), tools=TOOLS, audio={"input": {"turn_detection": None}})


def user_text(text: str, **fields: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}], **fields}


def test_the_session_is_created_at_once_with_the_documented_defaults() -> None:
    created = Bench().seen[0]
    assert created["type"] == "session.created"
    session = created["session"]
    assert session["type"] == "realtime"
    assert session["object"] == "realtime.session"
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24_000}
    assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"
    assert session["audio"]["output"]["voice"] == "marin"
    assert session["expires_at"] == 4_000_000_000


def test_an_update_merges_and_is_echoed_in_full() -> None:
    bench = Bench(instructions="Be kind.", tools=TOOLS)
    vad = {"type": "server_vad", "silence_duration_ms": 700}
    events = bench.send("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": vad}}})
    session = one(events, "session.updated")["session"]
    assert session["instructions"] == "Be kind."
    assert session["audio"]["input"]["format"] == {"type": "audio/pcmu"}
    assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 700
    assert session["tools"] == TOOLS


def test_null_clears() -> None:
    bench = Bench(instructions="Be kind.", tools=TOOLS)
    wish = {"type": "realtime", "instructions": None, "tools": None, "audio": {"input": {"turn_detection": None}}}
    session = one(bench.send("session.update", session=wish), "session.updated")["session"]
    assert session["instructions"] == ""
    assert session["tools"] == []
    assert session["audio"]["input"]["turn_detection"] is None


def test_a_session_that_is_sent_back_as_it_came_is_accepted() -> None:
    bench = Bench(tools=TOOLS)
    session = bench.session.settings.as_field()
    assert one(bench.send("session.update", session=session), "session.updated")["session"] == session


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({}, "invalid_value", "session.type"),
        ({"type": "transcription"}, "invalid_value", "session.type"),
        ({"type": "realtime", "modalities": ["text"]}, "unknown_parameter", "session.modalities"),
        ({"type": "realtime", "input_audio_format": "g711_ulaw"}, "unknown_parameter", "session.input_audio_format"),
        ({"type": "realtime", "output_modalities": ["audio", "text"]}, "invalid_value", "output_modalities"),
        ({"type": "realtime", "model": "other"}, "invalid_value", "session.model"),
        ({"type": "realtime", "instructions": 3}, "invalid_value", "session.instructions"),
        ({"type": "realtime", "instructions": "<call_brief>{</call_brief>"}, "invalid_value", "session.instructions"),
        ({"type": "realtime", "tools": [{"type": "mcp"}]}, "invalid_value", "session.tools[0]"),
        ({"type": "realtime", "tool_choice": "maybe"}, "invalid_value", "session.tool_choice"),
        ({"type": "realtime", "max_output_tokens": 0}, "invalid_value", "max_output_tokens"),
        ({"type": "realtime", "audio": []}, "invalid_type", "session.audio"),
        (
            {"type": "realtime", "audio": {"input": {"format": {"type": "g711_ulaw"}}}},
            "invalid_value",
            "session.audio.input.format",
        ),
        (
            {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 16_000}}}},
            "invalid_value",
            "session.audio.input.format.rate",
        ),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 3}}}},
            "invalid_value",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "telepathy"}}}},
            "invalid_value",
            "session.audio.input.turn_detection.type",
        ),
        ({"type": "realtime", "shiny": 1}, "unknown_parameter", "session.shiny"),
        ({"type": "realtime", "id": "sess_other"}, "invalid_value", "session.id"),
        ({"type": "realtime", "tools": [{"type": "function", "name": ""}]}, "invalid_value", "session.tools[0]"),
        (
            {"type": "realtime", "tools": [{"type": "function", "name": "a", "description": 1}]},
            "invalid_type",
            "session.tools[0].description",
        ),
        (
            {"type": "realtime", "tool_choice": {"type": "function", "name": "a"}},
            "invalid_value",
            "session.tool_choice.name",
        ),
        ({"type": "realtime", "truncation": "some"}, "invalid_value", "session.truncation"),
        ({"type": "realtime", "reasoning": {"effort": "huge"}}, "invalid_value", "session.reasoning.effort"),
        ({"type": "realtime", "tracing": {"group_id": "g"}}, "invalid_value", "session.tracing"),
        (
            {"type": "realtime", "include": ["item.input_audio_transcription.logprobs"]},
            "invalid_value",
            "session.include",
        ),
        ({"type": "realtime", "prompt": {"id": "pmpt_1"}}, "invalid_value", "session.prompt"),
        ({"type": "realtime", "parallel_tool_calls": "yes"}, "invalid_type", "session.parallel_tool_calls"),
        ({"type": "realtime", "audio": {"video": {}}}, "unknown_parameter", "session.audio.video"),
        ({"type": "realtime", "audio": {"input": {"gain": 2}}}, "unknown_parameter", "session.audio.input.gain"),
        ({"type": "realtime", "audio": {"output": {"pitch": 2}}}, "unknown_parameter", "session.audio.output.pitch"),
        ({"type": "realtime", "audio": {"output": {"voice": {}}}}, "invalid_value", "session.audio.output.voice"),
        ({"type": "realtime", "audio": {"output": {"speed": 9}}}, "invalid_value", "session.audio.output.speed"),
        (
            {"type": "realtime", "audio": {"input": {"noise_reduction": {"type": "studio"}}}},
            "invalid_value",
            "session.audio.input.noise_reduction.type",
        ),
        (
            {"type": "realtime", "audio": {"input": {"transcription": {"model": 3}}}},
            "invalid_type",
            "session.audio.input.transcription.model",
        ),
        (
            {"type": "realtime", "audio": {"input": {"transcription": {"languages": "en"}}}},
            "invalid_type",
            "session.audio.input.transcription.languages",
        ),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "semantic_vad", "threshold": 0.5}}}},
            "unknown_parameter",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "so"}}}},
            "invalid_value",
            "session.audio.input.turn_detection.eagerness",
        ),
    ],
)
def test_a_wrong_update_changes_nothing_and_names_the_parameter(session: dict[str, Any], code: str, param: str) -> None:
    bench = Bench()
    before = bench.session.settings.as_field()
    error = error_of(bench.send("session.update", event_id="mine", session=session))
    assert (error["code"], error["param"], error["event_id"]) == (code, param, "mine")
    assert bench.session.settings.as_field() == before


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("not json", "invalid_event"),
        ("[1]", "invalid_event"),
        ("{}", "missing_required_parameter"),
        ('{"type":7}', "invalid_type"),
        ('{"type":"sing.a.song","event_id":"e1"}', "invalid_value"),
        (b'{"type":"response.create"}', "invalid_event"),
        ('{"type":"input_audio_buffer.append"}', "missing_required_parameter"),
        ('{"type":"input_audio_buffer.append","audio":"%%%"}', "invalid_value"),
        ('{"type":"input_audio_buffer.commit"}', "input_audio_buffer_commit_empty"),
        ('{"type":"response.cancel"}', "response_cancel_not_active"),
        ('{"type":"conversation.item.retrieve","item_id":"x"}', "item_retrieve_invalid_item_id"),
        ('{"type":"conversation.item.delete","item_id":"x"}', "item_delete_invalid_item_id"),
        (
            '{"type":"conversation.item.truncate","item_id":"x","content_index":0,"audio_end_ms":1}',
            "item_truncate_invalid_item_id",
        ),
        ('{"type":"output_audio_buffer.clear"}', "invalid_value"),
        (
            '{"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"c","output":"{}"}}',
            "invalid_tool_call_id",
        ),
        ('{"type":"conversation.item.create","item":{"type":"mcp_call"}}', "invalid_value"),
        ('{"type":"response.create","response":{"metadata":{"a":1}}}', "invalid_value"),
        ('{"type":"response.create","response":{"conversation":"both"}}', "invalid_value"),
        ('{"type":"response.create","response":{"temperature":1}}', "unknown_parameter"),
        ('{"type":"response.create","response":{"audio":{"output":{"speed":1}}}}', "unknown_parameter"),
        ('{"type":"response.create","response":{"input":["x"]}}', "invalid_type"),
        (
            '{"type":"response.create","response":{"input":[{"type":"item_reference","id":"gone"}]}}',
            "item_retrieve_invalid_item_id",
        ),
        (
            '{"type":"response.create","response":{"tool_choice":{"type":"function","name":"x"}}}',
            "invalid_value",
        ),
    ],
)
def test_a_mistake_becomes_an_error_and_the_session_goes_on(message: str | bytes, code: str) -> None:
    bench = Bench()
    bench.session.receive(message)
    assert error_of(bench.drain())["code"] == code
    assert types(bench.send("session.update", session={"type": "realtime"})) == ["session.updated"]


def test_a_spoken_turn_in_the_documented_order() -> None:
    bench = call_bench(audio=TRANSCRIBED)
    assert types(bench.hear(GREETING)) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    assert not bench.session.understood(bench.responses[0])
    events = bench.understood("hello")
    assert one(events, "conversation.item.input_audio_transcription.completed")["transcript"] == "hello"
    events = bench.perform()
    assert types(events)[:3] == [
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
    ]
    assert types(events)[-7:] == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
        "rate_limits.updated",
    ]
    transcript = one(events, "response.output_audio_transcript.done")["transcript"]
    deltas = [event["delta"] for event in events if event["type"] == "response.output_audio_transcript.delta"]
    assert "".join(deltas) == transcript
    assert transcript.endswith("Does Tuesday at ten work for you?")
    assert one(events, "response.content_part.done")["part"]["type"] == "audio"
    done = one(events, "response.done")["response"]
    assert done["status"] == "completed"
    assert done["usage"]["output_token_details"]["audio_tokens"] == 60  # three sentences of a second
    assert done["output"][0]["content"][0]["type"] == "output_audio"


def test_event_ids_are_unique() -> None:
    bench = call_bench()
    bench.hear(GREETING)
    bench.understood("hello")
    bench.perform()
    ids = [event["event_id"] for event in bench.seen]
    assert len(set(ids)) == len(ids)


def test_a_call_of_a_tool_and_its_follow_up() -> None:
    bench = call_bench()
    for words in ("hello", "is there parking"):
        bench.hear(GREETING)
        bench.understood(words)
        events = bench.perform()
    arguments = one(events, "response.function_call_arguments.done")
    assert arguments["name"] == "request_user_feedback"
    assert orjson.loads(arguments["arguments"]) == {"question": "Is there parking?"}
    order = types(events)
    item_added = max(at for at, kind in enumerate(order) if kind == "conversation.item.added")
    assert item_added < order.index("response.function_call_arguments.delta")
    call = one(events, "response.done")["response"]["output"][1]
    assert (call["type"], call["status"]) == ("function_call", "completed")
    assert len(call["call_id"]) <= 32
    output = {
        "type": "function_call_output",
        "call_id": call["call_id"],
        "output": '{"status":"answered","answer":"Yes"}',
    }
    assert types(bench.send("conversation.item.create", item=output)) == [
        "conversation.item.added",
        "conversation.item.done",
    ]
    bench.send("response.create")
    events = bench.perform()
    assert "I have asked. Yes." in one(events, "response.output_audio_transcript.done")["transcript"]


def test_a_sentence_fills_the_time_of_a_tool_and_changes_nothing() -> None:
    """`response.create` with instructions of its own, while a function's output is still open."""
    bench = call_bench()
    for words in ("hello", "is there parking"):
        bench.hear(GREETING)
        bench.understood(words)
        events = bench.perform()
    call = one(events, "response.done")["response"]["output"][1]
    words = bridge_instructions(call_brief(language="de-DE"))
    bench.send("response.create", response={"instructions": words, "tool_choice": "none"})
    events = bench.perform()
    said = one(events, "response.output_audio_transcript.done")["transcript"]
    assert said == "One moment please, I am still looking into that."
    item = {
        "type": "function_call_output",
        "call_id": call["call_id"],
        "output": '{"status":"answered","answer":"Yes"}',
    }
    bench.send("conversation.item.create", item=item)
    bench.send("response.create")
    assert "I have asked. Yes." in one(bench.perform(), "response.output_audio_transcript.done")["transcript"]


def test_speech_over_an_active_response_cancels_it() -> None:
    bench = call_bench()
    bench.hear(GREETING)
    bench.understood("hello")
    response = bench.responses.pop(0)
    bench.session.plan(response)
    response.begin_sentence(whole=True)
    response.words("This is")
    response.audio(tone(200))
    bench.drain()
    events = bench.hear(tone(100))
    assert types(events)[0] == "input_audio_buffer.speech_started"
    done = one(events, "response.done")["response"]
    assert done["status"] == "cancelled"
    assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert one(events, "response.output_item.done")["item"]["status"] == "incomplete"
    assert not response.active


def test_without_interruption_the_response_goes_on_and_the_next_one_follows() -> None:
    vad = {"type": "server_vad", "interrupt_response": False, "silence_duration_ms": 500}
    audio = {"input": {"turn_detection": vad}}
    bench = Bench(instructions=instructions(), tools=TOOLS, audio=audio)
    bench.send("response.create")
    events = bench.hear(GREETING)
    assert "response.done" not in types(events)
    assert "response.created" not in types(events)
    bench.understood("hello")
    assert "response.created" in types(bench.perform())


def test_without_automatic_responses_only_the_edges_are_told() -> None:
    vad = {"type": "server_vad", "create_response": False, "silence_duration_ms": 500}
    bench = Bench(instructions=instructions(), audio={"input": {"turn_detection": vad}})
    assert "response.created" not in types(bench.hear(GREETING))
    assert len(bench.recognitions) == 1


def test_a_cut_question_is_asked_again() -> None:
    bench = call_bench()
    bench.hear(GREETING)
    bench.understood("hello")
    item = one(bench.perform(), "response.output_item.done")["item"]
    events = bench.send("conversation.item.truncate", item_id=item["id"], content_index=0, audio_end_ms=2_100)
    assert one(events, "conversation.item.truncated")["audio_end_ms"] == 2_100
    bench.hear(GREETING)
    bench.understood("yes okay")
    events = bench.perform()
    assert one(events, "response.output_audio_transcript.done")["transcript"] == "Does Tuesday at ten work for you?"


@pytest.mark.parametrize("heard_ms", [0, 600, 850])
def test_who_is_calling_is_said_again_unless_it_was_heard_to_its_end(heard_ms: int) -> None:
    bench = call_bench()
    bench.hear(GREETING)
    bench.understood("hello")
    item = one(bench.perform(), "response.output_item.done")["item"]
    if heard_ms:
        bench.send("conversation.item.truncate", item_id=item["id"], content_index=0, audio_end_ms=heard_ms)
    else:
        bench.send("conversation.item.delete", item_id=item["id"])  # nothing of it was played
    bench.hear(GREETING)
    bench.understood("hello i am here now")
    assert "This is an AI" in one(bench.perform(), "response.output_audio_transcript.done")["transcript"]


def test_nothing_can_be_cut_beyond_its_end() -> None:
    bench = Bench(instructions=instructions())
    bench.send("response.create")
    item = one(bench.perform(), "response.output_item.done")["item"]
    error = error_of(bench.send("conversation.item.truncate", item_id=item["id"], content_index=0, audio_end_ms=1_060))
    assert error["message"] == "Audio content of 1000ms is already shorter than 1060ms"


def test_a_cut_takes_the_transcript_of_the_cut_part() -> None:
    bench = call_bench()
    bench.hear(GREETING)
    bench.understood("hello")
    item = one(bench.perform(), "response.output_item.done")["item"]
    bench.send("conversation.item.truncate", item_id=item["id"], content_index=0, audio_end_ms=900)
    events = bench.send("conversation.item.retrieve", item_id=item["id"])
    part = one(events, "conversation.item.retrieved")["item"]["content"][0]
    assert part["transcript"].startswith("This is an AI")
    assert "Tuesday" not in part["transcript"]
    assert len(base64.b64decode(part["audio"])) == 900 * 8


def test_retrieve_gives_the_callees_audio_and_delete_takes_the_item() -> None:
    bench = call_bench()
    item_id = one(bench.hear(GREETING), "input_audio_buffer.committed")["item_id"]
    bench.understood("hello")
    item = one(bench.send("conversation.item.retrieve", item_id=item_id), "conversation.item.retrieved")["item"]
    assert item["content"][0]["transcript"] == "hello"
    assert len(base64.b64decode(item["content"][0]["audio"])) > 600 * 8
    assert types(bench.send("conversation.item.delete", item_id=item_id)) == ["conversation.item.deleted"]
    assert (
        error_of(bench.send("conversation.item.retrieve", item_id=item_id))["code"] == "item_retrieve_invalid_item_id"
    )


def test_items_keep_the_clients_ids_and_places() -> None:
    bench = Bench()
    bench.send("conversation.item.create", item=user_text("one", id="a"))
    bench.send("conversation.item.create", item=user_text("two", id="b"))
    events = bench.send("conversation.item.create", item=user_text("zero", id="z"), previous_item_id="root")
    assert one(events, "conversation.item.added")["previous_item_id"] is None
    events = bench.send("conversation.item.create", item=user_text("half", id="h"), previous_item_id="a")
    assert one(events, "conversation.item.added")["previous_item_id"] == "a"
    assert [item.id for item in bench.session.conversation] == ["z", "a", "h", "b"]
    error = error_of(bench.send("conversation.item.create", item=user_text("again", id="a")))
    assert error["code"] == "item_create_duplicate_item_id"


@pytest.mark.parametrize(
    "item",
    [
        {"type": "message", "role": "wizard", "content": []},
        {"type": "message", "role": "user", "content": [{"type": "output_audio"}]},
        {"type": "message", "role": "user"},
        {"type": "message", "role": "user", "content": ["text"]},
        {"type": "function_call_output", "call_id": "c"},
        {"role": "user"},
        {"type": "message", "role": "user", "content": [], "id": "x" * 65},
    ],
)
def test_items_of_the_wrong_shape_are_refused(item: dict[str, Any]) -> None:
    assert error_of(Bench().send("conversation.item.create", item=item))["param"].startswith(("item", "type", "output"))


def test_typed_words_are_heard_like_spoken_ones() -> None:
    bench = Bench(instructions=instructions(), tools=TOOLS)
    bench.send("conversation.item.create", item=user_text("please stop calling me"))
    bench.send("response.create")
    events = bench.perform()
    assert orjson.loads(one(events, "response.function_call_arguments.done")["arguments"])["reason"] == "opt_out"


def test_history_of_the_assistant_can_be_replayed_as_text() -> None:
    item = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello."}]}
    assert types(Bench().send("conversation.item.create", item=item)) == [
        "conversation.item.added",
        "conversation.item.done",
    ]


def test_manual_turns_are_committed_by_the_client() -> None:
    bench = manual_bench()
    assert bench.hear(tone(800)) == []
    assert types(bench.send("input_audio_buffer.commit")) == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert len(bench.recognitions[0].pcm) == 800 * 16
    bench.understood("hello")
    bench.send("response.create")
    assert "Does Tuesday at ten" in one(bench.perform(), "response.output_audio_transcript.done")["transcript"]


def test_less_than_a_tenth_of_a_second_is_not_committed_and_clear_forgets() -> None:
    bench = manual_bench()
    bench.hear(tone(80))
    assert error_of(bench.send("input_audio_buffer.commit"))["code"] == "input_audio_buffer_commit_empty"
    bench.hear(tone(500))
    assert types(bench.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert error_of(bench.send("input_audio_buffer.commit"))["code"] == "input_audio_buffer_commit_empty"


def test_only_one_response_at_a_time_in_the_conversation() -> None:
    bench = Bench(instructions=instructions())
    bench.send("response.create")
    error = error_of(bench.send("response.create", event_id="second"))
    assert error["code"] == "conversation_already_has_active_response"
    assert error["event_id"] == "second"
    events = bench.send("response.cancel")
    assert one(events, "response.done")["response"]["status_details"]["reason"] == "client_cancelled"
    assert types(bench.send("response.create")) == ["response.created"]


def test_metadata_is_echoed_and_text_is_written() -> None:
    bench = Bench(instructions=instructions())
    wish = {"metadata": {"topic": "opener"}, "output_modalities": ["text"]}
    created = one(bench.send("response.create", response=wish), "response.created")["response"]
    assert created["metadata"] == {"topic": "opener"}
    events = bench.perform()
    assert one(events, "response.output_text.done")["text"] == "Hello."
    assert "response.output_audio.delta" not in types(events)
    assert one(events, "response.done")["response"]["output"][0]["content"] == [
        {"type": "output_text", "text": "Hello."}
    ]


def test_out_of_band_runs_beside_and_leaves_no_trace() -> None:
    bench = Bench(instructions=instructions())
    bench.send("response.create")
    wish = {"conversation": "none", "instructions": "Say exactly: The line is being tested.", "metadata": {"k": "v"}}
    events = bench.send("response.create", response=wish)
    assert one(events, "response.created")["response"]["conversation_id"] is None
    events = bench.perform(bench.responses.pop(1))
    assert one(events, "response.output_audio_transcript.done")["transcript"] == "The line is being tested."
    assert "conversation.item.added" not in types(events)
    assert len(list(bench.session.conversation)) == 0
    assert "Hello." in one(bench.perform(), "response.output_audio_transcript.done")["transcript"]


def test_the_voice_is_fixed_once_it_has_spoken() -> None:
    bench = call_bench()
    wish = {"type": "realtime", "audio": {"output": {"voice": "cedar"}}}
    assert error_of(bench.send("session.update", session=wish))["code"] == "cannot_update_voice"


def test_two_utterances_before_an_answer_are_one_turn() -> None:
    bench = call_bench()
    bench.hear(GREETING)
    bench.hear(GREETING)
    bench.understood("hello")
    bench.understood("please stop calling me")
    assert [response.active for response in bench.responses] == [False, True]
    events = bench.perform(bench.responses[1])
    assert orjson.loads(one(events, "response.function_call_arguments.done")["arguments"])["reason"] == "opt_out"


def test_a_callee_who_stays_silent_times_out_on_the_streams_own_clock() -> None:
    vad = {"type": "server_vad", "silence_duration_ms": 500, "idle_timeout_ms": 2_000}
    bench = call_bench(audio={"input": {"turn_detection": vad}})
    assert "input_audio_buffer.timeout_triggered" not in types(bench.hear(silence(2_900)))  # 1 s of it is playback
    events = bench.hear(silence(200))
    assert types(events) == [
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    assert "Does Tuesday" in one(bench.perform(), "response.output_audio_transcript.done")["transcript"]


def test_a_recogniser_that_breaks_down_does_not_stop_the_call() -> None:
    bench = call_bench(audio=TRANSCRIBED)
    bench.hear(GREETING)
    job = bench.recognitions.pop(0)
    bench.session.recognition_failed(job.item_id, job.duration_ms)
    assert types(bench.drain()) == ["conversation.item.input_audio_transcription.failed"]
    assert "Does Tuesday" in one(bench.perform(), "response.output_audio_transcript.done")["transcript"]


def test_the_end_of_the_session_is_an_error_first() -> None:
    bench = Bench()
    bench.session.expire(60)
    error = error_of(bench.drain())
    assert error["code"] == "session_expired"
    assert error["message"] == "Your session hit the maximum duration of 60 minutes."


def test_a_new_brief_starts_a_new_conversation_and_the_same_one_does_not() -> None:
    bench = call_bench()
    bench.update(instructions=instructions())
    bench.send("response.create")
    assert "Does Tuesday" in one(bench.perform(), "response.output_audio_transcript.done")["transcript"]
    bench.update(instructions=instructions(opening="Another purpose."))
    bench.send("response.create")
    assert one(bench.perform(), "response.output_audio_transcript.done")["transcript"] == "Hello."


def test_without_a_brief_the_voice_repeats_what_it_understood() -> None:
    bench = Bench(instructions="You are a helpful assistant.")
    bench.hear(GREETING)
    bench.understood("good morning")
    assert one(bench.perform(), "response.output_audio_transcript.done")["transcript"] == "I understood: good morning."


@pytest.mark.parametrize("piece_ms", [1, 7, 20, 100, 1_200])
def test_audio_in_pieces_of_any_size_gives_the_same_turns(piece_ms: int) -> None:
    bench = call_bench()
    events = bench.hear(silence(500) + GREETING + silence(100), piece_ms=piece_ms)
    assert one(events, "input_audio_buffer.speech_started")["audio_start_ms"] == 200
    assert one(events, "input_audio_buffer.speech_stopped")["audio_end_ms"] == 1_600


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KINDS = st.sampled_from(
    [
        "session.update", "input_audio_buffer.append", "input_audio_buffer.commit", "input_audio_buffer.clear",
        "conversation.item.create", "conversation.item.retrieve", "conversation.item.truncate",
        "conversation.item.delete", "response.create", "response.cancel",
    ]
)  # fmt: skip
FIELDS = st.sampled_from(
    ["session", "audio", "item", "item_id", "previous_item_id", "content_index", "audio_end_ms", "response", "event_id"]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(KINDS, st.dictionaries(FIELDS, JSON, max_size=4)), max_size=8))
def test_no_nonsense_breaks_a_session(events: list[tuple[str, dict[str, Any]]]) -> None:
    bench = Bench(instructions=instructions(), tools=TOOLS)
    for kind, fields in events:
        bench.send(kind, **{name: value for name, value in fields.items() if name != "type"})
    assert types(bench.send("session.update", session={"type": "realtime"})) == ["session.updated"]


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=60), st.binary(max_size=60)))
def test_no_message_breaks_a_session(message: str | bytes) -> None:
    bench = Bench()
    bench.session.receive(message)
    for event in bench.drain():
        SERVER_EVENTS.validate_json(orjson.dumps(event))
