"""The contacts of a plan, of which there may be 100,000: what page and model see of them, and how versions keep them.

A plan's contacts are those that the assistant wrote and those from the user's files (`source` "import"). The second
kind is code's matter: each new version of a draft keeps them, whatever the model answers.
"""

import asyncio
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

import orjson

from opendeep.common.campaign_plan import CampaignPlan, PlannedTask
from opendeep.common.data_models import PlanStatus
from opendeep.common.plan_problems import ContactProblems, problems_of_the_whole
from opendeep.database.db_manager import Transaction
from opendeep.database.store_people import StoredPlan
from opendeep.task_manager.plan_scripts import plan_for_model
from opendeep.tools.contact_import import SOURCE

SHOWN: Final = 50  # contacts that a page gets
TOLD: Final = 500  # contacts of the newest plan that are read for the model; it wrote them
SAMPLES: Final = 3  # of the contacts from files, for the model
LOOKED_AT: Final = 1_000  # contacts whose problems are told; the confirmation looks at all
PROBLEMS: Final = 20
SLICE: Final = 500


class NumberSettings(Protocol):
    """How numbers are read and which may be called."""

    @property
    def region(self) -> str: ...
    @property
    def extensions(self) -> tuple[str, ...]: ...
    @property
    def allowed_countries(self) -> tuple[str, ...] | None: ...


@dataclass(frozen=True, slots=True)
class PlanShown:
    """A plan for the page: with its first contacts, how many it has, and what stands against it."""

    plan: dict[str, Any]
    contacts: int
    problems: list[str]


async def shown(work: Transaction, settings: NumberSettings, user_id: UUID, plan_id: UUID) -> PlanShown:
    """Raises `NotFound` for a plan that is not this user's."""
    stored = await work.plans.shown(user_id, plan_id, LOOKED_AT)
    plan, problems = await asyncio.to_thread(_judged, stored, settings)
    return PlanShown(plan, stored.contacts, problems)


def _judged(stored: StoredPlan, settings: NumberSettings) -> tuple[dict[str, Any], list[str]]:
    plan = CampaignPlan.model_validate(stored.plan)
    problems = problems_of_the_whole(plan, stored.contacts)
    contacts = ContactProblems(plan, settings.region, settings.extensions, settings.allowed_countries)
    for task in plan.tasks:
        time.sleep(0)  # gives the interpreter's lock to the event loop
        problems += contacts.of(task)
    if len(problems) > PROBLEMS:
        problems = [*problems[:PROBLEMS], f"… and {len(problems) - PROBLEMS} more."]
    head = plan.model_copy(update={"tasks": plan.tasks[:SHOWN]})
    return head.model_dump(mode="json"), problems


async def save_keeping(
    work: Transaction, user_id: UUID, plan: CampaignPlan, before: StoredPlan | None, chat_id: UUID
) -> UUID:
    """Save the model's next version `plan`, with the contacts that files have given to the draft `before`."""
    kept = await imported(work, user_id, before) if before else []
    if not kept:
        return await work.plans.save(user_id, chat_id, plan.model_dump(mode="json"))
    text = await asyncio.to_thread(_joined, plan, kept)
    return await work.plans.save_text(user_id, chat_id, text)


async def imported(work: Transaction, user_id: UUID, before: StoredPlan) -> list[str]:
    """The contacts from files of a draft, as JSON texts; a confirmed plan leaves none to the next one."""
    if before.status is not PlanStatus.DRAFT:
        return []
    kept: list[str] = []
    async for texts in work.plans.task_slices(user_id, before.id, SLICE):
        kept += await asyncio.to_thread(_from_files, texts)
    return kept


def _from_files(texts: Sequence[str]) -> list[str]:
    return [text for text in texts if orjson.loads(text).get("source") == SOURCE]


def _joined(plan: CampaignPlan, kept: Sequence[str]) -> str:
    numbers = {orjson.loads(text)["phone_number"] for text in kept}
    own = [own_task(task) for task in plan.tasks if task.phone_number not in numbers]
    texts = [task.model_dump_json() for task in own]
    return document(plan, [*texts, *kept])


def own_task(task: PlannedTask) -> PlannedTask:
    """A task of the model, which cannot claim that a file gave it."""
    return task.model_copy(update={"source": None}) if task.source == SOURCE else task


def document(plan: CampaignPlan, tasks: Iterable[str]) -> str:
    """The plan as JSON with these contacts, which are JSON already, instead of its own."""
    outline = plan.model_dump_json(exclude={"tasks"})
    return f'{outline[:-1]},"tasks":[{",".join(tasks)}]}}'


def numbers_of(texts: Collection[str]) -> set[str]:
    """The numbers of contacts as JSON texts."""
    return {orjson.loads(text)["phone_number"] for text in texts}


def for_model(stored: StoredPlan) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The newest plan as the model sees it, and what it may know of the contacts from files: how many, and samples."""
    plan = plan_for_model(stored.plan)
    tasks = plan.get("tasks", [])
    own = [task for task in tasks if task.get("source") != SOURCE]
    files = [task for task in tasks if task.get("source") == SOURCE]
    if not files:
        return plan, None
    count = stored.contacts - len(own)
    samples = [{name: value for name, value in task.items() if value and name != "source"} for task in files[:SAMPLES]]
    return plan | {"tasks": own}, {"count": count, "samples": samples}
