"""The best hour to reach somebody, from the attempts."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from opendeep.common.contact_hours import HourCount, best_hour, count_by_hour
from opendeep.common.contact_values import AttemptTime

BERLIN = ZoneInfo("Europe/Berlin")


def tried(hour_utc: int, answered: bool, day: int = 2) -> AttemptTime:
    return AttemptTime(datetime(2026, 11, day, hour_utc, 30, tzinfo=UTC), answered)


def test_hours_are_those_of_the_contact() -> None:
    assert count_by_hour([tried(8, True), tried(8, False), tried(17, False)], BERLIN) == [
        HourCount(9, 2, 1),
        HourCount(18, 1, 0),
    ]


def test_the_best_hour_is_the_surest_and_a_single_answer_is_chance() -> None:
    assert best_hour(count_by_hour([tried(8, True)], BERLIN)) is None
    often = [tried(8, True, 2), tried(8, True, 3), tried(8, False, 4), tried(15, True, 2), tried(15, True, 3)]
    assert best_hour(count_by_hour(often, BERLIN)) == 16
    assert best_hour([]) is None
