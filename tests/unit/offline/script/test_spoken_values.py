"""Numbers, dates and times as people say them."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.offline.script.spoken_values import (
    say_date,
    say_number,
    say_time,
    spoken_date,
    spoken_datetime,
    spoken_number,
    spoken_time,
)

SUNDAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 18, tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("four", 4),
        ("there are twenty five of us", 25),
        ("two hundred and five", 205),
        ("a hundred and twenty", 120),
        ("three thousand four hundred", 3400),
        ("three point five", 3.5),
        ("four four one seven", 4417),
        ("about 36 euros", 36),
        ("12,5", 12.5),
        ("nineteen", 19),
        ("i do not know", None),
        ("a lot", None),
        ("", None),
    ],
)
def test_numbers(words: str, value: float | None) -> None:
    assert spoken_number(words) == value


@pytest.mark.parametrize(
    ("words", "day"),
    [
        ("today please", date(2026, 11, 22)),
        ("tomorrow at three", date(2026, 11, 23)),
        ("the day after tomorrow", date(2026, 11, 24)),
        ("tuesday", date(2026, 11, 24)),
        ("next tuesday", date(2026, 11, 24)),
        ("sunday would be fine", date(2026, 11, 29)),
        ("wednesday next week", date(2026, 11, 25)),
        ("on tuesdays", date(2026, 11, 24)),
        ("the third of december", date(2026, 12, 3)),
        ("december third", date(2026, 12, 3)),
        ("december twenty first", date(2026, 12, 21)),
        ("the twenty fourth", date(2026, 11, 24)),
        ("the fifth", date(2026, 12, 5)),
        ("the 24th", date(2026, 11, 24)),
        ("january ten", date(2027, 1, 10)),
        ("in two weeks", date(2026, 12, 6)),
        ("in three days", date(2026, 11, 25)),
        ("2026-12-31", date(2026, 12, 31)),
        ("the thirty first", date(2026, 12, 31)),
        ("in may on the first", date(2027, 5, 1)),
        ("you may come", None),
        ("first of all who are you", None),
        ("one second", None),
        ("at ten", None),
        ("2026-13-45", None),
    ],
)
def test_dates(words: str, day: date | None) -> None:
    assert spoken_date(words, SUNDAY) == day


def test_a_leap_day_is_found_years_ahead() -> None:
    assert spoken_date("the twenty ninth of february", date(2025, 3, 1)) == date(2028, 2, 29)


@pytest.mark.parametrize(
    ("words", "moment"),
    [
        ("ten", time(10)),
        ("at ten o'clock", time(10)),
        ("at three", time(15)),
        ("three in the morning", time(3)),
        ("three p.m.", time(15)),
        ("eight p m", time(20)),
        ("12 am", time(0)),
        ("half past nine", time(9, 30)),
        ("quarter past two", time(14, 15)),
        ("quarter to eleven", time(10, 45)),
        ("twenty five to nine", time(8, 35)),
        ("ten to one", time(12, 50)),
        ("ten thirty", time(10, 30)),
        ("ten forty five would be good", time(10, 45)),
        ("nine oh five", time(9, 5)),
        ("14:30", time(14, 30)),
        ("9.15", time(9, 15)),
        ("at noon", time(12)),
        ("midnight", time(0)),
        ("tuesday the tenth at three", time(15)),
        ("the twenty fourth of november at half past nine", time(9, 30)),
        ("seven in the evening", time(19)),
        ("i have ten minutes", None),
        ("not at all", None),
        ("tomorrow", None),
        ("99:99", None),
    ],
)
def test_times(words: str, moment: time | None) -> None:
    assert spoken_time(words) == moment


def test_day_and_time_together() -> None:
    assert spoken_datetime("tuesday at half past ten", NOW) == datetime(2026, 11, 24, 10, 30, tzinfo=NOW.tzinfo)
    assert spoken_datetime("at ten", NOW) == datetime(2026, 11, 23, 10, tzinfo=NOW.tzinfo)
    assert spoken_datetime("seven in the evening", NOW) == datetime(2026, 11, 22, 19, tzinfo=NOW.tzinfo)
    assert spoken_datetime("tuesday", NOW) is None


@given(st.dates(date(2026, 11, 22), date(2027, 10, 31)))
def test_a_day_said_back_is_understood_as_that_day(day: date) -> None:
    assert spoken_date(say_date(day), SUNDAY) == day


@given(st.times())
def test_a_time_said_back_is_understood_as_that_time(moment: time) -> None:
    whole = moment.replace(second=0, microsecond=0)
    assert spoken_time(say_time(whole)) == whole


@given(st.integers(0, 10_000_000))
def test_a_number_said_back_is_understood_as_that_number(value: int) -> None:
    assert spoken_number(say_number(float(value))) == value


@given(st.text(max_size=80))
def test_no_text_breaks_the_readers(text: str) -> None:
    spoken_number(text)
    spoken_time(text)
    spoken_date(text, SUNDAY)
    spoken_datetime(text, NOW)
