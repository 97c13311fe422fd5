"""The gate before dialling: may this task be called now? Pure: facts in, verdict out, one table of reasons.

Fails closed: what is not known to be allowed is not dialled. Every verdict other than GO is stored and shown. In test
mode all of it holds for the contact's own number, although another one is dialled.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Final

from opendeep.common.callee_place import CalleePlace
from opendeep.common.calling_hours import CallingHours, hours_of
from opendeep.common.campaign_plan import CallingWindow, TaskBrief
from opendeep.common.data_models import DNDEntryBase
from opendeep.common.phone import PhoneNumber, objection
from opendeep.common.plan_problems import narrowed

FREQUENCY_SPAN: Final = timedelta(hours=24)
SPEND_SPAN: Final = timedelta(hours=24)
BUDGET_RECHECK: Final = timedelta(minutes=30)  # a day's budget comes back call by call
HELD_RECHECK: Final = timedelta(minutes=1)  # calls that are live now may end cheaper than what is held for them
# A time that the callee has named may lie outside the plan's window, on any day, within these hours of theirs (the
# bounds of the US Telephone Consumer Protection Act, 47 CFR 64.1200(c)(1)), and is kept for so long.
PROMISE_WINDOW: Final = CallingWindow(start=time(8), end=time(21))
PROMISE_HOLDS: Final = timedelta(hours=2)


class Reason(StrEnum):
    """Why a call is refused or put off."""

    GO = "go"
    EMERGENCY_NUMBER = "emergency_number"
    INVALID_NUMBER = "invalid_number"
    NUMBER_TYPE_NOT_ALLOWED = "number_type_not_allowed"
    COUNTRY_NOT_ALLOWED = "country_not_allowed"
    DO_NOT_CALL = "do_not_call"
    ATTEMPTS_USED = "attempts_used"
    PLAN_ENDED = "plan_ended"
    CALLED_TOO_OFTEN = "called_too_often"
    BUDGET_USED = "budget_used"
    DAY_BUDGET_USED = "day_budget_used"
    UNKNOWN_TIME_ZONE = "unknown_time_zone"
    WINDOW_NEVER_OPENS = "window_never_opens"
    HOLIDAY = "holiday"
    OUTSIDE_HOURS = "outside_hours"


@dataclass(frozen=True, slots=True)
class GateRules:
    """What the settings bound. None leaves a bound open; prices are in the account's currency."""

    region: str  # of numbers without a country code
    extensions: tuple[str, ...]
    allowed_countries: Collection[str]
    home_zone: str  # of internal extensions
    number_types: Collection[str] | None = None
    calls_per_number: int | None = None  # in `FREQUENCY_SPAN`, over all tenants
    price_per_minute: float = 0.0  # 0: unknown, no budget is kept
    max_spend_per_day: float | None = None  # of one tenant, in `SPEND_SPAN`


@dataclass(frozen=True, slots=True)
class Spend:
    """Money spent, and held for calls that are queued or live, at their full length."""

    campaign: float = 0.0
    campaign_held: float = 0.0
    day: float = 0.0
    day_held: float = 0.0


@dataclass(frozen=True, slots=True)
class GateFacts:
    """What the verdict depends on, read for all tasks of a round in one go. `recent_calls` are to this number."""

    number: PhoneNumber
    place: CalleePlace
    brief: TaskBrief
    attempts: int
    max_attempts: int
    dnd: DNDEntryBase | None = None
    recent_calls: Sequence[datetime] = ()
    spend: Spend = field(default_factory=Spend)
    promised_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`not_before` is set when waiting helps; otherwise a refusal is final."""

    reason: Reason
    sentence: str
    not_before: datetime | None = None

    @property
    def go(self) -> bool:
        return self.reason is Reason.GO


_GO: Final = Verdict(Reason.GO, "")


@dataclass(frozen=True, slots=True)
class HoursAnswer:
    """Whether the plan's hours are open at a place; if not, when they open next, and the holiday that closes them."""

    is_open: bool
    opens: datetime | None = None
    holiday: str | None = None


def hours_at(brief: TaskBrief, place: CalleePlace, now: datetime) -> HoursAnswer:
    """The calling hours of the plan where the callee is."""
    hours = hours_of(brief, place)
    if hours.is_open(now):
        return HoursAnswer(True)
    return HoursAnswer(False, hours.next_opening(now), hours.holiday(now))


HoursLookup = Callable[[TaskBrief, CalleePlace, datetime], HoursAnswer]


def check(facts: GateFacts, rules: GateRules, now: datetime, hours: HoursLookup = hours_at) -> Verdict:
    """The first reason against the call, or GO. `now` is timezone-aware; `hours` may remember its answers."""
    for reason_against in _CHECKS:
        if verdict := reason_against(facts, rules, now):
            return _within_the_plan(verdict, facts.brief.not_after)
    verdict = _hours(facts, now, hours)
    return _within_the_plan(verdict, facts.brief.not_after) if verdict else _GO


