"""`PlanReader`: a stored plan, checked for its confirmation and read as tasks. Writes nothing.

A plan may have 100,000 contacts: they are read from the row in slices and worked through in a thread, so that the event
loop, which may carry live calls, is never held.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Collection, Sequence
from typing import Final
from uuid import UUID

import orjson
from pydantic import ValidationError

from opendeep.common.campaign_plan import CampaignPlan, PlannedTask, brief_for
from opendeep.common.data_models import Json, TaskBase
from opendeep.common.errors import InvalidPlan
from opendeep.common.phone import parse_number
from opendeep.common.plan_problems import ContactProblems, problems_of_the_whole
from opendeep.database.db_manager import DatabaseManager

SLICE: Final = 500  # tasks read at once, and written in one transaction


class PlanReader:
    """`region` and `extensions` say how national and internal numbers are read."""

    def __init__(self, db: DatabaseManager, region: str, extensions: Collection[str]) -> None:
        self._db = db
        self._region = region
        self._extensions = extensions

    async def checked(self, user_id: UUID, plan_id: UUID) -> tuple[CampaignPlan, int]:
        """The plan without its contacts, and how many those are.

        Raises `NotFound` for a plan that is not this user's, `InvalidPlan` for one that cannot be confirmed yet.
        """
        count = 0
        problems: list[str] = []
        async with self._db.read() as work:
            plan = read_outline(await work.plans.outline(user_id, plan_id))
            contacts = ContactProblems(plan, self._region, self._extensions)
            async for texts in work.plans.task_slices(user_id, plan_id, SLICE):
                problems += await asyncio.to_thread(_problems, contacts, texts)
                count += len(texts)
        if problems := [*problems_of_the_whole(plan, count), *problems]:
            raise InvalidPlan("The plan cannot be confirmed yet: " + " ".join(problems))
        return plan, count

    async def slices(self, user_id: UUID, plan_id: UUID, after: int = 0) -> AsyncGenerator[list[TaskBase], None]:
        """The plan's contacts behind the first `after` as tasks. A reading transaction is open meanwhile."""
        async with self._db.read() as work:
            plan = read_outline(await work.plans.outline(user_id, plan_id))
            async for texts in work.plans.task_slices(user_id, plan_id, SLICE, after):
                yield await asyncio.to_thread(self._tasks, plan, texts)

    def _tasks(self, plan: CampaignPlan, texts: Sequence[str]) -> list[TaskBase]:
        return [self._task(plan, _contact(text)) for text in texts]

    def _task(self, plan: CampaignPlan, task: PlannedTask) -> TaskBase:
        brief = brief_for(plan, task)
        return TaskBase(
            contact_name=task.contact_name,
            contact_kind=task.contact_kind,
            phone_number=parse_number(task.phone_number, self._region, self._extensions).e164,
            objective=brief.objective,
            brief=brief.model_dump(mode="json"),
            timezone=task.timezone,
            address=task.address,
            priority=task.priority,
            max_attempts=plan.max_attempts,
            not_before=task.not_before,
        )


def read_outline(document: Json) -> CampaignPlan:
    """The plan without its contacts, as it is stored. Raises `InvalidPlan` for one that cannot be read."""
    try:
        return CampaignPlan.model_validate(document)
    except ValidationError as error:
        raise InvalidPlan(f"The plan cannot be read: {error.errors()[0]['msg']}.") from error


def _contact(text: str) -> PlannedTask:
    time.sleep(0)  # gives the interpreter's lock to the event loop, which would wait 5 ms for it
    try:
        return PlannedTask.model_validate(orjson.loads(text))
    except ValidationError as error:
        raise InvalidPlan(f"The plan cannot be read: {error.errors()[0]['msg']}.") from error


def _problems(contacts: ContactProblems, texts: Sequence[str]) -> list[str]:
    return [problem for text in texts for problem in contacts.of(_contact(text))]
