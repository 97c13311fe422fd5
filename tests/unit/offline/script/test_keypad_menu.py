"""Keypad menus as they are recognised."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.offline.script.keypad_menu import choose_key, read_menu

COMPANY = "welcome to harbour for sales press one for facilities press two for anything else press zero"


@pytest.mark.parametrize(
    ("prompt", "keys"),
    [
        (COMPANY, "120"),
        ("press one for sales press two for facilities press nine to hear this again", "129"),
        ("for opening hours press 1, for appointments, press 2.", "12"),
        ("to reach the service desk dial star", "*"),
        ("please listen carefully as our menu has changed", ""),
        ("for sales press the one key", "1"),
    ],
)
def test_reads_keys(prompt: str, keys: str) -> None:
    assert "".join(option.key for option in read_menu(prompt)) == keys


@pytest.mark.parametrize(
    ("prompt", "wishes", "key"),
    [
        (COMPANY, ("facilities",), "2"),
        (COMPANY, ("facility management",), "2"),
        (COMPANY, ("the sales department",), "1"),
        (COMPANY, ("astronomy",), "0"),
        ("press one for sales press two for facilities", ("facilities",), "2"),
        ("for accounts press four to speak with a person press nine", ("boilers", "the operator"), "9"),
        ("for billing press one for shipping press two", ("boilers",), "0"),
        ("for new appointments press one for prescriptions press two", ("", "Doctor Lee", "Book an appointment"), "1"),
    ],
)
def test_chooses_the_line_that_answers_the_wish(prompt: str, wishes: tuple[str, ...], key: str) -> None:
    assert choose_key(read_menu(prompt), wishes) == key


def test_a_badly_heard_menu_is_tried_line_by_line() -> None:
    """What is heard of the company's menu when eSpeak speaks it: no label answers the wish."""
    options = read_menu("thank you for calling for daniel press one for billing press two")
    assert choose_key(options, ("facilities",)) == "0"
    assert choose_key(options, ("facilities",), ["0"]) == "1"
    assert choose_key(options, ("facilities",), ["0", "1"]) == "2"


def test_a_line_that_answers_the_wish_may_be_pressed_again() -> None:
    """Menus behind menus use the same keys."""
    assert choose_key(read_menu("for facilities press one"), ("facilities",), ["1"]) == "1"


@given(st.text(max_size=200), st.text(max_size=40))
def test_any_prompt_gives_one_key(prompt: str, wish: str) -> None:
    key = choose_key(read_menu(prompt), (wish,))
    assert len(key) == 1
    assert key in "0123456789*#"