def _within_the_plan(verdict: Verdict, end: datetime | None) -> Verdict:
    """Waiting does not help beyond the end of the plan."""
    if end is None or verdict.not_before is None or verdict.not_before < end:
        return verdict
    return Verdict(Reason.WINDOW_NEVER_OPENS, f"{verdict.sentence} The plan ends before that.")


def _number(facts: GateFacts, rules: GateRules, now: datetime) -> Verdict | None:
    countries = narrowed(rules.allowed_countries, facts.brief.allowed_countries)
    against = objection(facts.number, countries, narrowed(rules.number_types, facts.brief.number_types))
    return Verdict(Reason(against[0].value), against[1]) if against else None


def _do_not_call(facts: GateFacts, rules: GateRules, now: datetime) -> Verdict | None:
    if facts.dnd is None:
        return None
    whose = {"USER": "your", "CAMPAIGN": "the campaign's", "GLOBAL": "the global"}[facts.dnd.scope.value]
    return Verdict(Reason.DO_NOT_CALL, f"The number is on {whose} do-not-call list: {facts.dnd.reason}")


def _attempts(facts: GateFacts, rules: GateRules, now: datetime) -> Verdict | None:
    if facts.attempts < facts.max_attempts:
        return None
    return Verdict(Reason.ATTEMPTS_USED, f"All {facts.max_attempts} attempts are used.")


def _plan_end(facts: GateFacts, rules: GateRules, now: datetime) -> Verdict | None:
    end = facts.brief.not_after
    if end is None or now < end:
        return None
    return Verdict(Reason.PLAN_ENDED, "The time until which the plan allows calls is over.")


def _frequency(facts: GateFacts, rules: GateRules, now: datetime) -> Verdict | None:
    """One number is not rung again and again, whoever's campaigns it is in."""
    most = rules.calls_per_number
    if most is None or facts.number.kind == "extension":
        return None
    recent = sorted(at for at in facts.recent_calls if at > now - FREQUENCY_SPAN)
    if len(recent) < most:
        return None
    sentence = f"This number has had the {most} calls that it may get in 24 hours; it is called later."
    return Verdict(Reason.CALLED_TOO_OFTEN, sentence, recent[-most] + FREQUENCY_SPAN)


def _spend(facts: GateFacts, rules: GateRules, now: datetime) -> Verdict | None:
    """Stops before a budget is overdrawn: a call counts at its full length until it has ended."""
    if rules.price_per_minute <= 0 or facts.number.kind == "extension":
        return None
    cost, spend = facts.brief.max_call_minutes * rules.price_per_minute, facts.spend
    if (most := facts.brief.max_spend) is not None:
        if spend.campaign + cost > most:
            return Verdict(Reason.BUDGET_USED, f"The rest of the plan's budget of {most:.2f} is too small for a call.")
        if spend.campaign + spend.campaign_held + cost > most:
            sentence = f"The plan's budget of {most:.2f} may be used by the calls that are under way."
            return Verdict(Reason.BUDGET_USED, sentence, now + HELD_RECHECK)
    if (most := rules.max_spend_per_day) is not None and spend.day + spend.day_held + cost > most:
        sentence = f"Your budget of {most:.2f} for 24 hours is used; calls go on when it allows them again."
        return Verdict(Reason.DAY_BUDGET_USED, sentence, now + BUDGET_RECHECK)
    return None


def _hours(facts: GateFacts, now: datetime, look_up: HoursLookup) -> Verdict | None:
    if facts.brief.calling_window.any_time:
        return None
    if not facts.place.zones:
        return Verdict(Reason.UNKNOWN_TIME_ZONE, "The time zone of this number is not known.")
    answer = look_up(facts.brief, facts.place, now)
    if answer.is_open or _promised(facts, now):
        return None
    if answer.opens is None:
        return Verdict(Reason.WINDOW_NEVER_OPENS, "The calling window never opens in this number's time zones.")
    when = f"{answer.opens.astimezone(facts.place.zones[0]):%A at %H:%M} there"
    if answer.holiday:
        sentence = f"It is a public holiday there ({answer.holiday}); calls go on {when}."
        return Verdict(Reason.HOLIDAY, sentence, answer.opens)
    return Verdict(Reason.OUTSIDE_HOURS, f"Outside the calling window; it opens {when}.", answer.opens)


def _promised(facts: GateFacts, now: datetime) -> bool:
    """Whether now is the time that the callee has asked for, at a decent hour of theirs."""
    promised = facts.promised_at
    if promised is None or not promised <= now <= promised + PROMISE_HOLDS:
        return False
    return CallingHours(PROMISE_WINDOW, facts.place.zones).is_open(now)


_CHECKS: Final[tuple[Callable[[GateFacts, GateRules, datetime], Verdict | None], ...]] = (
    _number,
    _do_not_call,
    _attempts,
    _plan_end,
    _frequency,
    _spend,
)
