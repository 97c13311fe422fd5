"""The text of one field out of JSON that arrives in pieces."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.llm_integrations.field_text import REPLACEMENT, FieldText

texts = st.text(st.characters(codec="utf-8"), max_size=30)
scalars = st.none() | st.booleans() | st.integers() | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | st.just("message"), inner, max_size=3),
    max_leaves=8,
)
documents = st.dictionaries(texts.filter(lambda name: name != "message"), values, max_size=4)


def read(field: str, pieces: list[str]) -> list[str]:
    reader = FieldText(field)
    return [reader.feed(piece) for piece in pieces]


def cut(text: str, sizes: list[int]) -> list[str]:
    pieces = []
    for size in sizes:
        pieces.append(text[:size])
        text = text[size:]
    return [*pieces, text]


@given(
    before=documents,
    message=texts,
    after=documents,
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 0, 2]),
    sizes=st.lists(st.integers(0, 7), max_size=60),
)
def test_the_text_is_that_of_the_parsed_document_however_it_is_cut(
    before: dict[str, object],
    message: str,
    after: dict[str, object],
    ascii_only: bool,
    indent: int | None,
    sizes: list[int],
) -> None:
    document = before | {"message": message} | {key: value for key, value in after.items() if key not in before}
    text = json.dumps(document, ensure_ascii=ascii_only, indent=indent)
    assert "".join(read("message", cut(text, sizes))) == message == orjson.loads(text)["message"]


@given(values.filter(lambda value: not isinstance(value, dict)), st.lists(st.integers(0, 7), max_size=30))
def test_what_is_no_object_has_no_field(value: object, sizes: list[int]) -> None:
    assert "".join(read("message", cut(json.dumps(value), sizes))) == ""


@given(st.text(max_size=60))
def test_any_text_is_survived(text: str) -> None:
    read("message", list(text))


def test_every_character_comes_as_soon_as_it_is_whole() -> None:
    told = read("message", list('{"message": "a\\u00e9\\ud83d\\ude00\\n"}'))
    assert [piece for piece in told if piece] == ["a", "é", "😀", "\n"]
    assert told.index("é") == len('{"message": "a\\u00e9') - 1


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('{"message": "\\ud83d"}', REPLACEMENT),
        ('{"message": "\\ude00x"}', REPLACEMENT + "x"),
        ('{"message": "\\ud83d\\ud83d\\ude00"}', REPLACEMENT + "😀"),
        ('{"message": "\\ud83dx"}', REPLACEMENT + "x"),
        ('{"message": "\\ud83d\\n"}', REPLACEMENT + "\n"),
        ('{"message": "\\uzzzz!"}', REPLACEMENT + "!"),
        ('{"message": "\\q"}', REPLACEMENT),
        ('{"a": {"message": "inner"}, "message": "outer"}', "outer"),
        ('{"a": "message", "b": ["message", "x"]}', ""),
        ('{"message": {"message": "deep"}}', ""),
        ('{"\\u006dessage": "escaped key"}', "escaped key"),
        ('{"message": "first", "message": "second"}', "first"),
        ('Here it is:\n```json\n{"message": "fenced"}\n```\n{"message": "again"}', "fenced"),
        ('{"message": "cut of', "cut of"),
    ],
)
def test_odd_writings(written: str, text: str) -> None:
    assert "".join(read("message", [written])) == "".join(read("message", list(written))) == text
