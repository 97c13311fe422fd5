"""Figures and plots from sums: counts add up, hours and weekdays are the callee's, money is named for what it is."""

from datetime import UTC, datetime
from typing import Any

from opendeep.campaign_summarizer_service.report_figures import figures, series
from opendeep.common.report_values import Slot, Tally

TALLIES = [
    Tally("COMPLETED", "ACHIEVED", 1, 3),
    Tally("COMPLETED", "DECLINED", 2, 1),
    Tally("FAILED", "NO_ANSWER", 3, 2),
    Tally("SCHEDULED", None, 0, 4),
]


def slot(at: str, **changes: Any) -> Slot:
    values: dict[str, Any] = {
        "starts_at": datetime.fromisoformat(at).replace(tzinfo=UTC), "zone": None, "disposition": "ACHIEVED",
        "calls": 1, "answered": 1, "talk_s": 60.0, "billed_s": 60.0, "voice_usd": 0.25, "priced": 1,
    }  # fmt: skip
    return Slot(**(values | changes))


def test_counts_rates_and_costs() -> None:
    slots = [slot("2026-11-02T15:00"), slot("2026-11-02T15:15", calls=3, answered=0, talk_s=0, billed_s=0, priced=0,
             voice_usd=0.0, disposition="NO_ANSWER")]  # fmt: skip
    counted = figures(TALLIES, slots, 0.1)
    assert (counted["tasks"], counted["completed"], counted["failed"], counted["open"]) == (10, 4, 2, 4)
    assert counted["by_disposition"] == {"ACHIEVED": 3, "NO_ANSWER": 2, "DECLINED": 1}
    assert counted["by_attempts"] == {"0": 4, "1": 3, "2": 1, "3": 2}
    assert (counted["calls"], counted["answered_calls"], counted["answer_rate"]) == (4, 1, 0.25)
    assert counted["telephony"] == {"minutes": 1.0, "per_minute": 0.1, "amount": 0.1}
    assert (counted["voice_usd"], counted["voice_priced_calls"]) == (0.25, 1)


def test_what_is_not_known_is_not_claimed() -> None:
    counted = figures([], [slot("2026-11-02T15:00", priced=0, voice_usd=0.0)], 0.0)
    assert counted["telephony"]["amount"] is None
    assert "voice_usd" not in counted
    assert figures([], [], 0.1)["answer_rate"] is None


def test_hours_are_the_callees_and_days_the_users() -> None:
    late = "2026-11-03T02:15"  # Tuesday in London; Monday evening in New York; 07:45 in Kolkata
    plots = series([slot(late, zone="Asia/Kolkata"), slot(late, calls=2, answered=0)], "America/New_York", 0.1)
    assert {hour["hour"]: (hour["calls"], hour["answered"]) for hour in plots["by_hour"] if hour["calls"]} == {
        7: (1, 1),
        21: (2, 0),
    }
    assert [day["calls"] for day in plots["by_weekday"]] == [2, 1, 0, 0, 0, 0, 0]
    assert [(day["day"], day["calls"], day["outcomes"]) for day in plots["by_day"]] == [
        ("2026-11-02", 3, {"ACHIEVED": 3})
    ]
    assert (plots["by_day"][0]["telephony"], plots["by_day"][0]["voice_usd"]) == (0.2, 0.5)


def test_a_zone_that_nobody_knows_is_the_users() -> None:
    plots = series([slot("2026-11-03T12:00", zone="Mars/Olympus")], "Europe/Berlin", 0.0)
    assert plots["by_hour"][13]["calls"] == 1
    assert series([slot("2026-11-03T12:00")], "nowhere", 0.0)["by_hour"][12]["calls"] == 1
