"""The gate before dialling: may this task be called now? Pure: facts in, verdict out, one table of reasons.

Fails closed: what is not known to be allowed is not dialled. Every verdict other than GO is stored and shown.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from opendeep.common.campaign_plan import CallingWindow
from opendeep.common.data_models import DNDEntryBase
from opendeep.common.phone import PhoneNumber, objection

SEARCH_DAYS = 14  # a window that does not open within two weeks never opens


class Reason(StrEnum):
    """Why a call is refused or put off."""

    GO = "go"
    DO_NOT_CALL = "do_not_call"
    ATTEMPTS_USED = "attempts_used"
    INVALID_NUMBER = "invalid_number"
    EMERGENCY_NUMBER = "emergency_number"
    COUNTRY_NOT_ALLOWED = "country_not_allowed"
    NUMBER_TYPE_NOT_ALLOWED = "number_type_not_allowed"
    UNKNOWN_TIME_ZONE = "unknown_time_zone"
    OUTSIDE_HOURS = "outside_hours"
    WINDOW_NEVER_OPENS = "window_never_opens"


@dataclass(frozen=True, slots=True)
class GateFacts:
    """What the verdict depends on, read in one go by the scheduler."""

    number: PhoneNumber
    explicit_zone: str | None
    window: CallingWindow
    attempts: int
    max_attempts: int
    dnd: DNDEntryBase | None
    allowed_countries: Collection[str]
    home_zone: str  # of internal extensions


@dataclass(frozen=True, slots=True)
class Verdict:
    """`not_before` is set when waiting helps; otherwise a refusal is final."""

    reason: Reason
    sentence: str
    not_before: datetime | None = None

    @property
    def go(self) -> bool:
        return self.reason is Reason.GO


def check(facts: GateFacts, now: datetime) -> Verdict:
    """The first reason against the call, or GO. `now` is timezone-aware."""
    if against := objection(facts.number, facts.allowed_countries):
        return Verdict(Reason(against[0].value), against[1])
    if facts.dnd is not None:
        whose = {"USER": "your", "CAMPAIGN": "the campaign's", "GLOBAL": "the global"}[facts.dnd.scope.value]
        return Verdict(Reason.DO_NOT_CALL, f"The number is on {whose} do-not-call list: {facts.dnd.reason}")
    if facts.attempts >= facts.max_attempts:
        return Verdict(Reason.ATTEMPTS_USED, f"All {facts.max_attempts} attempts are used.")
    return _check_hours(facts, now)


def _check_hours(facts: GateFacts, now: datetime) -> Verdict:
    if facts.window.any_time:
        return Verdict(Reason.GO, "")
    zones = _zones(facts)
    if not zones:
        return Verdict(Reason.UNKNOWN_TIME_ZONE, "The time zone of this number is not known; add it to the contact.")
    if all(_open(facts.window, zone, now) for zone in zones):
        return Verdict(Reason.GO, "")
    opens = next_opening(facts.window, zones, now)
    if opens is None:
        return Verdict(Reason.WINDOW_NEVER_OPENS, "The calling window never opens in this number's time zones.")
    local = opens.astimezone(zones[0])
    return Verdict(Reason.OUTSIDE_HOURS, f"Outside the calling window; it opens {local:%A at %H:%M} there.", opens)


def _zones(facts: GateFacts) -> list[ZoneInfo]:
    if facts.explicit_zone:
        return [ZoneInfo(facts.explicit_zone)]
    if facts.number.kind == "extension":
        return [ZoneInfo(facts.home_zone)]
    return [ZoneInfo(name) for name in facts.number.time_zones]


def _open(window: CallingWindow, zone: ZoneInfo, at: datetime) -> bool:
    local = at.astimezone(zone)
    return local.isoweekday() in window.weekdays and window.start <= local.time() < window.end


def next_opening(window: CallingWindow, zones: list[ZoneInfo], now: datetime) -> datetime | None:
    """The first moment after `now` at which the window is open in every zone; None within `SEARCH_DAYS`.

    Only the opening times of the zones can be that moment, so only those are tried. An opening in the hour that
    daylight saving skips is taken at the same wall time after the gap.
    """
    candidates = []
    for zone in zones:
        today = now.astimezone(zone).date()
        for day in range(SEARCH_DAYS + 1):
            opening = datetime.combine(today + timedelta(days=day), window.start, zone)
            if opening > now:
                candidates.append(opening)
    for candidate in sorted(candidates):
        if all(_open(window, zone, candidate) for zone in zones):
            return candidate
    return None
