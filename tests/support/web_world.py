"""The web interface over the real services and a real database; only the text model is scripted.

`WebWorld` is what a page talks to. `play_*` write the rows that the workers would write, through the same stores, so
that the page's events come the real way: commit, bell, socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from opendeep.audio_processing_service.call_control_svc import CallControlService
from opendeep.call_processor_service.lines_query_svc import LinesQueryService
from opendeep.campaign_summarizer_service.reports_svc import ReportsService
from opendeep.campaign_summarizer_service.summarizer_svc import CampaignSummarizerService
from opendeep.common.campaign_plan import AssistantTurn
from opendeep.common.clock import SystemClock
from opendeep.common.data_models import (
    Call,
    CallCreate,
    CallStatus,
    Disposition,
    FeedbackKind,
    FeedbackRequest,
    Speaker,
    Task,
    TaskStatus,
    TranscriptTurn,
)
from opendeep.common.errors import ProviderFault
from opendeep.common.redis_client import Doorbell, InProcessDoorbell
from opendeep.config.app_config import AppConfig
from opendeep.config.settings_view import settings_view
from opendeep.config.trunk_config import Trunk
from opendeep.database.db_manager import DatabaseManager
from opendeep.llm_integrations.openai_form_client import LoopResult, Message, Toolbox, ToolStep, Watch
from opendeep.post_call_analyzer_service.reanalysis_svc import ReanalysisService
from opendeep.task_manager.call_sound_svc import CallSoundService
from opendeep.task_manager.campaign_query_svc import CampaignQueryService
from opendeep.task_manager.campaign_tasks_svc import CampaignTasksService
from opendeep.task_manager.compliance_gate import GateRules
from opendeep.task_manager.contact_import_svc import ContactImportService
from opendeep.task_manager.contacts_svc import ContactsService
from opendeep.task_manager.dnd_svc import DndService
from opendeep.task_manager.feedback_manager_svc import FeedbackManagerService
from opendeep.task_manager.lifecycle_query_svc import LifecycleQueryService
from opendeep.task_manager.orchestrator_svc import OrchestratorService
from opendeep.task_manager.overview_svc import OverviewService
from opendeep.task_manager.plan_editor_svc import PlanEditorService
from opendeep.task_manager.preflight_svc import PreflightService, PreflightSettings
from opendeep.task_manager.rehearsal_svc import RehearsalService
from opendeep.task_manager.ui_assistant_svc import AssistantSettings, ToolLoop, UIAssistantService
from opendeep.web_interface.app import create_app
from opendeep.web_interface.services import Services

REGION = "US"
EXTENSIONS = ("7000",)
ZONE = "America/New_York"
RULES = GateRules(REGION, EXTENSIONS, ("US",), ZONE, calls_per_number=4)
LEASE_S = 60.0
TENANT_CAP = 5
ANSWER_S = 3.0  # of a live call to an order; one test waits for it in vain
TRUNKS = (
    Trunk("world", "PJSIP/{number}@world", 10, 2.0, 1, caller_ids=("+12025550100", "+12025550101")),
    Trunk("private", "PJSIP/{number}@private", 3, 1.0, 1, tenants=frozenset({"Ann"}), caller_ids=("+12125550100",)),
)
NODE_LINES = {  # what the call initiator's snapshot gives
    "node_id": "node-1", "lines_total": 10, "lines_used": 1, "queued": 0, "draining": False, "paused_because": None,
    "ami": {"state": "ready"}, "calls": ["0192f0c1-0000-7000-8000-000000000001"],
}  # fmt: skip
SERVER_DEADLINE_S = 60.0
THREAD_DEADLINE_S = 60.0
DATABASE_THREAD = "_connection_worker_thread"  # part of the name of aiosqlite's threads

Answer = TypeVar("Answer", bound=BaseModel)


class ScriptedModel:
    """Implements the assistant's `ToolLoop`: each round gives the next turn of the script. Analyses and reports are
    the next of `documents`; without one the provider fails."""

    def __init__(self) -> None:
        self.documents: deque[dict[str, Any]] = deque()
        self.script: deque[tuple[AssistantTurn, tuple[ToolStep, ...]] | Exception] = deque()
        self.seen: list[list[Message]] = []

    def say(self, message: str, *, steps: Sequence[ToolStep] = (), **turn: Any) -> None:
        """Add a turn: `form` and `campaign_plan` as JSON."""
        self.script.append((AssistantTurn.model_validate({"message": message, **turn}), tuple(steps)))

    async def structured(
        self, system: str, messages: Sequence[Message], response_model: type[Answer], name: str
    ) -> Answer:
        if not self.documents:
            raise ProviderFault("No document is scripted.")
        return response_model.model_validate(self.documents.popleft())

    async def tool_loop(
        self,
        system: str,
        messages: Sequence[Message],
        tools: Toolbox,
        response_model: type[Answer],
        name: str,
        *,
        max_rounds: int,
        deadline_s: float,
        watch: Watch | None = None,
        from_words: Callable[[str], Answer] | None = None,
    ) -> LoopResult[Answer]:
        self.seen.append(list(messages))
        turn = self.script.popleft() if self.script else (AssistantTurn(message="I have nothing more to say."), ())
        if isinstance(turn, Exception):
            raise turn
        answer, steps = turn
        if watch is not None:
            for step in steps:
                watch.tool_started(step.id, step.name, step.arguments)
                watch.tool_finished(step)
            watch.said(answer.message)
        return LoopResult(response_model.model_validate(answer.model_dump()), steps)


class NoTools:
    """The assistant's toolbox; the scripted model uses none."""

    def tool_definitions(self) -> list[dict[str, Any]]:
        return []

    async def call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        raise AssertionError(f"the scripted model called {name}")


