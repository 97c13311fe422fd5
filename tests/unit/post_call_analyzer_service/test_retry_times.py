"""Retries: by outcome, inside the callee's hours, spread, and at another time of the day."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opendeep.common.callee_place import CalleePlace
from opendeep.common.calling_hours import hours_of
from opendeep.common.campaign_plan import CallingWindow, Retries, TaskBrief, brief_for
from opendeep.common.data_models import Disposition as D
from opendeep.post_call_analyzer_service.retry_times import MAX_RETRY, SPREAD, retry_at
from tests.support.database import sample_plan

BERLIN = ZoneInfo("Europe/Berlin")
HERE = CalleePlace((BERLIN,), "DE")


def brief(**changes: Any) -> TaskBrief:
    plan = sample_plan(["+4930123456"])
    base = {"calling_window": CallingWindow(), "retry_minutes": 60.0}
    return brief_for(plan, plan.tasks[0]).model_copy(update=base | changes)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def again(disposition: D, now: str, attempts: int = 1, jitter: float = 0.0, **changes: Any) -> str:
    at = retry_at(disposition, attempts, brief(**changes), HERE, local(now), jitter)
    return f"{at.astimezone(BERLIN):%a %d %H:%M}"


@pytest.mark.parametrize(
    ("disposition", "expected"),
    [
        (D.BUSY, "Tue 03 10:15"),
        (D.UNREACHABLE, "Tue 03 10:30"),
        (D.FAILED, "Tue 03 10:30"),
        (D.NO_ANSWER, "Tue 03 11:00"),
        (D.INCONCLUSIVE, "Tue 03 11:00"),
        (D.CALLBACK_REQUESTED, "Tue 03 11:00"),
        (D.VOICEMAIL, "Tue 03 11:00"),
        (D.REJECTED, "Tue 03 14:00"),
    ],
)
def test_the_first_wait_follows_from_the_outcome(disposition: D, expected: str) -> None:
    assert again(disposition, "2026-03-03T10:00") == expected


def test_the_plan_can_say_otherwise_for_each_outcome() -> None:
    own = Retries(busy=5, voicemail=24 * 60)
    assert again(D.BUSY, "2026-03-03T10:00", retries=own) == "Tue 03 10:05"
    assert again(D.VOICEMAIL, "2026-03-03T10:00", retries=own) == "Wed 04 10:00"
    assert again(D.NO_ANSWER, "2026-03-03T10:00", retries=own) == "Tue 03 11:00"


def test_a_retry_of_the_evening_goes_to_the_next_morning_and_not_all_at_once() -> None:
    late = {again(D.BUSY, "2026-03-03T19:55", jitter=jitter) for jitter in (-1.0, 0.0, 1.0)}
    assert late == {"Wed 04 09:00", "Wed 04 09:30", "Wed 04 10:00"}
    assert again(D.BUSY, "2026-03-06T19:55", calling_window=CallingWindow(weekdays=[1, 2, 3, 4, 5])) == "Mon 09 09:30"
    assert again(D.BUSY, "2026-04-30T19:55") == "Sat 02 09:30"  # the first of May is a holiday
    assert again(D.BUSY, "2026-04-30T19:55", holidays="call") == "Fri 01 09:30"


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-03T09:30", "Tue 03 12:30"),  # not again in the morning
        ("2026-03-03T13:00", "Tue 03 17:30"),
        ("2026-03-03T17:30", "Wed 04 09:30"),
    ],
)
def test_who_did_not_pick_up_twice_is_tried_at_another_time_of_the_day(now: str, expected: str) -> None:
    assert again(D.NO_ANSWER, now, attempts=2, retry_minutes=20.0) == expected


def test_where_the_window_has_only_one_part_of_the_day_that_one_is_used() -> None:
    mornings = CallingWindow(start=time(9), end=time(11))
    assert again(D.NO_ANSWER, "2026-03-03T09:10", 2, calling_window=mornings, retry_minutes=10.0) == "Tue 03 09:30"


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([d for d in D if d not in (D.ACHIEVED, D.OPTED_OUT)]),
    st.integers(1, 20),
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31)),
    st.floats(-1, 1),
    st.sampled_from(["Europe/Berlin", "Asia/Kathmandu", "America/New_York", "Pacific/Chatham"]),
    st.integers(0, 20),
    st.integers(1, 3),
    st.floats(0.01, 10_080),
)
def test_every_retry_is_later_and_inside_the_hours(
    disposition: D, attempts: int, moment: datetime, jitter: float, zone: str, start: int, length: int, minutes: float
) -> None:
    window = CallingWindow(start=time(start), end=time(start + length), weekdays=[1, 3, 4, 6])
    place, now = CalleePlace((ZoneInfo(zone),), "DE"), moment.replace(tzinfo=UTC)
    found = brief(calling_window=window, retry_minutes=minutes)
    at = retry_at(disposition, attempts, found, place, now, jitter)
    assert at > now
    assert hours_of(found, place).is_open(at)
    assert at <= now + MAX_RETRY * 1.1 + timedelta(days=14) + SPREAD
