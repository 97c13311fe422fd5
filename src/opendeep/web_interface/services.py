"""What the routes may call. The composition root builds one `Services` and hands it to `create_app`."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from opendeep.audio_processing_service.call_control_svc import CallControlService
from opendeep.call_processor_service.lines_query_svc import LinesQueryService
from opendeep.campaign_summarizer_service.reports_svc import ReportsService
from opendeep.common.redis_client import Doorbell
from opendeep.post_call_analyzer_service.reanalysis_svc import ReanalysisService
from opendeep.task_manager.call_sound_svc import CallSoundService
from opendeep.task_manager.campaign_query_svc import CampaignQueryService
from opendeep.task_manager.campaign_tasks_svc import CampaignTasksService
from opendeep.task_manager.contact_import_svc import ContactImportService
from opendeep.task_manager.contacts_svc import ContactsService
from opendeep.task_manager.dnd_svc import DndService
from opendeep.task_manager.feedback_manager_svc import FeedbackManagerService
from opendeep.task_manager.lifecycle_query_svc import LifecycleQueryService
from opendeep.task_manager.orchestrator_svc import OrchestratorService
from opendeep.task_manager.overview_svc import OverviewService
from opendeep.task_manager.plan_editor_svc import PlanEditorService
from opendeep.task_manager.preflight_svc import PreflightService
from opendeep.task_manager.rehearsal_svc import RehearsalService
from opendeep.task_manager.ui_assistant_svc import UIAssistantService


class StatusSource(Protocol):
    """The root's `SystemStatus`, seen from below it."""

    async def ready(self) -> Mapping[str, Mapping[str, Any]]:
        """Each part with `ok` and `detail`."""
        ...

    def modes(self) -> Mapping[str, Any]:
        """Which parts are stand-ins: `telephony`, `ai`, `directory`, `test_mode`, `test_mode_number`."""
        ...

    def lines(self) -> Mapping[str, Any]:
        """Lines in use; empty on a node without lines."""
        ...


class PagePhone(Protocol):
    """The telephone of one page. An order that does not fit the moment does nothing; the page is told what is."""

    def answer(self, call_id: str) -> None: ...
    def decline(self, call_id: str) -> None: ...
    def hang_up(self, call_id: str) -> None: ...
    def press(self, digit: str) -> None: ...
    def speak(self, audio: bytes) -> None:
        """µ-law at 8 kHz, any length."""
        ...

    async def next(self, timeout: float) -> bytes | Mapping[str, Any] | None:
        """A message for the page, 20 ms of µ-law, or None when there was nothing for `timeout` seconds.

        Raises `TimeoutError` when the page has not taken what it was told.
        """
        ...


class Phones(Protocol):
    """The telephones in the browsers, seen from above the simulated switch."""

    extension: str

    def connect(self, user_id: UUID) -> AbstractAsyncContextManager[PagePhone]:
        """A page of this user becomes a telephone until the context ends."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    assistant: UIAssistantService
    orchestrator: OrchestratorService
    campaigns: CampaignQueryService
    feedback: FeedbackManagerService
    preflight: PreflightService
    plans: PlanEditorService
    imports: ContactImportService
    rehearsals: RehearsalService
    overview: OverviewService
    call_sound: CallSoundService
    lifecycle: LifecycleQueryService
    campaign_tasks: CampaignTasksService
    reports: ReportsService
    reanalysis: ReanalysisService
    lines: LinesQueryService
    control: CallControlService
    status: StatusSource
    bell: Doorbell
    contacts: ContactsService
    dnd: DndService
    installation: Sequence[Mapping[str, Any]]  # the settings that the page shows
    phones: Phones | None = None  # only where the telephone network is the simulated one in this process