@dataclass
class ScriptedStatus:
    """The root's status as this test wants it."""

    parts: dict[str, dict[str, Any]] = field(default_factory=lambda: {"database": {"ok": True, "detail": "ok"}})
    modes_now: dict[str, Any] = field(
        default_factory=lambda: {
            "telephony": "simulated",
            "ai": "offline",
            "directory": "sample",
            "test_mode": False,
            "test_mode_number": None,
        }
    )

    async def ready(self) -> dict[str, dict[str, Any]]:
        return self.parts

    def modes(self) -> dict[str, Any]:
        return self.modes_now

    def lines(self) -> dict[str, Any]:
        return {"live": 0, "capacity": 10}


@dataclass
class WebWorld:
    db: DatabaseManager
    bell: Any  # a `Doorbell`; tests look into the one of this process
    model: ScriptedModel
    status: ScriptedStatus
    services: Services
    config: AppConfig
    app: FastAPI

    async def user_id(self, name: str) -> UUID:
        return (await self.services.campaigns.sign_in(name)).id


@contextlib.asynccontextmanager
async def web_world(
    directory: Path,
    trunks: Sequence[Trunk] = TRUNKS,
    llm: ToolLoop | None = None,
    look_ups: Toolbox | None = None,
) -> AsyncIterator[WebWorld]:
    """A fresh world whose database and session key live in `directory`. `llm` None: the scripted model."""
    bell = InProcessDoorbell()
    db = DatabaseManager(f"sqlite+aiosqlite:///{directory}/web.db", bell, SystemClock())
    await db.upgrade()
    built = web_over(directory, db, bell, trunks, llm, look_ups)
    try:
        yield built
    finally:
        await built.services.assistant.stop()
        await built.services.rehearsals.stop()
        await db.close()
        await _database_threads_end()


