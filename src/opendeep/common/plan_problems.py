"""What still stands between a plan and its confirmation, as sentences for the user. Pure.

The same rules for the chat, which shows them, and for the orchestrator, which refuses. What depends on the moment
(hours, lists, budgets) is the compliance gate's; the pre-flight tells of it before the confirmation.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, time

from opendeep.common.call_script import Engine
from opendeep.common.campaign_plan import (
    UNPROVEN_SOURCE,
    CallingWindow,
    CampaignPlan,
    PlannedTask,
    derive_script,
    script_for,
)
from opendeep.common.errors import InvalidPhoneNumber
from opendeep.common.phone import PhoneNumber, objection, parse_number
from opendeep.common.script_problems import script_problems

_MIDNIGHT = time(0)


def plan_problems(
    plan: CampaignPlan,
    region: str | None = None,
    extensions: Collection[str] = (),
    countries: Collection[str] | None = None,
    types: Collection[str] | None = None,
) -> list[str]:
    """One sentence for each problem; empty means that the plan can be confirmed.

    `countries` and `types` are those that may be called; None leaves that to the compliance gate.
    """
    contacts = ContactProblems(plan, region, extensions, countries, types)
    problems = problems_of_the_whole(plan, len(plan.tasks))
    return problems + [problem for task in plan.tasks for problem in contacts.of(task)]


def problems_of_the_whole(plan: CampaignPlan, contacts: int) -> list[str]:
    """What stands against the plan apart from its contacts, of which there are so many."""
    return [*_about_the_plan(plan, contacts), *_about_the_window(plan.calling_window), *_about_the_script(plan)]


class ContactProblems:
    """What stands against the contacts of one plan, asked one after the other."""

    def __init__(
        self,
        plan: CampaignPlan,
        region: str | None = None,
        extensions: Collection[str] = (),
        countries: Collection[str] | None = None,
        types: Collection[str] | None = None,
    ) -> None:
        self._plan = plan
        self._region = region
        self._extensions = extensions
        self._countries = countries
        self._types = types
        self._about_all = frozenset(_about_the_script(plan))  # what is told once, and not for each contact
        self._seen: dict[str, str] = {}  # who has which number; as many as the plan has contacts

    def of(self, task: PlannedTask) -> list[str]:
        """The sentences about the next contact."""
        who = task.contact_name or task.phone_number or "A contact"
        problems = [f"{who}{problem}" for problem in _about_the_contact(task, self._plan)]
        problems += [f"{who}: {problem}" for problem in self._about_the_own_script(task)]
        try:
            number = parse_number(task.phone_number, self._region, self._extensions)
        except InvalidPhoneNumber as error:
            return [*problems, f"{who}: {error}"]
        about = _about_the_number(task, number, self._plan, self._countries, self._types)
        problems += [f"{who}: {problem}" for problem in about]
        if number.e164 in self._seen:
            problems.append(f"{who} and {self._seen[number.e164]} have the same number.")
        self._seen[number.e164] = who
        return problems

    def _about_the_own_script(self, task: PlannedTask) -> list[str]:
        """What a contact's own words add to the plan's script."""
        plan = self._plan
        script = script_for(plan, task) if task.questions or task.opening or task.must_not_say else None
        if script is None:
            return []
        private = [*plan.must_not_say, *task.must_not_say]
        problems = script_problems(script, plan.language, private, plan.max_call_minutes)
        return [problem for problem in problems if problem not in self._about_all]


def narrowed(bound: Collection[str] | None, wanted: Collection[str] | None) -> Collection[str] | None:
    """What a plan wants, within what the settings allow; None is everything."""
    if bound is None or wanted is None:
        return wanted if bound is None else bound
    return [name for name in wanted if name in bound]


def _about_the_plan(plan: CampaignPlan, contacts: int) -> Iterator[str]:
    if not plan.objective:
        yield "The plan does not say what the calls should achieve."
    if not plan.on_behalf_of:
        yield "The plan does not say on whose behalf to call."
    if not contacts:
        yield "The plan has nobody to call."
    if plan.not_after and _naive(plan.not_after):
        yield f"Say in which time zone the end of the plan ({plan.not_after:%Y-%m-%d %H:%M}) is meant."


def _about_the_script(plan: CampaignPlan) -> list[str]:
    if plan.engine is not Engine.SCRIPTED:
        return []
    script = plan.script or derive_script(plan)
    return script_problems(script, plan.language, plan.must_not_say, plan.max_call_minutes)


def _about_the_window(window: CallingWindow) -> Iterator[str]:
    if window.any_time:
        return
    if not window.weekdays:
        yield "The calling window has no weekdays: say on which days to call."
    if window.end != _MIDNIGHT and window.start >= window.end:
        yield "The calling window ends before it starts."
    elif not _ever_open(window):
        yield "The breaks leave nothing of the calling window."
    for pause in window.breaks:
        if pause.end != _MIDNIGHT and pause.start >= pause.end:
            yield f"The break at {pause.start:%H:%M} ends before it starts."


def _ever_open(window: CallingWindow) -> bool:
    openings = [window.start, *(pause.end for pause in window.breaks)]
    return any(window.covers(wall) for wall in openings)


def _about_the_contact(task: PlannedTask, plan: CampaignPlan) -> Iterator[str]:
    if not task.contact_name:
        yield " has no name."
    if task.not_before is None:
        return
    if _naive(task.not_before):
        yield f": say in which time zone “not before {task.not_before:%Y-%m-%d %H:%M}” is meant."
    elif plan.not_after and not _naive(plan.not_after) and task.not_before >= plan.not_after:
        yield ": is not to be called before the time at which the plan ends."


def _about_the_number(
    task: PlannedTask,
    number: PhoneNumber,
    plan: CampaignPlan,
    countries: Collection[str] | None,
    types: Collection[str] | None,
) -> Iterator[str]:
    if task.source == UNPROVEN_SOURCE and number.kind != "extension":
        yield f"I cannot tell who gave the number {number.e164}. Please write it here."
    allowed = narrowed(countries, plan.allowed_countries), narrowed(types, plan.number_types)
    if against := objection(number, *allowed):
        yield against[1]


def _naive(moment: datetime) -> bool:
    return moment.tzinfo is None or moment.utcoffset() is None
