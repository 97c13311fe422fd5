"""Which page of a campaign's tasks somebody wants to see."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from opendeep.common.data_models import TaskStatus


class TaskOrder(StrEnum):
    """What a list is sorted by; each has an index that gives the rows in that order."""

    POSITION = "position"
    CONTACT_NAME = "contact_name"


@dataclass(frozen=True, slots=True)
class TaskPageRequest:
    """`after`: the last task of the page before. `search`: part of a contact's name or number. `limit`: tasks."""

    statuses: Sequence[TaskStatus] = ()
    search: str = ""
    order: TaskOrder = TaskOrder.POSITION
    descending: bool = False
    after: UUID | None = None
    limit: int = 50