def web_over(
    directory: Path,
    db: DatabaseManager,
    bell: Doorbell,
    trunks: Sequence[Trunk] = TRUNKS,
    llm: ToolLoop | None = None,
    look_ups: Toolbox | None = None,
) -> WebWorld:
    """The web interface over a database and a doorbell that are there already."""
    clock = SystemClock()
    model, status, node = ScriptedModel(), ScriptedStatus(), dict(NODE_LINES)
    config = AppConfig(_env_file=None, data_dir=directory, default_user_name="Guest")  # type: ignore[call-arg]
    summariser = CampaignSummarizerService(db, bell, model, clock, price_per_minute=0.12, default_zone=ZONE)
    campaigns = CampaignQueryService(db, directory, ZONE)
    services = Services(
        assistant=UIAssistantService(
            db, llm or model, look_ups or NoTools(), AssistantSettings(REGION, EXTENSIONS, ZONE), clock
        ),
        orchestrator=OrchestratorService(db, REGION, EXTENSIONS),
        campaigns=campaigns,
        call_sound=CallSoundService(db, campaigns),
        feedback=FeedbackManagerService(db, bell),
        preflight=PreflightService(db, SystemClock(), PreflightSettings(RULES, 10, ZONE)),
        campaign_tasks=CampaignTasksService(db),
        overview=OverviewService(db, clock, ZONE),
        plans=PlanEditorService(db, AssistantSettings(REGION, EXTENSIONS, ZONE)),
        imports=ContactImportService(db, directory, AssistantSettings(REGION, EXTENSIONS, ZONE), clock),
        rehearsals=RehearsalService(db, directory, "offline"),
        lifecycle=LifecycleQueryService(db),
        reports=ReportsService(db, summariser, clock, price_per_minute=0.12, default_zone=ZONE),
        reanalysis=ReanalysisService(db, model, clock, config, jitter=lambda: 0.0),
        lines=LinesQueryService(trunks, TENANT_CAP, db, clock, lambda: node),
        control=CallControlService(db, bell, clock, ANSWER_S),
        status=status,
        bell=bell,
        contacts=ContactsService(db, REGION, EXTENSIONS, ZONE),
        dnd=DndService(db, REGION, EXTENSIONS, threshold=3),
        installation=settings_view(config),
    )
    return WebWorld(db, bell, model, status, services, config, create_app(services, config, clock))


async def _database_threads_end() -> None:
    """aiosqlite does not wait for the thread of a connection that could not be opened; it still needs the loop."""
    for thread in [thread for thread in threading.enumerate() if DATABASE_THREAD in thread.name]:
        await asyncio.to_thread(thread.join, THREAD_DEADLINE_S)
        assert not thread.is_alive(), f"{thread.name} outlives its database"


@contextlib.asynccontextmanager
async def serving(app: FastAPI, port: int = 0) -> AsyncIterator[str]:
    """The app behind a real uvicorn on loopback; yields its address. `port` serves again where one was stopped."""
    listener = socket.create_server(("127.0.0.1", port))
    settings = uvicorn.Config(
        app, log_config=None, access_log=False, ws="websockets-sansio", timeout_graceful_shutdown=1, lifespan="off"
    )
    server = _Server(settings)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="test-web-server")
    try:
        async with asyncio.timeout(SERVER_DEADLINE_S):
            await server.is_up.wait()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, SERVER_DEADLINE_S)
        listener.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


PLAN: dict[str, Any] = {
    "title": "Boiler inspection",
    "objective": "Book the yearly boiler inspection on Tuesday at ten.",
    "on_behalf_of": "Maria Keller",
    "opening": "I am calling to book the yearly boiler inspection.",
    "questions": [{"key": "slot_ok", "ask": "Does Tuesday at ten work for you?", "type": "yes_no"}],
    "may_say": ["The visit takes about thirty minutes."],
    "tasks": [
        {"contact_name": "Anna Meyer", "phone_number": "+1 202 555 0101", "source": "your message"},
        {"contact_name": "Ben Ortiz", "phone_number": "+1 202 555 0102", "source": "your message"},
        {
            "contact_name": "Harbour Facilities",
            "contact_kind": "business",
            "phone_number": "+1 202 555 0104",
            "menu_hint": "facilities",
            "source": "sample directory",
        },
    ],
}


def wish(plan: dict[str, Any] = PLAN) -> str:
    """What a user writes who wants this plan: only numbers that somebody gave are called."""
    return "Call " + ", ".join(f"{task['contact_name']} {task['phone_number']}" for task in plan["tasks"])


