"""What the routes may call. The composition root builds one `Services` and hands it to `create_app`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from opendeep.audio_processing_service.call_control_svc import CallControlService
from opendeep.call_processor_service.lines_query_svc import LinesQueryService
from opendeep.common.redis_client import Doorbell
from opendeep.task_manager.campaign_query_svc import CampaignQueryService
from opendeep.task_manager.feedback_manager_svc import FeedbackManagerService
from opendeep.task_manager.orchestrator_svc import OrchestratorService
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


@dataclass(frozen=True, slots=True)
class Services:
    assistant: UIAssistantService
    orchestrator: OrchestratorService
    campaigns: CampaignQueryService
    feedback: FeedbackManagerService
    preflight: PreflightService
    rehearsals: RehearsalService
    lines: LinesQueryService
    control: CallControlService
    status: StatusSource
    bell: Doorbell
