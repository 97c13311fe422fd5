"""What a pre-flight has found, counted and put into sentences; how long the calls will take. Pure.

Memory does not grow with the plan: counts, a few examples of each reason, and one entry for each place to call.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from opendeep.common.calling_hours import CallingHours
from opendeep.task_manager.compliance_gate import Reason, Verdict

EXAMPLES: Final = 5  # contacts named for each reason
STEP: Final = timedelta(minutes=15)  # of the estimate
MAX_STEPS: Final = 4_000
RING_S: Final = 15.0  # dialling and ringing, on average
ASSUMED_TALK_S: Final = 90.0  # per attempt, for tenants without enough calls to measure


class Fate(StrEnum):
    """What becomes of a contact as things stand now."""

    CALLED = "called"
    SKIPPED = "skipped"
    ASKED = "asked"  # the user is asked for something first


_WORDS: Final[Mapping[Reason, str]] = {
    Reason.EMERGENCY_NUMBER: "emergency numbers",
    Reason.INVALID_NUMBER: "with numbers that do not exist",
    Reason.NUMBER_TYPE_NOT_ALLOWED: "with types of numbers that are not called",
    Reason.COUNTRY_NOT_ALLOWED: "in countries that are not called",
    Reason.DO_NOT_CALL: "on a do-not-call list",
    Reason.ATTEMPTS_USED: "without attempts left",
    Reason.PLAN_ENDED: "after the plan's end",
    Reason.CALLED_TOO_OFTEN: "called as often as a day allows",
    Reason.BUDGET_USED: "beyond the plan's budget",
    Reason.DAY_BUDGET_USED: "beyond your budget of the day",
    Reason.UNKNOWN_TIME_ZONE: "in an unknown time zone",
    Reason.WINDOW_NEVER_OPENS: "whose calling hours never come",
    Reason.HOLIDAY: "on a public holiday now",
    Reason.OUTSIDE_HOURS: "outside the calling hours now",
}


@dataclass(frozen=True, slots=True)
class Contact:
    """A row of the plan, from 1 on, as the user may see it."""

    row: int
    contact_name: str
    phone_number: str


@dataclass(frozen=True, slots=True)
class Example:
    contact: Contact
    sentence: str


@dataclass(frozen=True, slots=True)
class Start:
    """From when on and in which hours so many contacts may be called; no hours means at any time."""

    at: datetime
    hours_key: object
    hours: CallingHours | None = field(compare=False)

    def open_at(self, moment: datetime) -> bool:
        return self.at <= moment and (self.hours is None or self.hours.is_open(moment))

    def next_open(self, moment: datetime) -> datetime | None:
        """The first moment from `moment` on at which these contacts may be called."""
        earliest = max(self.at, moment)
        if self.hours is None or self.hours.is_open(earliest):
            return earliest
        return self.hours.next_opening(earliest)


@dataclass(slots=True)
class Tally:
    """Grows contact by contact."""

    fates: Counter[Fate] = field(default_factory=Counter)
    reasons: Counter[tuple[Fate, Reason]] = field(default_factory=Counter)
    examples: dict[tuple[Fate, Reason], list[Example]] = field(default_factory=dict)
    starts: Counter[Start] = field(default_factory=Counter)
    first_call: datetime | None = None
    without_calendar: set[str] = field(default_factory=set)

    @property
    def contacts(self) -> int:
        return self.fates.total()

    def add(self, contact: Contact, verdict: Verdict, start: Start | None) -> None:
        """Count one contact. `start` is where it will be called from, None when it is not called."""
        fate = _fate(verdict, start)
        self.fates[fate] += 1
        if not verdict.go:
            key = (fate, verdict.reason)
            self.reasons[key] += 1
            found = self.examples.setdefault(key, [])
            if len(found) < EXAMPLES:
                found.append(Example(contact, verdict.sentence))
        if start is not None:
            self.starts[start] += 1
            self.first_call = start.at if self.first_call is None else min(self.first_call, start.at)


def _fate(verdict: Verdict, start: Start | None) -> Fate:
    if start is not None:
        return Fate.CALLED
    return Fate.ASKED if verdict.reason is Reason.UNKNOWN_TIME_ZONE else Fate.SKIPPED


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast calls are made: lines, seconds that a call holds one, calls per second at most (None: no bound)."""

    lines: int
    hold_s: float
    calls_per_second: float | None = None

    @property
    def per_second(self) -> float:
        by_lines = self.lines / self.hold_s
        return by_lines if self.calls_per_second is None else min(by_lines, self.calls_per_second)


def finished_at(starts: Mapping[Start, int], pace: Pace) -> datetime | None:
    """When everybody has been called once; None when that is too far away to tell."""
    left = {start: float(count) for start, count in starts.items()}
    if not left:
        return None
    now = min(start.at for start in left)
    for _ in range(MAX_STEPS):
        opened = [start for start in left if start.open_at(now)]
        if not opened:
            later = [moment for start in left if (moment := start.next_open(now)) is not None]
            if not later:
                return None
            now = min(later)
            continue
        capacity = pace.per_second * STEP.total_seconds()
        wanted = sum(left[start] for start in opened)
        for start in opened:
            left[start] -= left[start] * min(1.0, capacity / wanted)
            if left[start] < 1e-6:
                del left[start]
        if not left:
            return now + timedelta(seconds=max(wanted / pace.per_second, pace.hold_s))
        now += STEP
    return None


def sentences(tally: Tally, zone: ZoneInfo) -> list[str]:
    """What the counts say, for the user: who is skipped, who is asked about, who waits, when it begins."""
    total = tally.contacts
    said = [f"{tally.fates[Fate.CALLED]:,} of {total:,} can be called."]
    if skipped := tally.fates[Fate.SKIPPED]:
        said.append(f"{skipped:,} of {total:,} will be skipped: {_listed(tally, Fate.SKIPPED)}.")
    if asked := tally.fates[Fate.ASKED]:
        said.append(f"{asked:,} of {total:,} need an answer of yours first: {_listed(tally, Fate.ASKED)}.")
    if waiting := _listed(tally, Fate.CALLED):
        said.append(f"Some wait for their time: {waiting}.")
    if tally.first_call is not None:
        said.append(f"First call: {tally.first_call.astimezone(zone):%A %d %B at %H:%M} ({zone.key}).")
    if tally.without_calendar:
        countries = ", ".join(sorted(tally.without_calendar))
        said.append(f"No calendar of public holidays is known for {countries}; calls are made on every day there.")
    return said


def _listed(tally: Tally, fate: Fate) -> str:
    found = sorted(((count, reason) for (of, reason), count in tally.reasons.items() if of is fate), reverse=True)
    return ", ".join(f"{count:,} {words_for(reason)}" for count, reason in found)


def words_for(reason: Reason) -> str:
    """The reason as it follows a number: “12 on a do-not-call list”."""
    return _WORDS[reason]


def duration_words(duration: timedelta) -> str:
    """`3 h 10 min`, `25 min`, `2 days 4 h`."""
    minutes = max(1, round(duration.total_seconds() / 60))
    days, hours, rest = minutes // 1440, minutes % 1440 // 60, minutes % 60
    if days:
        return f"{days} day{'s' if days > 1 else ''} {hours} h"
    return f"{hours} h {rest} min" if hours else f"{rest} min"
