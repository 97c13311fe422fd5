"""`PreflightService`: the gate before dialling, run over a whole plan before it is confirmed.

The same `check` as before each call, on the same lists. A plan may have 100,000 contacts: they are read from the row in
slices and judged in a thread, so that the event loop, which may carry live calls, is never held. Changes nothing.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from pydantic import ValidationError

from opendeep.common.callee_place import CalleePlace, callee_place
from opendeep.common.calling_hours import CallingHours, hours_of
from opendeep.common.campaign_plan import CampaignPlan, PlannedTask, TaskBrief, brief_for
from opendeep.common.clock import Clock
from opendeep.common.errors import Conflict, InvalidPhoneNumber
from opendeep.common.phone import PhoneNumber, parse_number
from opendeep.common.public_holidays import has_calendar
from opendeep.database.db_manager import DatabaseManager, Transaction
from opendeep.task_manager.compliance_gate import (
    FREQUENCY_SPAN,
    SPEND_SPAN,
    GateFacts,
    GateRules,
    HoursAnswer,
    Reason,
    Spend,
    Verdict,
    check,
    hours_at,
)
from opendeep.task_manager.plan_reader import read_outline
from opendeep.task_manager.preflight_tally import (
    ASSUMED_TALK_S,
    RING_S,
    Contact,
    Pace,
    Start,
    Tally,
    duration_words,
    finished_at,
    sentences,
    words_for,
)
from opendeep.task_manager.task_gate import Known

SLICE: Final = 200  # contacts read and judged at once: 30 ms of a thread
MEASURED_SPAN: Final = timedelta(days=30)
MAX_HOURS_KEPT: Final = 4_096  # places times moments whose calling hours are remembered
MAX_LOOKS: Final = 4  # at a contact that is put off for one reason after the other
MAX_AT_ONCE: Final = 2  # pre-flights; a page asks again

View = dict[str, Any]
_WITHOUT_TASKS = PlannedTask(contact_name="", phone_number="")


@dataclass(frozen=True, slots=True)
class PreflightSettings:
    """`lines` and `calls_per_second` (None: no bound) are those that the plan can hope for."""

    rules: GateRules
    lines: int
    default_timezone: str
    calls_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    contact: Contact
    task: PlannedTask | None
    number: PhoneNumber | None
    against: str = ""


class PreflightService:
    """One for all tenants."""

    def __init__(self, db: DatabaseManager, clock: Clock, settings: PreflightSettings) -> None:
        self._db = db
        self._clock = clock
        self._settings = settings
        self._running = 0

    async def preflight(self, user_id: UUID, plan_id: UUID) -> View:
        """What will happen to the plan's contacts as things stand now.

        Raises `NotFound` for a plan that is not this user's, `InvalidPlan` for one that cannot be read, `Conflict`
        while too many plans are looked through.
        """
        if self._running >= MAX_AT_ONCE:
            raise Conflict("Other plans are being looked through right now. Ask again in a moment.")
        self._running += 1
        try:
            return await self._look_through(user_id, plan_id)
        finally:
            self._running -= 1

    async def _look_through(self, user_id: UUID, plan_id: UUID) -> View:
        now, rules = self._clock.now(), self._settings.rules
        async with self._db.read() as rows, self._db.read() as lists:
            user = await lists.users.get(user_id)
            plan = read_outline(await lists.plans.outline(user_id, plan_id))
            talk_s = await lists.gate.average_talk_s(user_id, now - MEASURED_SPAN)
            sums = await lists.gate.spend([user_id], [], rules.price_per_minute, now - SPEND_SPAN)
            spend = Spend(day=sums.day[user_id], day_held=sums.day_held[user_id])
            judge = _Judge(rules, user_id, brief_for(plan, _WITHOUT_TASKS), plan, spend, now)
            first = 1
            async for texts in rows.plans.task_slices(user_id, plan_id, SLICE):
                read = await asyncio.to_thread(_read, texts, first, rules)
                numbers = [row.number.e164 for row in read if row.number]
                known = await _known(lists, numbers, user_id, rules, now)
                await asyncio.to_thread(judge.judge, read, known)
                first += len(texts)
        zone = ZoneInfo(str(user.profile.get("time_zone") or self._settings.default_timezone))
        talk_s = min(ASSUMED_TALK_S if talk_s is None else talk_s, plan.max_call_minutes * 60)
        return await asyncio.to_thread(self._view, judge.tally, zone, talk_s, plan)

    def _view(self, tally: Tally, zone: ZoneInfo, talk_s: float, plan: CampaignPlan) -> View:
        settings = self._settings
        pace = Pace(settings.lines, RING_S + talk_s, settings.calls_per_second)
        end, said = finished_at(tally.starts, pace), sentences(tally, zone)
        called = tally.starts.total()
        cost = called * talk_s / 60 * settings.rules.price_per_minute if settings.rules.price_per_minute else None
        if end is not None and tally.first_call is not None:
            took, lines = duration_words(end - tally.first_call), settings.lines
            said.append(f"Calling everybody once takes about {took} with {lines} line{'s' if lines > 1 else ''}.")
        elif tally.first_call is not None:
            said.append("How long it takes cannot be told: there are too few calling hours for so many contacts.")
        if cost:
            said.append(f"That costs about {cost:,.2f}.")
            said += _too_little(plan, settings.rules, called, cost)
        return {
            "contacts": tally.contacts,
            "fates": {fate.value: count for fate, count in tally.fates.items()},
            "reasons": _reasons(tally),
            "sentences": said,
            "first_call_at": _iso(tally.first_call),
            "finished_at": _iso(end),
            "time_zone": zone.key,
            "lines": settings.lines,
            "estimated_cost": None if cost is None else round(cost, 2),
        }


class _Judge:
    """The verdicts of one pre-flight. Calling hours are asked once for each place and moment."""

    def __init__(
        self, rules: GateRules, user_id: UUID, brief: TaskBrief, plan: CampaignPlan, spend: Spend, now: datetime
    ) -> None:
        self.tally = Tally()
        self._rules = rules
        self._user_id = user_id
        self._brief = brief
        self._max_attempts = plan.max_attempts
        self._spend = spend
        self._now = now
        self._hours: dict[CalleePlace, CallingHours | None] = {}
        self._answers: dict[tuple[CalleePlace, datetime], HoursAnswer] = {}

    def judge(self, rows: Sequence[_Row], known: Known) -> None:
        for row in rows:
            time.sleep(0)  # gives the interpreter's lock to the event loop, which would wait 5 ms for it
            if row.task is None or row.number is None:
                self.tally.add(row.contact, Verdict(Reason.INVALID_NUMBER, row.against), None)
            else:
                self._judge(row.contact, row.task, row.number, known)

    def _judge(self, contact: Contact, task: PlannedTask, number: PhoneNumber, known: Known) -> None:
        place = callee_place(number, task.timezone, task.address, self._rules.home_zone)
        facts = GateFacts(
            number=number,
            place=place,
            brief=self._brief,
            attempts=0,
            max_attempts=self._max_attempts,
            dnd=known.dnd(self._user_id, None, number.e164),
            recent_calls=known.recent_calls.get(number.e164, ()),
            spend=self._spend,
        )
        due = max(self._now, task.not_before) if task.not_before and task.not_before.tzinfo else self._now
        verdict, start = self._fate(facts, due)
        self.tally.add(contact, verdict, Start(start, place, self._hours_of(place)) if start else None)

    def _fate(self, facts: GateFacts, due: datetime) -> tuple[Verdict, datetime | None]:
        """The first word on this contact and when it will be called; or the last word, if it never is."""
        first = verdict = check(facts, self._rules, due, self._hours_at)
        at = due
        for _ in range(MAX_LOOKS):  # as the scheduler does: what was put off is judged again when its time has come
            if verdict.go:
                return first, at
            if verdict.not_before is None:
                return verdict, None
            at = max(at, verdict.not_before)
            verdict = check(facts, self._rules, at, self._hours_at)
        return first, at

    def _hours_of(self, place: CalleePlace) -> CallingHours | None:
        if place not in self._hours:
            hours = None if self._brief.calling_window.any_time else hours_of(self._brief, place)
            if hours and hours.country and not has_calendar(hours.country):
                self.tally.without_calendar.add(hours.country)
            self._hours[place] = hours
        return self._hours[place]

    def _hours_at(self, brief: TaskBrief, place: CalleePlace, at: datetime) -> HoursAnswer:
        if len(self._answers) >= MAX_HOURS_KEPT:
            self._answers.clear()
        if (answer := self._answers.get((place, at))) is None:
            answer = self._answers[place, at] = hours_at(brief, place, at)
        return answer


def _too_little(plan: CampaignPlan, rules: GateRules, called: int, cost: float) -> list[str]:
    """Budgets that end before everybody has been called once: the gate wants the price of a whole call to be left."""
    whole, each = plan.max_call_minutes * rules.price_per_minute, cost / called if called else 0.0
    budgets = (
        (
            plan.max_spend,
            "The plan's budget of {:,.2f} is enough for about {:,} of {:,} calls; the others are not made.",
        ),
        (rules.max_spend_per_day, "Your budget of {:,.2f} for 24 hours is enough for about {:,} of {:,} calls a day."),
    )
    said = []
    for most, sentence in budgets:
        enough = called if most is None or not each else max(0, int((most - whole) / each + 1e-9) + 1)
        if most is not None and enough < called:
            said.append(sentence.format(most, enough, called))
    return said


def _read(texts: Sequence[str], first: int, rules: GateRules) -> list[_Row]:
    """The contacts of a slice; one that cannot be read is a row with its reason."""
    read = []
    for row, text in enumerate(texts, first):
        time.sleep(0)  # as in `_Judge.judge`
        read.append(_read_one(text, row, rules))
    return read


def _read_one(text: str, row: int, rules: GateRules) -> _Row:
    try:
        task = PlannedTask.model_validate(orjson.loads(text))
    except (ValidationError, orjson.JSONDecodeError):
        return _Row(Contact(row, "", ""), None, None, "This contact cannot be read.")
    contact = Contact(row, task.contact_name, task.phone_number)
    try:
        return _Row(contact, task, parse_number(task.phone_number, rules.region, rules.extensions))
    except InvalidPhoneNumber as error:
        return _Row(contact, task, None, str(error))


async def _known(work: Transaction, numbers: Sequence[str], user_id: UUID, rules: GateRules, now: datetime) -> Known:
    since = now - FREQUENCY_SPAN
    recent = await work.gate.recent_calls(numbers, since) if rules.calls_per_number is not None else {}
    return Known(do_not_call=await work.dnd.of_numbers(numbers, [user_id]), recent_calls=recent)


def _reasons(tally: Tally) -> list[View]:
    return [
        {
            "reason": reason.value,
            "fate": fate.value,
            "count": count,
            "words": words_for(reason),
            "examples": [
                {
                    "row": example.contact.row,
                    "contact_name": example.contact.contact_name,
                    "phone_number": example.contact.phone_number,
                    "sentence": example.sentence,
                }
                for example in tally.examples[fate, reason]
            ],
        }
        for (fate, reason), count in tally.reasons.most_common()
    ]


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
