"""Openings and closings on clocks that jump."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from opendeep.common.calling_hours import CallingHours
from opendeep.common.campaign_plan import CallingWindow, Pause

NEW_YORK, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def hours(start: str, end: str, zone: ZoneInfo = NEW_YORK, **changes: object) -> CallingHours:
    window = CallingWindow.model_validate({"start": start, "end": end, **changes})
    return CallingHours(window, (zone,))


@pytest.mark.parametrize(
    ("start", "end", "now", "opens"),
    [
        # 8 March 2026: 02:00 EST is 03:00 EDT, 07:00 UTC
        ("02:30", "05:00", "2026-03-08T05:00", "2026-03-08T07:00"),  # begins in the skipped hour
        ("02:00", "05:00", "2026-03-08T05:00", "2026-03-08T07:00"),
        ("02:15", "02:45", "2026-03-08T05:00", "2026-03-09T06:15"),  # lies wholly in it: the day after
        # 1 November 2026: 02:00 EDT is 01:00 EST, 06:00 UTC
        ("01:30", "02:30", "2026-11-01T04:00", "2026-11-01T05:30"),  # the first of two half past ones
        ("01:30", "01:45", "2026-11-01T05:50", "2026-11-01T06:30"),  # the second
        ("00:30", "01:30", "2026-11-01T05:40", "2026-11-01T06:00"),  # the clock falls back into the window
    ],
)
def test_the_earliest_open_moment_in_skipped_and_repeated_hours(start: str, end: str, now: str, opens: str) -> None:
    assert hours(start, end).next_opening(utc(now)) == utc(opens)


def test_a_day_that_never_was() -> None:
    """Samoa had no 30 December 2011."""
    apia = hours("09:00", "10:00", ZoneInfo("Pacific/Apia"), weekdays=[5])  # that Friday
    assert apia.next_opening(utc("2011-12-28T00:00")) == utc("2012-01-05T19:00")


def test_an_end_at_midnight_is_the_end_of_the_day() -> None:
    for end in ("24:00", "00:00"):
        late = hours("18:00", end, BERLIN)
        assert late.is_open(utc("2026-02-03T22:59"))
        assert not late.is_open(utc("2026-02-03T23:00"))
        assert late.closing(utc("2026-02-03T20:00")) == utc("2026-02-03T23:00")
    assert CallingHours(CallingWindow(start=time(0), end=time(0)), (BERLIN,)).is_open(utc("2026-02-03T23:30"))


def test_breaks_close_and_open() -> None:
    lunch = CallingHours(CallingWindow(breaks=[Pause(start=time(12), end=time(13, 30))]), (BERLIN,))
    assert lunch.closing(utc("2026-02-03T09:00")) == utc("2026-02-03T11:00")
    assert lunch.next_opening(utc("2026-02-03T11:15")) == utc("2026-02-03T12:30")


def test_the_29th_of_february_is_a_day_like_others() -> None:
    leap = CallingHours(CallingWindow(weekdays=[2]), (BERLIN,))  # a Tuesday in 2028
    assert leap.next_opening(utc("2028-02-28T12:00")) == utc("2028-02-29T08:00")


def test_holidays_of_a_country_and_of_a_state() -> None:
    bavaria = CallingHours(CallingWindow(), (BERLIN,), "DE", "BY")
    hesse = CallingHours(CallingWindow(), (BERLIN,), "DE", "HE")
    epiphany = utc("2026-01-06T12:00")
    assert (bavaria.holiday(epiphany), hesse.holiday(epiphany)) == ("Epiphany", None)
    assert bavaria.next_opening(epiphany) == utc("2026-01-07T08:00")
    assert CallingHours(CallingWindow(), (BERLIN,), "XX").is_open(epiphany)  # no calendar known


def test_the_day_of_the_holiday_is_the_callees() -> None:
    """In Auckland it is the 26th while Europe still has Christmas Day."""
    auckland = CallingHours(CallingWindow(end=time(0)), (ZoneInfo("Pacific/Auckland"),), "NZ")
    assert auckland.holiday(utc("2025-12-31T10:30")) is None
    assert auckland.holiday(utc("2025-12-31T11:30")) == "New Year's Day"
