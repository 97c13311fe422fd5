"""A campaign's tasks a page at a time, for lists of 100,000. Owns order and filters; tasks change in `store_tasks`."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, tuple_

from opendeep.common.data_models import Task, TaskStatus
from opendeep.common.errors import NotFound
from opendeep.common.task_pages import TaskOrder, TaskPageRequest
from opendeep.database.models import TaskRow
from opendeep.database.rows import task_value
from opendeep.database.scope import for_user
from opendeep.database.store import Store

ESCAPE = "\\"


class TaskPagesStore(Store):
    async def page(self, user_id: UUID, campaign_id: UUID, wanted: TaskPageRequest) -> tuple[list[Task], bool]:
        """The tasks, and whether there are more behind them. Raises `NotFound` when `after` is not of this campaign."""
        place = [await self._place(user_id, campaign_id, wanted.after)] if wanted.after else []
        statement = page_statement(user_id, campaign_id, wanted, *place)
        rows = (await self._session.scalars(statement)).all()
        return [task_value(row) for row in rows[: wanted.limit]], len(rows) > wanted.limit

    async def outcomes(self, user_id: UUID, campaign_id: UUID) -> dict[str, int]:
        """Number of tasks per disposition; those without one are not counted."""
        statement = (
            select(TaskRow.disposition, func.count())
            .where(TaskRow.campaign_id == campaign_id, TaskRow.disposition.is_not(None))
            .group_by(TaskRow.disposition)
        )
        found = (await self._session.execute(for_user(statement, TaskRow, user_id))).all()
        return {str(disposition): number for disposition, number in found}

    async def positions(self, user_id: UUID, campaign_id: UUID, status: TaskStatus) -> set[int]:
        """The places in the plan, from 1, of the tasks in this status."""
        statement = select(TaskRow.position).where(TaskRow.campaign_id == campaign_id, TaskRow.status == status)
        return set((await self._session.scalars(for_user(statement, TaskRow, user_id))).all())

    async def _place(self, user_id: UUID, campaign_id: UUID, task_id: UUID | None) -> tuple[str, int]:
        statement = select(TaskRow.contact_name, TaskRow.position).where(
            TaskRow.id == task_id, TaskRow.campaign_id == campaign_id
        )
        place = (await self._session.execute(for_user(statement, TaskRow, user_id))).one_or_none()
        if place is None:
            raise NotFound("The list has changed. Please open its first page again.")
        name, position = place
        return name, position


def page_statement(
    user_id: UUID, campaign_id: UUID, wanted: TaskPageRequest, place: tuple[str, int] | None = None
) -> Select[TaskRow]:
    """One row more than is shown. `place`: name and position of the task after which the page begins."""
    by_name = wanted.order is TaskOrder.CONTACT_NAME
    keys: list[Any] = [TaskRow.contact_name, TaskRow.position] if by_name else [TaskRow.position]
    statement = select(TaskRow).where(TaskRow.campaign_id == campaign_id)
    if wanted.statuses:
        statement = statement.where(TaskRow.status.in_(wanted.statuses))
    if wanted.search:
        statement = statement.where(_contains(wanted.search))
    if place is not None:
        here, there = tuple_(*keys), tuple_(*(place if by_name else place[1:]))
        statement = statement.where(here < there if wanted.descending else here > there)
    ordered = [key.desc() if wanted.descending else key for key in keys]
    return for_user(statement.order_by(*ordered).limit(wanted.limit + 1), TaskRow, user_id)


def _contains(search: str) -> Any:
    """A number is found however it is grouped, and `%` and `_` mean themselves."""
    name = TaskRow.contact_name.icontains(search, autoescape=True, escape=ESCAPE)
    digits = "".join(character for character in search if character.isdecimal())
    grouped = bool(digits) and all(character.isdecimal() or character in "+-(). /" for character in search)
    return name | TaskRow.phone_number.contains(digits, autoescape=True, escape=ESCAPE) if grouped else name
