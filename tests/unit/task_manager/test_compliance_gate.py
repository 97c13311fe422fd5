"""The gate: one table of reasons, closed when in doubt, right about clocks, holidays, counts and money."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opendeep.common.callee_place import CalleePlace, callee_place
from opendeep.common.campaign_plan import CallingWindow, TaskBrief, brief_for
from opendeep.common.data_models import DNDEntryBase, DndScope
from opendeep.common.phone import NUMBER_TYPES, PhoneNumber, parse_number
from opendeep.task_manager.compliance_gate import GateFacts, GateRules, Reason, Spend, Verdict, check
from tests.support.database import sample_plan

NEW_YORK = ZoneInfo("America/New_York")
HOME = "Europe/Berlin"
RULES = GateRules("US", ("7000",), ("US", "DE"), HOME, NUMBER_TYPES, calls_per_number=4)


def brief(**changes: Any) -> TaskBrief:
    plan = sample_plan(["+12025550101"])
    window = changes.pop("calling_window", CallingWindow())
    return brief_for(plan, plan.tasks[0]).model_copy(update={"calling_window": window, **changes})


def facts(number: PhoneNumber | str = "+12025550101", timezone: str | None = None, **changes: Any) -> GateFacts:
    parsed = parse_number(number, "US", ("7000",)) if isinstance(number, str) else number
    base = GateFacts(parsed, callee_place(parsed, timezone, None, HOME), brief(), attempts=0, max_attempts=3)
    return replace(base, **changes)


def at(text: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


NOON = at("2026-03-03T12:00")


def dnd(scope: DndScope) -> DNDEntryBase:
    return DNDEntryBase("+12025550101", scope, "Asked us to stop.", "call")


def verdict(given_facts: GateFacts, now: datetime = NOON, **rules: Any) -> Verdict:
    return check(given_facts, replace(RULES, **rules), now)


UNKNOWN_ZONE = PhoneNumber("+12025550101", "US", "fixed_line", True, ())


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (facts(), Reason.GO),
        (facts(dnd=dnd(DndScope.USER)), Reason.DO_NOT_CALL),
        (facts(dnd=dnd(DndScope.CAMPAIGN)), Reason.DO_NOT_CALL),
        (facts(dnd=dnd(DndScope.GLOBAL)), Reason.DO_NOT_CALL),
        (facts(attempts=3), Reason.ATTEMPTS_USED),
        (facts(PhoneNumber("+1911", "US", "unknown", False, (), emergency=True)), Reason.EMERGENCY_NUMBER),
        (facts("+1 200 555 0101"), Reason.INVALID_NUMBER),
        (facts("+33 1 42 68 53 00"), Reason.COUNTRY_NOT_ALLOWED),
        (facts("+1 900 555 0101"), Reason.NUMBER_TYPE_NOT_ALLOWED),
        (facts("+881 612 345 678"), Reason.NUMBER_TYPE_NOT_ALLOWED),
        (facts("+49 30 123456", brief=brief(allowed_countries=["US"])), Reason.COUNTRY_NOT_ALLOWED),
        (facts(brief=brief(allowed_countries=["FR", "US"])), Reason.GO),
        (facts("+33 1 42 68 53 00", brief=brief(allowed_countries=["FR"])), Reason.COUNTRY_NOT_ALLOWED),
        (facts("+49 1511 2345678", brief=brief(number_types=["fixed_line"])), Reason.NUMBER_TYPE_NOT_ALLOWED),
        (facts(UNKNOWN_ZONE), Reason.UNKNOWN_TIME_ZONE),
        (facts(timezone="Asia/Tokyo"), Reason.OUTSIDE_HOURS),
        (facts("7000"), Reason.GO),
        (facts(brief=brief(calling_window=CallingWindow(weekdays=[]))), Reason.WINDOW_NEVER_OPENS),
        (facts(timezone="Asia/Tokyo", brief=brief(calling_window=CallingWindow(any_time=True))), Reason.GO),
        (facts(brief=brief(not_after=NOON)), Reason.PLAN_ENDED),
        (facts(brief=brief(not_after=NOON + timedelta(minutes=1))), Reason.GO),
        (facts(timezone="Asia/Tokyo", brief=brief(not_after=NOON + timedelta(hours=2))), Reason.WINDOW_NEVER_OPENS),
    ],
)
def test_each_reason(found: GateFacts, reason: Reason) -> None:
    result = verdict(found)
    assert result.reason is reason
    assert result.go == (reason is Reason.GO)
    assert result.sentence or result.go
    assert (result.not_before is not None) == (reason is Reason.OUTSIDE_HOURS)


# -- hours


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        ("2026-03-03T08:59", "2026-03-03T09:00"),
        ("2026-03-03T20:00", "2026-03-04T09:00"),
        ("2026-03-07T23:30", "2026-03-08T09:00"),  # the night in which the clocks go forward
        ("2026-10-31T23:30", "2026-11-01T09:00"),  # the night in which they go back
        ("2028-02-28T21:00", "2028-02-29T09:00"),  # leap day
    ],
)
def test_outside_hours_waits_for_the_next_opening_there(moment: str, opens: str) -> None:
    result = verdict(facts(), at(moment))
    assert result.reason is Reason.OUTSIDE_HOURS
    assert result.not_before == at(opens)
    assert verdict(facts(), at(opens)).go


def test_a_number_of_several_zones_needs_all_of_them_open() -> None:
    toll_free = PhoneNumber("+18005550101", "US", "toll_free", True, ("America/New_York", "America/Los_Angeles"))
    assert verdict(facts(toll_free), at("2026-03-03T10:00")).not_before == at("2026-03-03T12:00")
    assert verdict(facts(toll_free)).go


def test_weekends_can_be_kept_free() -> None:
    found = facts(brief=brief(calling_window=CallingWindow(weekdays=[1, 2, 3, 4, 5])))
    assert verdict(found, at("2026-03-07T12:00")).not_before == at("2026-03-09T09:00")


def test_public_holidays_are_kept_unless_the_plan_says_otherwise() -> None:
    thanksgiving = at("2026-11-26T12:00")
    result = verdict(facts(), thanksgiving)
    assert (result.reason, result.not_before) == (Reason.HOLIDAY, at("2026-11-27T09:00"))
    assert "Thanksgiving" in result.sentence
    assert verdict(facts(brief=brief(holidays="call")), thanksgiving).go
    extension = verdict(facts("7000", timezone="America/New_York"), thanksgiving)
    assert extension.go  # one's own phone


def test_a_window_that_opens_only_on_holidays_never_opens() -> None:
    """In Germany, of all Thursdays of 2026 only Ascension Day is left before the plan ends."""
    found = facts(
        "+49 30 123456",
        brief=brief(calling_window=CallingWindow(weekdays=[4]), not_after=datetime(2026, 5, 20, tzinfo=UTC)),
    )
    result = verdict(found, datetime(2026, 5, 9, tzinfo=UTC))
    assert (result.reason, result.not_before) == (Reason.WINDOW_NEVER_OPENS, None)


# -- promises


@pytest.mark.parametrize(
    ("promised", "now", "reason"),
    [
        ("2026-03-03T20:30", "2026-03-03T20:30", Reason.GO),  # after the window, at a decent hour
        ("2026-03-03T20:30", "2026-03-03T20:59", Reason.GO),  # a line was late
        ("2026-03-03T20:30", "2026-03-03T21:00", Reason.OUTSIDE_HOURS),
        ("2026-03-03T22:00", "2026-03-03T22:00", Reason.OUTSIDE_HOURS),
        ("2026-03-03T08:00", "2026-03-03T08:10", Reason.GO),
        ("2026-03-03T07:00", "2026-03-03T07:10", Reason.OUTSIDE_HOURS),
        ("2026-11-26T12:00", "2026-11-26T12:00", Reason.GO),  # on a holiday, as they asked
        ("2026-03-03T05:00", "2026-03-03T08:30", Reason.OUTSIDE_HOURS),  # the promise is long gone
    ],
)
def test_a_promised_time_outranks_the_window_within_decent_hours(promised: str, now: str, reason: Reason) -> None:
    assert verdict(facts(promised_at=at(promised)), at(now)).reason is reason


def test_a_promise_outranks_no_hard_rule() -> None:
    promise: dict[str, Any] = {"promised_at": NOON}
    assert verdict(facts(dnd=dnd(DndScope.USER), **promise)).reason is Reason.DO_NOT_CALL
    assert verdict(facts(attempts=3, **promise)).reason is Reason.ATTEMPTS_USED
    assert verdict(facts(recent_calls=[NOON] * 4, **promise)).reason is Reason.CALLED_TOO_OFTEN


# -- how often


def test_a_number_is_rung_so_often_a_day_and_then_again_when_the_oldest_call_is_a_day_old() -> None:
    hours = [NOON - timedelta(hours=age) for age in (30, 20, 10, 5)]
    assert verdict(facts(recent_calls=hours)).go
    result = verdict(facts(recent_calls=[*hours, NOON - timedelta(hours=1)]))
    assert (result.reason, result.not_before) == (Reason.CALLED_TOO_OFTEN, NOON + timedelta(hours=4))
    assert verdict(facts("7000", recent_calls=[NOON] * 50)).go
    assert verdict(facts(recent_calls=[NOON] * 50), calls_per_number=None).go


@settings(deadline=None)
@given(st.lists(st.integers(0, 3 * 24 * 60), max_size=12), st.integers(1, 6))
def test_whatever_the_earlier_calls_a_day_never_has_more_than_allowed(ages: list[int], most: int) -> None:
    any_time = brief(calling_window=CallingWindow(any_time=True))
    calls = [NOON - timedelta(minutes=age) for age in ages]
    now = NOON
    for _ in range(20):
        result = verdict(facts(recent_calls=calls, brief=any_time), now, calls_per_number=most)
        if result.go:
            calls.append(now)
            assert sum(now - timedelta(hours=24) < call <= now for call in calls) <= most
        else:
            assert result.not_before is not None
            assert result.not_before > now
            now = result.not_before


# -- money


def test_a_budget_stops_calls_before_it_is_overdrawn() -> None:
    found = facts(brief=brief(max_spend=10.0, max_call_minutes=10.0))
    priced: dict[str, Any] = {"price_per_minute": 0.1}
    assert verdict(found, **priced).go
    assert verdict(replace(found, spend=Spend(campaign=9.0)), **priced).go
    used = verdict(replace(found, spend=Spend(campaign=9.1)), **priced)
    assert (used.reason, used.not_before) == (Reason.BUDGET_USED, None)
    held = verdict(replace(found, spend=Spend(campaign=8.0, campaign_held=2.0)), **priced)
    assert (held.reason, held.not_before) == (Reason.BUDGET_USED, NOON + timedelta(minutes=1))
    assert verdict(replace(found, spend=Spend(campaign=99)), price_per_minute=0.0).go


def test_the_budget_of_a_day_comes_back() -> None:
    found = facts(spend=Spend(day=4.0, day_held=0.5), brief=brief(max_call_minutes=10.0))
    result = verdict(found, price_per_minute=0.1, max_spend_per_day=5.0)
    assert result.reason is Reason.DAY_BUDGET_USED
    assert result.not_before is not None
    assert verdict(found, price_per_minute=0.1, max_spend_per_day=5.5).go


# -- clocks, whatever they do

ZONES = [
    "America/New_York",
    "Europe/Berlin",
    "Asia/Kolkata",  # + 5:30
    "Asia/Kathmandu",  # + 5:45
    "Australia/Lord_Howe",  # half an hour of summer time
    "America/St_Johns",
    "Pacific/Chatham",  # + 12:45
    "Pacific/Apia",
    "America/Havana",  # the clocks change at midnight
    "Africa/Casablanca",
]
CLOCK_CHANGES = ["2026-03-08", "2026-11-01", "2026-03-29", "2026-10-25", "2026-04-04", "2026-10-03"]
DAYS_THAT_MATTER = [*CLOCK_CHANGES, "2028-02-28", "2027-12-31"]
clock_times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
windows = st.builds(
    lambda start, end, days, pause: CallingWindow(start=start, end=end, weekdays=sorted(days), breaks=pause),
    clock_times,
    clock_times,
    st.sets(st.integers(1, 7)),
    st.lists(st.fixed_dictionaries({"start": clock_times, "end": clock_times}), max_size=2),
)
# Around the clock changes, leap days and turns of the year of every zone above, and anywhere else.
moments = st.one_of(
    st.datetimes(datetime(2025, 1, 1), datetime(2029, 1, 1)),
    st.builds(
        lambda day, minute: day + timedelta(minutes=minute),
        st.sampled_from(
            [datetime.fromisoformat(day) for day in DAYS_THAT_MATTER],
        ),
        st.integers(-600, 48 * 60),
    ),
)


@settings(max_examples=300, deadline=None)
@given(moments, st.lists(st.sampled_from(ZONES), min_size=1, max_size=3), windows)
def test_no_call_outside_the_window_of_any_zone_and_the_opening_is_the_earliest(
    moment: datetime, names: list[str], window: CallingWindow
) -> None:
    zones = tuple(ZoneInfo(name) for name in names)
    now = moment.replace(tzinfo=UTC)
    found = replace(facts(), place=CalleePlace(zones), brief=brief(calling_window=window))

    def within(at_utc: datetime) -> bool:
        """By the definition, zone for zone; midnight ends the day."""
        for zone in zones:
            local = at_utc.astimezone(zone)
            wall = local.hour * 60 + local.minute + local.second / 60
            spans = [(window.start, window.end), *((pause.start, pause.end) for pause in window.breaks)]
            inside = [s.hour * 60 + s.minute <= wall < (e.hour * 60 + e.minute or 1440) for s, e in spans]
            if local.isoweekday() not in window.weekdays or not inside[0] or any(inside[1:]):
                return False
        return True

    result = verdict(found, now)
    assert result.go == within(now)
    if result.go:
        return
    if (opens := result.not_before) is not None:
        assert opens > now
        assert within(opens)
        assert verdict(found, opens).go
    else:
        assert result.reason is Reason.WINDOW_NEVER_OPENS
    step, end = timedelta(minutes=15), opens or now + timedelta(days=20)
    quarter = now - timedelta(minutes=now.minute % 15, seconds=now.second, microseconds=now.microsecond) + step
    while quarter < end:  # all edges of these zones and windows lie on quarters
        assert not within(quarter)
        quarter += step
