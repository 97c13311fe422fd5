"""The gate: one table of reasons, closed when in doubt, right about clocks."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.common.campaign_plan import CallingWindow
from opendeep.common.data_models import DNDEntryBase, DndScope
from opendeep.common.phone import PhoneNumber, parse_number
from opendeep.task_manager.compliance_gate import GateFacts, Reason, check, next_opening

NEW_YORK = ZoneInfo("America/New_York")
BERLIN = ZoneInfo("Europe/Berlin")
NINE_TO_EIGHT = CallingWindow()


def facts(**changes: object) -> GateFacts:
    base: dict[str, object] = {
        "number": parse_number("+12025550101"),
        "explicit_zone": None,
        "window": NINE_TO_EIGHT,
        "attempts": 0,
        "max_attempts": 3,
        "dnd": None,
        "allowed_countries": ("US", "DE"),
        "home_zone": "Europe/Berlin",
    }
    return GateFacts(**(base | changes))  # type: ignore[arg-type]


def at(text: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


NOON = at("2026-03-03T12:00")


def dnd(scope: DndScope) -> DNDEntryBase:
    return DNDEntryBase("+12025550101", scope, "Asked us to stop.", "call")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, Reason.GO),
        ({"dnd": dnd(DndScope.USER)}, Reason.DO_NOT_CALL),
        ({"dnd": dnd(DndScope.GLOBAL)}, Reason.DO_NOT_CALL),
        ({"attempts": 3}, Reason.ATTEMPTS_USED),
        ({"number": PhoneNumber("+1911", "US", "unknown", False, (), emergency=True)}, Reason.EMERGENCY_NUMBER),
        ({"number": parse_number("+1 200 555 0101")}, Reason.INVALID_NUMBER),
        ({"number": parse_number("+33 1 42 68 53 00")}, Reason.COUNTRY_NOT_ALLOWED),
        ({"number": parse_number("+1 900 555 0101")}, Reason.NUMBER_TYPE_NOT_ALLOWED),
        ({"number": PhoneNumber("+12025550101", "US", "fixed_line", True, ())}, Reason.UNKNOWN_TIME_ZONE),
        ({"explicit_zone": "Asia/Tokyo"}, Reason.OUTSIDE_HOURS),
        ({"number": parse_number("7000", None, ("7000",))}, Reason.GO),
        ({"window": CallingWindow(weekdays=[])}, Reason.WINDOW_NEVER_OPENS),
        ({"window": CallingWindow(any_time=True), "explicit_zone": "Asia/Tokyo"}, Reason.GO),
    ],
)
def test_each_reason(changes: dict[str, object], reason: Reason) -> None:
    verdict = check(facts(**changes), NOON)
    assert verdict.reason is reason
    assert verdict.go == (reason is Reason.GO)
    assert verdict.sentence or verdict.go
    assert (verdict.not_before is not None) == (reason is Reason.OUTSIDE_HOURS)


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
    verdict = check(facts(), at(moment))
    assert verdict.reason is Reason.OUTSIDE_HOURS
    assert verdict.not_before == at(opens)
    assert check(facts(), at(opens)).go


def test_a_window_that_opens_in_the_skipped_hour_still_opens() -> None:
    window = CallingWindow(start=time(2, 30), end=time(5, 0))
    opening = next_opening(window, [NEW_YORK], at("2026-03-07T23:00"))
    assert opening is not None
    local = opening.astimezone(UTC).astimezone(NEW_YORK)
    assert (local.day, local.hour) == (8, 3)


def test_a_number_of_several_zones_needs_all_of_them_open() -> None:
    toll_free = PhoneNumber("+18005550101", "US", "toll_free", True, ("America/New_York", "America/Los_Angeles"))
    assert check(facts(number=toll_free), at("2026-03-03T10:00")).not_before == at("2026-03-03T12:00")
    assert check(facts(number=toll_free), NOON).go


def test_weekends_can_be_kept_free() -> None:
    window = CallingWindow(weekdays=[1, 2, 3, 4, 5])
    assert check(facts(window=window), at("2026-03-07T12:00")).not_before == at("2026-03-09T09:00")


@given(
    moment=st.datetimes(datetime(2025, 1, 1), datetime(2029, 1, 1)),
    zone=st.sampled_from(["America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]),
    start=st.integers(0, 22),
    length=st.integers(1, 8),
    days=st.sets(st.integers(1, 7)),
)
def test_the_verdict_and_the_opening_agree(
    moment: datetime, zone: str, start: int, length: int, days: set[int]
) -> None:
    window = CallingWindow(start=time(start), end=time(min(start + length, 23), 59), weekdays=sorted(days))
    now = moment.replace(tzinfo=UTC)
    verdict = check(facts(explicit_zone=zone, window=window), now)
    if verdict.go:
        local = now.astimezone(ZoneInfo(zone))
        assert local.isoweekday() in days
        assert window.start <= local.time() < window.end
    elif verdict.not_before is not None:
        assert verdict.not_before > now
        assert check(facts(explicit_zone=zone, window=window), verdict.not_before.astimezone(UTC)).go
    else:
        assert not days
