"""What is taken out of texts from outside, and what stays."""

from hypothesis import given
from hypothesis import strategies as st

from opendeep.common.plain_text import plain, plain_json


def test_controls_and_direction_overrides_go_and_writing_stays() -> None:
    assert plain("a\x00b\u202ec\u2066d") == "abcd"
    for text in ("line\nbreak\ttab", "أحمد", "Zoë 😀 👨\u200d👩\u200d👧", "Müßig"):
        assert plain(text) == text


def test_json_is_cleaned_all_the_way_down() -> None:
    assert plain_json({"a\x00": ["\x01x", {"b": "\u202ey"}, 1, None, True]}) == {"a": ["x", {"b": "y"}, 1, None, True]}


@given(st.text())
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert plain(plain(text)) == plain(text)