async def dial(world: WebWorld, task: Task) -> Call:
    """The task is queued and its next attempt is answered."""
    async with world.db.transaction() as work:
        await work.tasks.transition(task.id, TaskStatus.QUEUED_FOR_CALL, "A line is free.")
        await work.tasks.transition(task.id, TaskStatus.CALL_IN_PROGRESS, "Calling.", counts_attempt=True)
        attempt = CallCreate(task.user_id, task.campaign_id, task.id, task.phone_number, None, "test")
        call = await work.calls.create_call_attempt(attempt, LEASE_S)
        await work.calls.update_call_status(call.id, CallStatus.RINGING)
        await work.events.add(
            task.user_id, "call.ringing", "It rings.", campaign_id=task.campaign_id, task_id=task.id, call_id=call.id
        )
        return await work.calls.update_call_status(call.id, CallStatus.IN_PROGRESS)


async def speak(world: WebWorld, call: Call, turn: int, speaker: Speaker, text: str) -> None:
    async with world.db.transaction() as work:
        spoken = TranscriptTurn(call.id, turn, speaker, text, turn * 2_000, turn * 2_000 + 1_500)
        await work.transcripts.put(call.user_id, call.task_id, spoken)


async def ask(world: WebWorld, call: Call, question: str, options: Sequence[str] = ()) -> FeedbackRequest:
    async with world.db.transaction() as work:
        return await work.feedback.ask(
            call.user_id,
            call.campaign_id,
            call.task_id,
            question,
            kind=FeedbackKind.LIVE,
            call_id=call.id,
            options=options,
            timeout_s=45.0,
        )


async def finish(world: WebWorld, call: Call, disposition: Disposition, summary: str, recording: str | None) -> None:
    """The call ends, is analysed, and its task is done."""
    async with world.db.transaction() as work:
        await work.calls.save_media(call.id, {}, recording)
        await work.calls.update_call_status(call.id, CallStatus.COMPLETED, end_reason="The call was completed.")
        await work.tasks.transition(call.task_id, TaskStatus.PENDING_ANALYSIS, "The call has ended.")
        await work.calls.save_analysis(call.id, disposition, {"summary": summary, "by": "model"})
        done = TaskStatus.COMPLETED if disposition is Disposition.ACHIEVED else TaskStatus.FAILED
        result = {"slot_ok": {"value": "yes", "turns": [2], "quote": "ten is fine"}} if done == "COMPLETED" else {}
        await work.tasks.transition(
            call.task_id, done, "The call reached its end.", disposition=disposition, summary=summary, result=result
        )


async def report(world: WebWorld, user_id: UUID, campaign_id: UUID) -> None:
    """Write the final report from what the rows say."""
    async with world.db.transaction() as work:
        tasks = await work.tasks.of_campaign(user_id, campaign_id)
        calls = await work.calls.of_campaign(user_id, campaign_id)
        document = {
            "title": "Boiler inspection",
            "generated_at": work.now.isoformat(),
            "by": "model",
            "figures": {
                "tasks": len(tasks),
                "completed": sum(task.status is TaskStatus.COMPLETED for task in tasks),
                "failed": sum(task.status is TaskStatus.FAILED for task in tasks),
                "by_disposition": {"ACHIEVED": 1},
                "calls": len(calls),
                "talk_seconds": 73.0,
            },
            "headline": "Anna Meyer agreed to Tuesday at ten.",
            "paragraphs": [{"text": "She said that ten is fine.", "calls": [str(calls[0].id)], "turns": [2]}],
            "tasks": [
                {
                    "task_id": str(task.id),
                    "contact_name": task.contact_name,
                    "status": task.status.value,
                    "disposition": task.disposition.value if task.disposition else None,
                    "summary": task.summary,
                    "result": dict(task.result),
                    "calls": [
                        {"call_id": str(c.id), "attempt": c.attempt_number, "status": c.status, "recording": True}
                        for c in calls
                        if c.task_id == task.id
                    ],
                }
                for task in tasks
            ],
        }
        await work.campaigns.save_report(user_id, campaign_id, document, final=True)
