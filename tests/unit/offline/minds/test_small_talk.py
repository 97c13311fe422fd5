"""Which tool words mean, and which values they hold for a schema: read, never invented."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.offline.minds.schema_values import MISSING, ValueReader, empty_value, words_in
from opendeep.offline.minds.small_talk import clearly_meant, forced_call, read_offer

TODAY = date(2026, 11, 24)  # a Tuesday


def tool(name: str, description: str = "", **properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"name": name, "description": description, "parameters": parameters}


TOOLS = [
    tool("get_weather", "The weather in a city."),
    tool("bookAppointment", "Book an appointment at the practice."),
    tool("lookup", "Find the opening hours of a shop or business."),
    tool("end_call", "Hang up."),
]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("what is the weather like", "get_weather"),
        ("I want to book an appointment", "bookAppointment"),
        ("appointments are booked on tuesday", "bookAppointment"),
        ("what are the opening hours of the shop", "lookup"),
        ("please end the call", "end_call"),
        ("in the end I stayed", None),
        ("I have read a book", None),
        ("good morning", None),
        ("the weather, and book an appointment", "bookAppointment"),
        ("", None),
    ],
)
def test_a_tool_is_meant_when_its_words_are_heard(words: str, name: str | None) -> None:
    found = clearly_meant(words, TOOLS)
    assert (found and found["name"]) == name


def test_of_two_tools_named_equally_none_is_meant() -> None:
    assert clearly_meant("weather or news", [tool("get_weather"), tool("get_news")]) is None


@pytest.mark.parametrize(
    ("words", "schema", "value"),
    [
        ("two hundred and five please", {"type": "integer"}, 205),
        ("3.5", {"type": "number"}, 3.5),
        ("3.5", {"type": "integer"}, MISSING),
        ("nine", {"type": "integer", "maximum": 5}, MISSING),
        ("yes that works", {"type": "boolean"}, True),
        ("no thank you", {"type": "boolean"}, False),
        ("perhaps", {"type": "boolean"}, MISSING),
        ("the large one", {"enum": ["small", "large"]}, "large"),
        ("extra large", {"enum": ["large", "extra_large"]}, "extra_large"),
        ("small or large", {"enum": ["small", "large"]}, MISSING),
        ("room two", {"enum": [1, 2]}, 2),
        ("tomorrow at half past nine", {"type": "string", "format": "date"}, "2026-11-25"),
        ("tomorrow at half past nine", {"type": "string", "format": "time"}, "09:30:00"),
        ("write to me", {"type": "string", "format": "email"}, MISSING),
        ("Paris", {"type": "string", "maxLength": 5}, "Paris"),
        ("Paris", {"type": "string", "maxLength": 4}, MISSING),
        ("", {"type": "string", "maxLength": 4}, MISSING),
        ("four", {"type": ["integer", "null"]}, 4),
        ("four", {"anyOf": [{"type": "null"}, {"type": "integer"}]}, 4),
        ("four", {"type": "array", "items": {"type": "integer"}}, [4]),
        ("anything", {"const": "fixed"}, "fixed"),
        ("anything", {}, MISSING),
        ("anything", True, MISSING),
    ],
)
def test_values_are_read_by_their_schema(words: str, schema: Any, value: Any) -> None:
    assert ValueReader(words, today=TODAY).read(schema) == value


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ("The weather in Paris.", "city", "Paris"),
        ("city: New York", "city", "New York"),
        ("first name is Ada", "firstName", "Ada"),
        ("Paris", "city", "Paris"),
        ("  ", "city", MISSING),
    ],
)
def test_free_words_follow_their_name_or_a_leading_word(words: str, name: str, value: Any) -> None:
    assert ValueReader(words, today=TODAY).read({"type": "string"}, name) == value
    assert ValueReader(words, today=TODAY, free_words=False).read({"type": "string"}, name) is MISSING


def test_a_demanded_call_fits_its_schema_even_without_words() -> None:
    note = {"type": ["string", "null"]}
    schema: dict[str, Any] = {"kind": {"enum": ["a", "b"]}, "count": {"type": "integer"}, "note": note}
    wire = {"type": "function", "function": tool("log", "", **schema)}
    call = forced_call("", read_offer([wire], "required"), TODAY)
    assert call.arguments == {"kind": "a", "count": 0, "note": None}


@pytest.mark.parametrize(
    ("schema", "value"),
    [({"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}, {"a": False}),
     ({"type": "array"}, []), ({"anyOf": [{"type": "number"}]}, 0), ({"const": 3}, 3), (None, ""), ({}, "")],
)  # fmt: skip
def test_the_empty_value_of_a_type(schema: Any, value: Any) -> None:
    assert empty_value(schema) == value


def test_the_words_of_an_identifier() -> None:
    assert words_in("getWeather_now-2") == ("get", "weather", "now", "2")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "enum", "const", "anyOf", "properties", "required", "items", "format", "minimum"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(st.text(max_size=40), JSON)
def test_no_schema_and_no_words_break_the_reader(words: str, schema: Any) -> None:
    ValueReader(words, today=TODAY).read(schema)
    empty_value(schema)
    offer = read_offer([{"name": words, "parameters": schema, "description": schema}, schema], schema)
    clearly_meant(words, offer.tools)
    if offer.tools:
        forced_call(words, offer, TODAY)
