"""A session without a brief: a small honest conversation, tools by choice or by their words, answers apart."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest

from opendeep.offline.minds.small_talk import GREETING, LISTENING, NOT_UNDERSTOOD, WHAT_I_AM
from opendeep.offline.realtime.rate import RateLimit
from tests.unit.offline.realtime.harness import Bench, error_of, one, silence, tone, types

HELLO = tone(600) + silence(600)
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city now.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
        "required": ["city"],
    },
}
BOOKING = {"type": "function", "name": "book_table", "parameters": {"type": "object", "properties": {}}}


def said(events: list[dict[str, Any]]) -> str:
    return str(one(events, "response.output_audio_transcript.done")["transcript"])


def call_of(events: list[dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    done = one(events, "response.function_call_arguments.done")
    return done["name"], orjson.loads(done["arguments"])


def typed(bench: Bench, text: str, **response: Any) -> list[dict[str, Any]]:
    """The client writes, asks for a response, and it is performed."""
    content = [{"type": "input_text", "text": text}]
    bench.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    bench.send("response.create", response=response)
    return bench.perform()


def test_it_greets_once_and_says_what_it_is() -> None:
    bench = Bench()
    bench.send("response.create")
    assert said(bench.perform()) == GREETING
    bench.send("response.create")
    assert said(bench.perform()) == LISTENING


def test_a_greeting_in_quotation_marks_is_followed() -> None:
    bench = Bench(instructions='You are kind. Greet the caller with "Good day,  this is the test line." Be brief.')
    bench.send("response.create")
    assert said(bench.perform()) == "Good day, this is the test line."


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("who is this please", WHAT_I_AM),
        ("", NOT_UNDERSTOOD),
        ("goodbye", "Goodbye."),
        ("the sky is blue", "I understood: the sky is blue."),
    ],
)
def test_spoken_words_are_answered(words: str, answer: str) -> None:
    bench = Bench()
    bench.hear(HELLO)
    bench.understood(words)
    assert said(bench.perform()) == answer


def test_what_was_said_is_repeated_on_request() -> None:
    bench = Bench()
    typed(bench, "The sky is blue.")
    assert said(typed(bench, "can you repeat that")) == "I understood: The sky is blue."


def test_long_words_are_cut_not_refused() -> None:
    assert len(said(typed(Bench(), "word " * 900))) < 400


def test_a_tool_that_the_words_name_is_called_and_its_answer_told() -> None:
    bench = Bench(tools=[WEATHER, BOOKING])
    events = typed(bench, "What is the weather in Paris, in celsius?")
    assert call_of(events) == ("get_weather", {"city": "Paris, in celsius", "unit": "celsius"})
    call_id = one(events, "response.function_call_arguments.done")["call_id"]
    output = '{"sky":"clear","degrees":21,"rain":false}'
    item = {"type": "function_call_output", "call_id": call_id, "output": output}
    bench.send("conversation.item.create", item=item)
    bench.send("response.create")
    assert said(bench.perform()) == "The answer of get weather is: sky clear, degrees 21, rain no."


def test_a_missing_argument_is_asked_for_and_given_up_after_two_questions() -> None:
    room = {"type": "object", "properties": {"seats": {"type": "integer"}}, "required": ["seats"]}
    bench = Bench(tools=[{**BOOKING, "parameters": room}])
    assert said(typed(bench, "please book a table")) == "Which seats, please?"
    assert call_of(typed(bench, "for four people")) == ("book_table", {"seats": 4})
    for _ in range(2):
        assert said(typed(bench, "please book a table")) == "Which seats, please?"
    assert said(typed(bench, "what do you mean")) == "I did not understand the seats, so I leave it."


def test_words_that_name_no_tool_call_none() -> None:
    assert "response.function_call_arguments.done" not in types(typed(Bench(tools=[WEATHER, BOOKING]), "good morning"))


def test_no_tool_is_called_where_the_client_forbids_it() -> None:
    bench = Bench(tools=[WEATHER])
    assert said(typed(bench, "the weather in Paris", tool_choice="none")).startswith("I understood")


@pytest.mark.parametrize("choice", ["required", {"type": "function", "name": "get_weather"}])
def test_a_demanded_tool_is_called_with_arguments_that_fit_its_schema(choice: Any) -> None:
    events = typed(Bench(tools=[WEATHER]), "hello", tool_choice=choice)
    assert call_of(events) == ("get_weather", {"city": "hello"})
    assert "response.output_audio.delta" not in types(events)


def test_a_demand_in_the_session_does_not_go_round_for_ever() -> None:
    bench = Bench(tools=[BOOKING], tool_choice="required")
    call_id = one(typed(bench, "hello"), "response.function_call_arguments.done")["call_id"]
    bench.send("conversation.item.create", item={"type": "function_call_output", "call_id": call_id, "output": "done"})
    bench.send("response.create")
    assert said(bench.perform()) == "The answer of book table is: done."


def test_the_tools_of_a_response_take_the_place_of_the_sessions() -> None:
    events = typed(Bench(tools=[BOOKING]), "the weather in Rome", tools=[WEATHER])
    assert call_of(events) == ("get_weather", {"city": "Rome"})


def test_the_recogniser_is_told_the_words_of_the_tools() -> None:
    bench = Bench(tools=[WEATHER])
    bench.hear(HELLO)
    assert {"get weather", "celsius", "city"} <= set(bench.recognitions[0].hints)


def test_a_text_response_carries_text_only() -> None:
    events = typed(Bench(output_modalities=["text"]), "hello there")
    assert one(events, "response.output_text.done")["text"] == "I understood: hello there."
    assert "response.output_audio.delta" not in types(events)


def test_an_answer_out_of_band_reads_its_input_and_leaves_the_conversation_alone() -> None:
    bench = Bench(tools=[WEATHER])
    typed(bench, "hello")
    before = len(list(bench.session.conversation))
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "the sky is blue"}]}
    wish = {"conversation": "none", "input": [item], "metadata": {"topic": "check"}, "output_modalities": ["text"]}
    bench.send("response.create", response=wish)
    events = bench.perform()
    assert one(events, "response.output_text.done")["text"] == "I understood: the sky is blue."
    response = one(events, "response.done")["response"]
    assert (response["metadata"], response["conversation_id"]) == ({"topic": "check"}, None)
    assert len(list(bench.session.conversation)) == before
    assert "conversation.item.added" not in types(events)


def test_an_answer_apart_may_refer_to_an_item_and_demand_a_tool() -> None:
    bench = Bench(tools=[WEATHER])
    content = [{"type": "input_text", "text": "in Oslo"}]
    bench.send("conversation.item.create", item={"id": "mine", "type": "message", "role": "user", "content": content})
    wish = {"conversation": "none", "tool_choice": "required", "input": [{"type": "item_reference", "id": "mine"}]}
    bench.send("response.create", response=wish)
    assert call_of(bench.perform()) == ("get_weather", {"city": "Oslo"})


def test_spoken_input_of_a_response_is_understood_first() -> None:
    bench = Bench()
    audio = base64.b64encode(bytes(8_000)).decode()
    item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": audio}]}
    bench.send("response.create", response={"conversation": "none", "input": [item]})
    assert not bench.session.understood(bench.responses[0])
    assert bench.understood("good morning") == []
    assert bench.session.understood(bench.responses[0])
    assert said(bench.perform()) == "I understood: good morning."


def test_too_many_responses_are_refused_and_the_limit_is_told() -> None:
    bench = Bench()
    bench.session._rate = RateLimit(limit=1)
    bench.send("response.create")
    limits = one(bench.perform(), "rate_limits.updated")["rate_limits"]
    assert limits == [{"name": "requests", "limit": 1, "remaining": 0, "reset_seconds": 60.0}]
    error = error_of(bench.send("response.create", event_id="again"))
    assert (error["code"], error["event_id"]) == ("rate_limit_exceeded", "again")
    assert "60 s" in error["message"]


def test_the_limit_forgets_after_a_minute() -> None:
    limit = RateLimit(limit=2)
    assert [limit.take(at) for at in (0.0, 1.0, 2.0, 60.0, 60.5, 61.0)] == [True, True, False, True, False, True]
    assert limit.wait_s(61.0) == 59
