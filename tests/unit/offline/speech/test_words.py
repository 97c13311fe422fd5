"""Written text to spoken words."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.offline.speech.words import cardinal, ordinal, spoken


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Tuesday at 10:30 am", "tuesday at ten thirty a.m."),
        ("I am there at 10 am, or 9:15pm", "i am there at ten a.m. or nine fifteen p.m."),
        ("14:05", "two oh five"),
        ("9:00 p.m.", "nine p.m."),
        ("3rd floor, room 12", "third floor room twelve"),
        ("2026-11-24", "november twenty fourth"),
        ("2026-11-24T09:15:00", "november twenty fourth nine fifteen"),
        ("€49.90 or $100", "forty nine euros ninety or one hundred dollars"),
        ("Smith & Sons", "smith and sons"),
        ("It\u2019s fine - really!", "it's fine really"),
        ("call 0301234567", "call zero three zero one two three four five six seven"),
        ("1250 units", "one thousand two hundred fifty units"),
        ("2026-99-99", ""),
        ("", ""),
    ],
)
def test_text_is_said_as_people_say_it(text: str, words: str) -> None:
    assert spoken(text) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (40, "forty"),
        (121, "one hundred twenty one"),
        (2000, "two thousand"),
        (999_999, "nine hundred ninety nine thousand nine hundred ninety nine"),
    ],
)
def test_numbers_have_names(number: int, words: str) -> None:
    assert cardinal(number) == words


@pytest.mark.parametrize("number", [-1, 1_000_000])
def test_numbers_beyond_our_names_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match="not a number of"):
        cardinal(number)


@pytest.mark.parametrize(
    ("number", "words"), [(1, "first"), (12, "twelfth"), (20, "twentieth"), (21, "twenty first"), (33, "thirty third")]
)
def test_ordinals_have_names(number: int, words: str) -> None:
    assert ordinal(number) == words


@given(st.text(max_size=300))
def test_whatever_is_written_becomes_words_or_nothing(text: str) -> None:
    assert re.fullmatch(r"(?:[a-z.']+(?: [a-z.']+)*)?", spoken(text))
