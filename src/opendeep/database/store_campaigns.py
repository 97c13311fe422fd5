"""Campaigns: their life, their progress and their report. Tasks live in `store_tasks`."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import func, select, text

from opendeep.common import channels
from opendeep.common.data_models import Campaign, CampaignStatus
from opendeep.common.errors import Conflict, NotFound
from opendeep.common.ids import new_id
from opendeep.common.views import campaign_view
from opendeep.database.models import ACTIVE_CAMPAIGN, OPEN_TASK, PREPARING_CAMPAIGN, CampaignRow, TaskRow
from opendeep.database.rows import campaign_value
from opendeep.database.scope import across_tenants, for_user
from opendeep.database.store import Store, locked

log = structlog.get_logger(__name__)

ENDED = (CampaignStatus.COMPLETED, CampaignStatus.CANCELLED)


class CampaignsStore(Store):
    async def create(
        self, user_id: UUID, plan_id: UUID, title: str, objective: str, tasks_planned: int = 0
    ) -> Campaign:
        """A new campaign; it is PREPARING until `advance` has counted all planned tasks."""
        row = CampaignRow(
            id=new_id(),
            user_id=user_id,
            plan_id=plan_id,
            title=title,
            objective=objective,
            status=CampaignStatus.PREPARING if tasks_planned else CampaignStatus.ACTIVE,
            report=None,
            tasks_planned=tasks_planned,
            tasks_prepared=0,
            created_at=self._work.now,
            finished_at=None,
        )
        self._session.add(row)
        await self._session.flush()
        campaign = campaign_value(row)
        self._work.tell_user(user_id, "campaign", campaign=campaign_view(campaign))
        return campaign

    async def advance(self, user_id: UUID, campaign_id: UUID, after: int, count: int) -> Campaign:
        """Count the tasks `after` + 1 to `after` + `count`, which this transaction writes; the last makes it ACTIVE.

        The row is held: of two that prepare the same slice one raises `Conflict`, as does one whose campaign is
        not being prepared any more.
        """
        row = await self._row(user_id, campaign_id, lock=True)
        if row.status != CampaignStatus.PREPARING or row.tasks_prepared != after:
            raise Conflict(f"The campaign is {row.status} with {row.tasks_prepared} tasks by now.")
        row.tasks_prepared += count
        if row.tasks_prepared < row.tasks_planned:
            return self._changed(row, CampaignStatus.PREPARING)
        self._work.ring(channels.TASKS_DUE)
        return self._changed(row, CampaignStatus.ACTIVE)

    async def preparing(self, limit: int = 100) -> list[Campaign]:
        """Campaigns of which tasks are missing, oldest first."""
        statement = across_tenants(
            select(CampaignRow).where(text(f"campaigns.{PREPARING_CAMPAIGN}")).order_by(CampaignRow.id).limit(limit),
            "one preparer serves all tenants",
        )
        return [campaign_value(row) for row in (await self._session.scalars(statement)).all()]

    async def by_plan(self, user_id: UUID, plan_id: UUID) -> Campaign | None:
        statement = for_user(select(CampaignRow).where(CampaignRow.plan_id == plan_id), CampaignRow, user_id)
        row = (await self._session.scalars(statement)).one_or_none()
        return campaign_value(row) if row else None

    async def get(self, user_id: UUID, campaign_id: UUID) -> Campaign:
        return campaign_value(await self._row(user_id, campaign_id))

    async def recent(self, user_id: UUID, limit: int = 100) -> list[Campaign]:
        """Newest first."""
        statement = for_user(
            select(CampaignRow).order_by(CampaignRow.created_at.desc()).limit(limit), CampaignRow, user_id
        )
        return [campaign_value(row) for row in (await self._session.scalars(statement)).all()]

    async def set_status(self, user_id: UUID, campaign_id: UUID, status: CampaignStatus) -> Campaign:
        """Pause or resume. Raises `Conflict` when the campaign has ended, or is not whole yet."""
        row = await self._row(user_id, campaign_id, lock=True)
        if row.status in ENDED:
            raise Conflict(f"The campaign has ended ({row.status}).")
        if row.status == CampaignStatus.PREPARING:
            raise Conflict("The campaign is still being prepared; nobody is called before that. Wait, or stop it.")
        return self._changed(row, status)

    async def stop(self, user_id: UUID, campaign_id: UUID) -> Campaign:
        """Pause it for good, before its tasks are cancelled: what is not prepared yet never will be."""
        row = await self._row(user_id, campaign_id, lock=True)
        if row.status in ENDED:
            return campaign_value(row)
        if row.tasks_prepared < row.tasks_planned:
            cut = {"prepared": row.tasks_prepared, "planned": row.tasks_planned}
            log.info("campaign.cut_short", campaign_id=str(row.id), **cut)
            row.tasks_planned = row.tasks_prepared
        return self._changed(row, CampaignStatus.PAUSED)

    async def finished_without_report(self, limit: int = 10) -> list[Campaign]:
        """Active campaigns whose tasks are all terminal, locked for the summariser that writes their report."""
        open_task = (
            select(TaskRow.id)
            .where(TaskRow.campaign_id == CampaignRow.id, text(f"tasks.{OPEN_TASK}"))
            .order_by(TaskRow.updated_at)
            .limit(1)
        ).scalar_subquery()  # one look for each campaign; of NOT EXISTS PostgreSQL makes a join over all tasks
        statement = across_tenants(
            locked(
                select(CampaignRow)
                .where(text(f"campaigns.{ACTIVE_CAMPAIGN}"), open_task.is_(None))
                .order_by(CampaignRow.user_id, CampaignRow.id)
                .limit(limit),
                skip=True,
            ),
            "one summariser serves all tenants",
        )
        return [campaign_value(row) for row in (await self._session.scalars(statement)).all()]

    async def save_report(
        self, user_id: UUID, campaign_id: UUID, report: Mapping[str, Any], *, final: bool
    ) -> Campaign:
        """Keep the report; a final one completes the campaign. Raises `Conflict` when another worker was faster."""
        row = await self._row(user_id, campaign_id, lock=True)
        if final and row.status != CampaignStatus.ACTIVE:
            raise Conflict(f"The campaign is {row.status} by now.")
        row.report = dict(report)
        return self._changed(row, CampaignStatus.COMPLETED if final else CampaignStatus(row.status))

    async def progress(self, user_id: UUID, campaign_id: UUID) -> dict[str, int]:
        """Number of tasks per status."""
        statement = for_user(
            select(TaskRow.status, func.count()).where(TaskRow.campaign_id == campaign_id).group_by(TaskRow.status),
            TaskRow,
            user_id,
        )
        return {status: count for status, count in (await self._session.execute(statement)).all()}

    def _changed(self, row: CampaignRow, status: CampaignStatus) -> Campaign:
        if row.status != status:
            log.info("campaign.status", campaign_id=str(row.id), old=row.status, new=status.value)
        row.status = status
        if status in ENDED:
            row.finished_at = self._work.now
        campaign = campaign_value(row)
        self._work.tell_user(row.user_id, "campaign", campaign=campaign_view(campaign))
        return campaign

    async def _row(self, user_id: UUID, campaign_id: UUID, *, lock: bool = False) -> CampaignRow:
        statement = for_user(select(CampaignRow).where(CampaignRow.id == campaign_id), CampaignRow, user_id)
        row = (await self._session.scalars(locked(statement) if lock else statement)).one_or_none()
        if row is None:
            raise NotFound("There is no such campaign.")
        return row
