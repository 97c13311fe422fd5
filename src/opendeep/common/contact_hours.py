"""When a contact is best reached: counted from the attempts each time it is asked, never stored. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from opendeep.common.contact_values import AttemptTime

MIN_ANSWERED: Final = 2  # in one hour of the day; a single answer is chance


@dataclass(frozen=True, slots=True)
class HourCount:
    """Attempts in one hour of the day, at the contact: 9 is 09:00 to 09:59."""

    hour: int
    attempts: int
    answered: int


def count_by_hour(attempts: Iterable[AttemptTime], zone: ZoneInfo) -> list[HourCount]:
    """The hours in which there was an attempt, in their order; `zone` is the contact's."""
    tried: dict[int, int] = {}
    answered: dict[int, int] = {}
    for attempt in attempts:
        hour = attempt.at.astimezone(zone).hour
        tried[hour] = tried.get(hour, 0) + 1
        answered[hour] = answered.get(hour, 0) + attempt.answered
    return [HourCount(hour, tried[hour], answered[hour]) for hour in sorted(tried)]


def best_hour(counts: Iterable[HourCount]) -> int | None:
    """The hour with the highest share of answers, then with the most; None while too few were answered to tell."""
    sure = [count for count in counts if count.answered >= MIN_ANSWERED]
    if not sure:
        return None
    return max(sure, key=lambda count: (count.answered / count.attempts, count.answered, -count.hour)).hour
