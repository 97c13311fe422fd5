"""When a callee may be rung: the calling window in each of their time zones, without public holidays. Pure.

Wall clocks jump: an hour is skipped in spring and repeated in autumn, some zones are 30 or 45 minutes off the hour, and
one has skipped a day. All comparisons are made on the callee's wall clock, all results are moments.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from opendeep.common.callee_place import CalleePlace
from opendeep.common.campaign_plan import CallingWindow, TaskBrief
from opendeep.common.public_holidays import holiday_name

SEARCH_DAYS: Final = 60  # a window that does not open within two months never opens
_DAY: Final = timedelta(days=1)
_MIDNIGHT: Final = time(0)


@dataclass(frozen=True, slots=True)
class CallingHours:
    """`zones` must all be open at once. `country` (ISO 3166) and `state` name the holidays to keep; None keeps none."""

    window: CallingWindow
    zones: Sequence[ZoneInfo]
    country: str | None = None
    state: str | None = None

    def is_open(self, at: datetime) -> bool:
        """Whether the phone may ring at this moment, wherever the callee may be."""
        return all(self._open(at.astimezone(zone)) for zone in self.zones)

    def holiday(self, at: datetime) -> str | None:
        """The holiday that keeps the window closed then, in the first zone that has one."""
        names = (self._holiday(at.astimezone(zone).date()) for zone in self.zones)
        return next((name for name in names if name), None)

    def next_opening(self, after: datetime) -> datetime | None:
        """The first moment later than `after` at which it is open, UTC; None within `SEARCH_DAYS`."""
        start = after.astimezone(UTC)
        for day in range(SEARCH_DAYS):
            since, until = start + day * _DAY, start + (day + 1) * _DAY
            candidates = {moment for zone in self.zones for moment in self._changes(zone, since, until)}
            for moment in sorted(candidates):
                if self.is_open(moment):
                    return moment
        return None

    def closing(self, at: datetime) -> datetime:
        """The first moment after `at`, which is open, when it is closed again, UTC; a day later at most."""
        start = at.astimezone(UTC)
        candidates = {moment for zone in self.zones for moment in self._changes(zone, start, start + _DAY)}
        return next((moment for moment in sorted(candidates) if not self.is_open(moment)), start + _DAY)

    # -- private

    def _open(self, local: datetime) -> bool:
        if local.isoweekday() not in self.window.weekdays or not self.window.covers(local.time()):
            return False
        return self._holiday(local.date()) is None

    def _holiday(self, on: date) -> str | None:
        return holiday_name(self.country, self.state, on) if self.country else None

    def _changes(self, zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[datetime]:
        """Every moment in (since, until] at which the zone's wall clock may enter or leave the window."""
        window = self.window
        walls = {_MIDNIGHT, window.start, window.end, *(edge for p in window.breaks for edge in (p.start, p.end))}
        first = since.astimezone(zone).date() - _DAY
        for day in range(4):
            for wall in walls:
                for fold in (0, 1):  # both passes of a repeated hour
                    local = datetime.combine(first + day * _DAY, wall, zone).replace(fold=fold)
                    if since < (moment := local.astimezone(UTC)) <= until:
                        yield moment
        if since.astimezone(zone).utcoffset() != until.astimezone(zone).utcoffset():
            yield _clock_change(zone, since, until)


def hours_of(brief: TaskBrief, place: CalleePlace) -> CallingHours:
    """The plan's calling hours at the callee's, with the holidays that the plan keeps."""
    country = place.country if brief.holidays == "skip" else None
    return CallingHours(brief.calling_window, place.zones, country, place.state)


def _clock_change(zone: ZoneInfo, since: datetime, until: datetime) -> datetime:
    """The second at which the zone's offset changes between two moments of different offsets."""
    before = since.astimezone(zone).utcoffset()
    low, high = int(since.timestamp()), int(until.timestamp())
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)
