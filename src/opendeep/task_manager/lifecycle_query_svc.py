"""`LifecycleQueryService`: what the page shows of the lifecycle manager's decisions, and taking one back."""

from typing import Any, Final
from uuid import UUID

import structlog

from opendeep.common import channels
from opendeep.common.lifecycle_decisions import decision_view
from opendeep.database.db_manager import DatabaseManager
from opendeep.task_manager.lifecycle_undo import take_back

log = structlog.get_logger(__name__)

PAGE_SIZE: Final = 50


class LifecycleQueryService:
    """Every method is scoped by `user_id`; another tenant's id raises `NotFound`."""

    def __init__(self, db: DatabaseManager) -> None:
        self._db = db

    async def decisions(
        self,
        user_id: UUID,
        *,
        campaign_id: UUID | None = None,
        task_id: UUID | None = None,
        before: UUID | None = None,
    ) -> dict[str, Any]:
        """A page of decisions, newest first, with what is open now and what a model has added so far."""
        async with self._db.read() as work:
            found = await work.lifecycle.recent(
                user_id, PAGE_SIZE + 1, campaign_id=campaign_id, task_id=task_id, before=before
            )
            looked_at, taken, dropped = await work.lifecycle.look(user_id)
            queues = await work.observations.queues(user_id)
        page = found[:PAGE_SIZE]
        return {
            "decisions": [decision_view(decision, task, title) for decision, task, title in page],
            "more": len(found) > PAGE_SIZE,
            "queues": queues,
            "model": {
                "looked_at": looked_at.isoformat() if looked_at else None,
                "taken": taken,
                "dropped": dropped,
            },
        }

    async def undo(self, user_id: UUID, decision_id: UUID) -> dict[str, Any]:
        """Restore what the decision changed. Raises `NotFound`, or `Conflict` when the task has moved on since."""
        async with self._db.transaction() as work:
            decision = await work.lifecycle.hold(user_id, decision_id)
            restored = await take_back(work, user_id, decision)
            undone = await work.lifecycle.mark_undone(user_id, decision_id, f"You took it back. {restored}".strip())
            await work.events.add(
                user_id,
                "lifecycle.undone",
                f"You took a decision of the lifecycle manager back. {restored}".strip(),
                data={"action": decision.action},
                campaign_id=decision.campaign_id,
                task_id=decision.task_id,
            )
            work.ring(channels.TASKS_DUE)
        log.info("lifecycle.undone", user_id=str(user_id), decision_id=str(decision_id), action=decision.action)
        return decision_view(undone)
