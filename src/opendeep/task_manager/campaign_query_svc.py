"""`CampaignQueryService`: what the pages read, and the user's controls over a campaign. No decisions of its own."""

import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

from opendeep.common import channels
from opendeep.common.data_models import Campaign, CampaignStatus, TaskStatus, User
from opendeep.common.errors import NotFound, UserMistake
from opendeep.common.task_states import CANCELLABLE, TERMINAL
from opendeep.common.views import call_view, campaign_view, event_view, feedback_view, task_view, turn_view
from opendeep.database.db_manager import DatabaseManager

MAX_NAME_LENGTH = 80
PAGE_SIZE = 1_000
CANCEL_PAGE_SIZE = 50  # tasks in one transaction

View = dict[str, Any]


class CampaignQueryService:
    """Every method is scoped by `user_id`; another tenant's id raises `NotFound`."""

    def __init__(self, db: DatabaseManager, data_dir: Path, default_timezone: str) -> None:
        self._db = db
        self._data_dir = data_dir
        self._default_timezone = default_timezone

    async def sign_in(self, name: str) -> User:
        """The tenant of that name, made on first use. Raises `UserMistake` for an unusable name."""
        name = " ".join(unicodedata.normalize("NFC", name).split())
        if not name or len(name) > MAX_NAME_LENGTH or not name.isprintable():
            raise UserMistake(f"Please choose a name of 1 to {MAX_NAME_LENGTH} characters.")
        async with self._db.transaction() as work:
            return await work.users.get_or_create(name, {"full_name": name, "time_zone": self._default_timezone})

    async def user(self, user_id: UUID) -> User:
        async with self._db.read() as work:
            return await work.users.get(user_id)

    async def campaigns(self, user_id: UUID) -> list[View]:
        async with self._db.read() as work:
            return [campaign_view(campaign) for campaign in await work.campaigns.recent(user_id)]

    async def detail(self, user_id: UUID, campaign_id: UUID, offset: int = 0) -> View:
        """The campaign with its progress, one page of tasks, the calls, and the open questions."""
        async with self._db.read() as work:
            campaign = await work.campaigns.get(user_id, campaign_id)
            progress = await work.campaigns.progress(user_id, campaign_id)
            tasks = await work.tasks.of_campaign(user_id, campaign_id, PAGE_SIZE, offset)
            calls = await work.calls.of_campaign(user_id, campaign_id)
            events = await work.events.of_campaign(user_id, campaign_id)
            feedback = await work.feedback.pending(user_id)
        return {
            "campaign": campaign_view(campaign),
            "progress": progress,
            "outcomes": dict(Counter(task.disposition.value for task in tasks if task.disposition)),
            "tasks": [task_view(task) for task in tasks],
            "calls": [call_view(call) for call in calls],
            "events": [event_view(event) for event in events],
            "feedback": [feedback_view(f) for f in feedback if f.campaign_id == campaign_id],
        }

    async def task(self, user_id: UUID, task_id: UUID) -> View:
        async with self._db.read() as work:
            task = await work.tasks.get(user_id, task_id)
            calls = await work.calls.of_task(user_id, task_id)
            events = await work.events.of_task(user_id, task_id)
            feedback = await work.feedback.of_task(user_id, task_id)
        return {
            "task": task_view(task),
            "calls": [call_view(call) for call in calls],
            "events": [event_view(event) for event in events],
            "feedback": [feedback_view(f) for f in feedback],
        }

    async def call(self, user_id: UUID, call_id: UUID) -> View:
        async with self._db.read() as work:
            call = await work.calls.get_call_by_id(call_id, user_id)
            turns = await work.transcripts.of_call(user_id, call_id)
            events = await work.events.of_call(user_id, call_id)
            feedback = await work.feedback.of_task(user_id, call.task_id)
        return {
            "call": call_view(call),
            "transcript": [turn_view(turn) for turn in turns],
            "events": [event_view(event) for event in events],
            "feedback": [feedback_view(f) for f in feedback if f.call_id == call_id],
        }

    async def pause(self, user_id: UUID, campaign_id: UUID) -> View:
        """No new calls; live ones end as they will."""
        return await self._set_status(user_id, campaign_id, CampaignStatus.PAUSED)

    async def resume(self, user_id: UUID, campaign_id: UUID) -> View:
        return await self._set_status(user_id, campaign_id, CampaignStatus.ACTIVE)

    async def cancel(self, user_id: UUID, campaign_id: UUID) -> View:
        """Stop every task that is not in a call; live calls end and are analysed, then the report is written.

        Page by page, so that the rows of live calls are not kept waiting. Interrupted, it leaves the campaign paused.
        """
        async with self._db.transaction() as work:
            campaign = await work.campaigns.stop(user_id, campaign_id)
        offset = 0
        while await self._cancel_page(user_id, campaign_id, offset):
            offset += CANCEL_PAGE_SIZE
        if campaign.status is CampaignStatus.PAUSED:
            async with self._db.transaction() as work:
                campaign = await work.campaigns.set_status(user_id, campaign_id, CampaignStatus.ACTIVE)
                work.ring(channels.TASKS_FINISHED)  # its report can be written now
        return campaign_view(campaign)

    async def _cancel_page(self, user_id: UUID, campaign_id: UUID, offset: int) -> bool:
        async with self._db.transaction() as work:
            tasks = await work.tasks.of_campaign(user_id, campaign_id, CANCEL_PAGE_SIZE, offset, hold=True)
            for task in tasks:
                if task.status in CANCELLABLE:
                    await work.tasks.transition(task.id, TaskStatus.CANCELLED, "You stopped the campaign.")
                elif task.status not in TERMINAL:  # in a call: it ends and is analysed, and is not called again
                    await work.tasks.change(user_id, task.id, task.version, max_attempts=task.attempts)
        return bool(tasks)

    async def recording_path(self, user_id: UUID, call_id: UUID) -> Path:
        """The recording's file. Raises `NotFound` when the call has none, or the file is gone."""
        async with self._db.read() as work:
            call = await work.calls.get_call_by_id(call_id, user_id)
        path = self._data_dir / call.recording_path if call.recording_path else None
        if path is None or not path.is_file():
            raise NotFound("There is no recording of this call.")
        return path

    async def pending_feedback(self, user_id: UUID) -> list[View]:
        """Open questions, and the latest of calls that were missed: answers to those are kept for the next call."""
        async with self._db.read() as work:
            found = [*await work.feedback.pending(user_id), *await work.feedback.missed(user_id)]
        return [feedback_view(feedback) for feedback in found]

    async def change_profile(self, user_id: UUID, changes: View) -> User:
        """Set what the assistant and the calls know of the user; checked at the door."""
        async with self._db.transaction() as work:
            return await work.users.update_profile(user_id, changes)

    async def profile_versions(self, user_id: UUID) -> list[View]:
        """The user's profiles as they were, newest first; the first one is in use."""
        async with self._db.read() as work:
            versions = await work.users.profile_versions(user_id)
        return [
            {"version": version, "created_at": at.isoformat(), "profile": dict(profile)}
            for version, at, profile in versions
        ]

    async def forget_profile_versions(self, user_id: UUID) -> int:
        """Delete all but the one in use; returns how many went."""
        async with self._db.transaction() as work:
            return await work.users.forget_profile_versions(user_id)

    async def _set_status(self, user_id: UUID, campaign_id: UUID, status: CampaignStatus) -> View:
        async with self._db.transaction() as work:
            campaign: Campaign = await work.campaigns.set_status(user_id, campaign_id, status)
            if status is CampaignStatus.ACTIVE:
                work.ring(channels.TASKS_DUE)
        return campaign_view(campaign)
