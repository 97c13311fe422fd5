"""When to try again: by outcome, later each time, inside the callee's calling hours, never all at once. Pure.

A line that was busy is free soon; who did not pick up in the morning may do so in the evening; who rejected the call
wants to be left alone for a while. The plan can override the first wait of each outcome (`retries`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from opendeep.common.callee_place import CalleePlace
from opendeep.common.calling_hours import CallingHours, hours_of
from opendeep.common.campaign_plan import TaskBrief
from opendeep.common.data_models import Disposition as D

MAX_RETRY: Final = timedelta(days=7)
JITTER_SHARE: Final = 0.1  # of the wait, either way
SPREAD: Final = timedelta(hours=1)  # retries of one opening are spread over so long
OTHER_PART_FROM: Final = 2  # attempts in vain at one part of the day before another one is tried
PARTS: Final = (time(0), time(12), time(17))  # where morning, afternoon and evening begin
_TRIED_PARTS: Final = 9  # the openings of three days are looked at


@dataclass(frozen=True, slots=True)
class RetryRule:
    """`share` of the plan's `retry_minutes`; `setting` names the field of `Retries` that overrides it."""

    share: float
    setting: str
    other_part: bool = False  # at another time of the day


RULES: Final = {
    D.BUSY: RetryRule(0.25, "busy"),
    D.NO_ANSWER: RetryRule(1, "no_answer", other_part=True),
    D.VOICEMAIL: RetryRule(1, "voicemail", other_part=True),
    D.VOICEMAIL_LEFT: RetryRule(1, "voicemail", other_part=True),
    D.REJECTED: RetryRule(4, "rejected", other_part=True),
    D.UNREACHABLE: RetryRule(0.5, "unreachable"),
    D.FAILED: RetryRule(0.5, "unreachable"),
}
_OTHERS: Final = RetryRule(1, "inconclusive")


def retry_at(
    disposition: D, attempts: int, brief: TaskBrief, place: CalleePlace, now: datetime, jitter: float
) -> datetime:
    """The moment of the next attempt, after `now`. `attempts` includes the one just made; `jitter` is in [-1, 1]."""
    rule = RULES.get(disposition, _OTHERS)
    at = now + _wait(rule, attempts, brief) * (1 + JITTER_SHARE * jitter)
    if brief.calling_window.any_time or not place.zones:
        return at
    hours, spread = hours_of(brief, place), (1 + jitter) / 2
    if rule.other_part and attempts >= OTHER_PART_FROM and _part(at, place.zones[0]) == _part(now, place.zones[0]):
        at = _other_part(hours, at, _part(now, place.zones[0]), spread) or at
    return at if hours.is_open(at) else _spread_over(hours, hours.next_opening(at), spread) or at


def _wait(rule: RetryRule, attempts: int, brief: TaskBrief) -> timedelta:
    own: float | None = getattr(brief.retries, rule.setting)
    first = timedelta(minutes=brief.retry_minutes * rule.share if own is None else own)
    return min(first * (1 << min(max(attempts - 1, 0), 10)), MAX_RETRY)


def _part(at: datetime, zone: ZoneInfo) -> int:
    """Which part of the callee's day this is: the place in `PARTS`."""
    wall = at.astimezone(zone).time()
    return sum(wall >= start for start in PARTS) - 1


def _other_part(hours: CallingHours, at: datetime, tried: int, spread: float) -> datetime | None:
    """The first opening from `at` on in another part of the day than `tried`; None when the window has none."""
    zone = hours.zones[0]
    for start in _part_starts(at, zone):
        opens = start if hours.is_open(start) else hours.next_opening(start)
        if opens is not None and _part(opens, zone) != tried:
            return _spread_over(hours, opens, spread)
    return None


def _part_starts(at: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    day = at.astimezone(zone).date()
    starts = (
        datetime.combine(day + timedelta(days=n // len(PARTS)), PARTS[n % len(PARTS)], zone)
        for n in range(_TRIED_PARTS + len(PARTS))
    )
    return (start for start in starts if start > at)


def _spread_over(hours: CallingHours, opens: datetime | None, spread: float) -> datetime | None:
    """A moment soon after the opening, inside it: not all retries of a night start at 09:00:00."""
    if opens is None:
        return None
    return opens + min(SPREAD, (hours.closing(opens) - opens) / 2) * spread
