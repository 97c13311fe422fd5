"""The user's do-not-call list as the user keeps it: entries with what they have prevented, and those that went."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from opendeep.common.data_models import DndScope


@dataclass(frozen=True, slots=True)
class ListedNumber:
    """`refused_dials`: calls of the user to this number that were refused because of a do-not-call list, since it is
    on this one."""

    id: UUID
    phone_number: str
    scope: DndScope
    reason: str
    source: str
    campaign_id: UUID | None
    campaign_title: str | None
    call_id: UUID | None
    created_at: datetime
    refused_dials: int


@dataclass(frozen=True, slots=True)
class RemovedNumber:
    """An entry that the user took off, and why."""

    phone_number: str
    scope: DndScope
    reason: str
    source: str
    removed_because: str
    listed_at: datetime
    removed_at: datetime
