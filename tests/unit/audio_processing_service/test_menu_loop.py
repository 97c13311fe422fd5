"""The same menu again, misheard or cut short; too many keys; the same key in vain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.audio_processing_service.menu_loop import MAX_KEYS, MAX_PROMPTS, MenuLoop

MAIN = (
    "Thank you for calling City Clinic. For appointments, press one. For billing, press two. For the pharmacy, three."
)
MISHEARD = "thank you for calling city clinic for appointments press one for building press two for the farmacy tree"
CUT = "for calling City Clinic for appointments press one for billing press two"
OTHER = "To book a new appointment press one. To change an existing appointment press two. Otherwise stay on the line."


def test_a_menu_that_comes_the_third_time_in_spite_of_keys_is_a_loop() -> None:
    menus = MenuLoop()
    assert menus.hear(MAIN) == 1
    assert menus.press("1") is None
    assert menus.hear(MISHEARD) == 2
    assert menus.stuck is None
    assert menus.press("2") is None
    assert menus.hear(CUT) == 3
    assert menus.stuck == "The same menu came 3 times. Give up on it and end the call."
    assert menus.press("3") == menus.stuck


def test_a_way_through_different_menus_is_none() -> None:
    menus = MenuLoop()
    for prompt in (MAIN, OTHER, "Please enter your customer number followed by the hash key"):
        assert menus.hear(prompt) == 1
        assert menus.press("1") is None
    assert menus.stuck is None


def test_a_prompt_that_repeats_because_nothing_was_pressed_is_no_loop() -> None:
    menus = MenuLoop()
    assert [menus.hear(MAIN) for _ in range(4)] == [1, 2, 3, 4]
    assert menus.stuck is None
    assert menus.press("1") is None
    assert menus.hear(MAIN) == 5
    assert menus.stuck is not None


def test_the_same_key_at_the_same_prompt_is_refused_the_third_time() -> None:
    menus = MenuLoop()
    menus.hear(MAIN)
    assert menus.press("1") is None
    assert menus.press("1") is None
    assert "led back" in str(menus.press("1"))
    menus.hear(OTHER)
    assert menus.press("1") is None


def test_keys_are_limited() -> None:
    menus = MenuLoop()
    assert [menus.press(str(n)) for n in range(MAX_KEYS)] == [None] * MAX_KEYS
    assert f"{MAX_KEYS} times" in str(menus.press("5"))


@pytest.mark.parametrize("prompt", ["", "please hold", "press one", "!!! ... ???"])
def test_short_prompts_are_not_compared(prompt: str) -> None:
    assert MenuLoop().hear(prompt) == 0


@given(prompts=st.lists(st.text(max_size=300), max_size=60))
def test_any_prompts_are_taken_and_few_kept(prompts: list[str]) -> None:
    menus = MenuLoop()
    for prompt in prompts:
        assert menus.hear(prompt) <= len(prompts)
    assert len(menus._prompts) <= MAX_PROMPTS
