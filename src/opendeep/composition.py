"""The composition root: the object graph, and the workers in the order in which they start. No business rules."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from redis.asyncio import Redis

from opendeep.audio_processing_service.audio_socket_server import build_audio_socket_server
from opendeep.audio_processing_service.call_control_svc import CallControlService
from opendeep.call_processor_service.asterisk_ami_client import AmiAddress, AsteriskAmiClient
from opendeep.call_processor_service.call_initiator_svc import CallInitiatorService
from opendeep.call_processor_service.lines_query_svc import LinesQueryService
from opendeep.campaign_summarizer_service.reports_svc import ReportsService
from opendeep.campaign_summarizer_service.summarizer_svc import CampaignSummarizerService
from opendeep.common.clock import Clock, SystemClock
from opendeep.common.errors import NotFound
from opendeep.common.public_holidays import prepare
from opendeep.common.redis_client import Doorbell, InProcessDoorbell, RedisDoorbell
from opendeep.config.app_config import AppConfig, Role
from opendeep.config.settings_view import settings_view
from opendeep.config.trunk_config import Trunk, callable_countries, lines_at_most, load_trunks
from opendeep.database.db_manager import DatabaseManager
from opendeep.embedded import start_embedded
from opendeep.llm_integrations.google_gemini_client import GoogleGeminiClient
from opendeep.llm_integrations.google_places_client import GooglePlacesClient
from opendeep.llm_integrations.openai_form_client import OpenAIFormClient
from opendeep.post_call_analyzer_service.analysis_svc import AnalysisService
from opendeep.post_call_analyzer_service.reanalysis_svc import ReanalysisService
from opendeep.simulation.browser_phones import OwnerOf
from opendeep.supervisor import Worker
from opendeep.system_status import Lines, Probe, SystemStatus
from opendeep.task_manager.call_sound_svc import CallSoundService
from opendeep.task_manager.campaign_preparer_svc import CampaignPreparerService
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
from opendeep.task_manager.plan_reader import PlanReader
from opendeep.task_manager.preflight_svc import PreflightService, PreflightSettings
from opendeep.task_manager.rehearsal_svc import RehearsalService
from opendeep.task_manager.task_lifecycle_manager_svc import TaskLifecycleManagerService
from opendeep.task_manager.task_scheduler_svc import SchedulerSettings, TaskSchedulerService
from opendeep.task_manager.ui_assistant_svc import AssistantSettings, UIAssistantService
from opendeep.tools.information_retriever_svc import InformationRetrieverService
from opendeep.web_interface.app import create_app
from opendeep.web_interface.services import Phones, Services


@dataclass(frozen=True, slots=True)
class Application:
    """What `main` runs. `web` is None on a node without the web role."""

    config: AppConfig
    workers: list[Worker]
    web: FastAPI | None


@dataclass(frozen=True, slots=True)
class _Ground:
    """What every part of the graph stands on."""

    config: AppConfig
    trunks: tuple[Trunk, ...]
    db: DatabaseManager
    bell: Doorbell
    clock: Clock
    text_ai: OpenAIFormClient
    retriever: InformationRetrieverService


async def build(modes: AppConfig, stack: contextlib.AsyncExitStack) -> Application:
    """Start the stand-ins that are needed, open the database, build everything. Closed by `stack`.

    Raises `OpenDeepError` when a part that is needed cannot start.
    """
    modes.data_dir.mkdir(parents=True, exist_ok=True)
    bell: Doorbell = (
        RedisDoorbell(Redis.from_url(modes.redis_url), modes.node_id) if modes.redis_url else InProcessDoorbell()
    )
    clock = SystemClock()
    db = DatabaseManager(modes.effective_database_url, bell, clock)
    stack.push_async_callback(db.close)
    await db.upgrade()
    if Role.VOICE in modes.opendeep_roles:
        await stack.enter_async_context(db.as_node(modes.node_id))
    embedded = await start_embedded(modes, stack, _owner_of(db))
    config, workers = embedded.config, embedded.workers
    text_ai, retriever = _providers(config, stack)
    ground = _Ground(config, load_trunks(config), db, bell, clock, text_ai, retriever)
    workers.append(Worker("doorbell", bell.run))
    lines, voice_workers, probes = _voice(ground)
    workers += voice_workers
    workers += _between_calls(ground)
    line_views = LinesQueryService(ground.trunks, config.max_calls_per_tenant, db, clock, lines or (lambda: {}))
    if lines is not None and config.needs_trunks:
        probes["trunks"] = line_views.out_of_order
    status = SystemStatus(modes, db, bell, probes, lines)
    if Role.WEB not in config.opendeep_roles:
        return Application(config, workers, None)
    rehearsals = RehearsalService(db, modes.data_dir, "offline" if modes.offline_ai else "openai")
    assistant = UIAssistantService(db, text_ai, retriever, _assistant_settings(ground), clock)
    imports = ContactImportService(db, modes.data_dir, _assistant_settings(ground), clock)
    workers += [
        Worker("rehearsals", rehearsals.run),
        Worker("assistant", assistant.run),
        Worker("imports", imports.run),
    ]
    web = _web(ground, modes, status, line_views, embedded.phones, rehearsals, assistant, imports)
    return Application(config, workers, web)


def _owner_of(db: DatabaseManager) -> OwnerOf:
    """The user whose call a channel is: our channels carry the ids of `calls` rows."""

    async def owner_of(channel_id: str) -> UUID | None:
        try:
            return (await db.get_call_by_id(UUID(channel_id))).user_id
        except (ValueError, NotFound):
            return None

    return owner_of


def _providers(
    config: AppConfig, stack: contextlib.AsyncExitStack
) -> tuple[OpenAIFormClient, InformationRetrieverService]:
    key = config.openai_api_key.get_secret_value() if config.openai_api_key else None
    google = config.google_api_key.get_secret_value() if config.google_api_key else None
    timeout_ms = config.provider_timeout_ms
    text_ai = OpenAIFormClient(key, config.openai_base_url, config.openai_text_model, timeout_ms)
    gemini = GoogleGeminiClient(google, config.google_base_url, config.gemini_model, timeout_ms)
    places = GooglePlacesClient(google, config.google_places_base_url, timeout_ms)
    for client in (text_ai, gemini, places):
        stack.push_async_callback(client.close)
    return text_ai, InformationRetrieverService(places, gemini, config.default_region)


def _voice(ground: _Ground) -> tuple[Lines | None, list[Worker], dict[str, Probe]]:
    """The lines of this node: AMI, audio, the initiator, and the scheduler that fills them."""
    config = ground.config
    if Role.VOICE not in config.opendeep_roles:
        return None, [], {}
    ami = _ami(ground)
    audio = build_audio_socket_server(config, ground.db, ground.bell, ground.clock, ground.retriever)

    def audio_address() -> tuple[str, int]:
        return config.audiosocket_public_host or config.audiosocket_host, audio.port

    mute = audio.voice_paused_because
    initiator = CallInitiatorService(
        config, ground.trunks, ground.db, ground.bell, ami, audio_address, ground.clock, voice_paused_because=mute
    )

    async def run_initiator() -> None:
        await audio.started.wait()  # nobody is called before their voice can be heard
        await initiator.run()

    async def drain_calls() -> None:
        await initiator.drain(config.drain_seconds)

    workers = [
        Worker("ami", ami.run),
        Worker("audiosocket", audio.run),
        Worker("call_initiator", run_initiator, drain_calls),
    ]
    if Role.SCHEDULER in config.opendeep_roles:
        workers.append(_scheduler(ground, initiator))

    async def asterisk() -> str | None:
        return None if ami.ready else f"AMI is {ami.state}: {ami.last_error or 'not connected yet'}"

    async def voice_ai() -> str | None:
        return mute()

    def lines() -> dict[str, Any]:
        return initiator.snapshot() | {"live_media": audio.live_calls, "audio": dict(audio.counters)}

    return lines, workers, {"asterisk": asterisk, "voice_ai": voice_ai}


def _ami(ground: _Ground) -> AsteriskAmiClient:
    config = ground.config
    secret = config.asterisk_ami_secret.get_secret_value() if config.asterisk_ami_secret else ""
    host, port = config.asterisk_ami_host or "127.0.0.1", config.asterisk_ami_port
    return AsteriskAmiClient(AmiAddress(host, port, config.asterisk_ami_username, secret), ground.clock)


def _scheduler(ground: _Ground, initiator: CallInitiatorService) -> Worker:
    config = ground.config
    settings = SchedulerSettings(
        node_id=config.node_id,
        poll_s=config.scheduler_poll_s,
        lease_s=config.lease_s,
        gate=_gate_rules(ground),
        calls_per_tenant=config.max_calls_per_tenant,
    )
    scheduler = TaskSchedulerService(ground.db, ground.bell, ground.clock, initiator, settings)

    async def run() -> None:
        countries = [(country, None) for country in config.allowed_countries]
        await asyncio.to_thread(prepare, countries, ground.clock.now().year)  # the first calendar takes 0.3 s
        await scheduler.run()

    async def stop_claiming() -> None:
        scheduler.stop_claiming()

    return Worker("scheduler", run, stop_claiming)


def _gate_rules(ground: _Ground) -> GateRules:
    """What the settings bound. A simulated callee may be rung as often as somebody likes to try."""
    config = ground.config
    most = None if config.simulated_telephony else config.max_calls_per_number_per_day or None
    return GateRules(
        region=config.default_region,
        extensions=config.internal_extensions,
        allowed_countries=callable_countries(config, ground.trunks),
        home_zone=config.default_timezone,
        number_types=config.allowed_number_types,
        calls_per_number=most,
        price_per_minute=config.price_per_minute,
        max_spend_per_day=config.max_spend_per_day,
    )


def _preflight_settings(ground: _Ground) -> PreflightSettings:
    """The lines that one tenant may have on one node, and the pace of all its trunks."""
    config, trunks = ground.config, ground.trunks
    pace = None if config.simulated_telephony else sum(trunk.calls_per_second for trunk in trunks)
    return PreflightSettings(_gate_rules(ground), lines_at_most(config, trunks), config.default_timezone, pace)


def _between_calls(ground: _Ground) -> list[Worker]:
    """What decides, watches and reports when nobody is talking."""
    config, workers = ground.config, []
    if Role.WEB in config.opendeep_roles:  # where plans are confirmed
        plans = PlanReader(ground.db, config.default_region, config.internal_extensions)
        workers.append(Worker("preparer", CampaignPreparerService(ground.db, ground.bell, plans).run))
    if Role.ANALYSIS in config.opendeep_roles:
        analysis = AnalysisService(ground.db, ground.bell, ground.text_ai, ground.clock, config)
        workers += [Worker("analysis", analysis.run), Worker("summariser", _summariser(ground).run)]
    if Role.LIFECYCLE in config.opendeep_roles:
        lifecycle = TaskLifecycleManagerService(ground.db, ground.bell, ground.clock, config, ground.text_ai)
        feedback = FeedbackManagerService(ground.db, ground.bell)
        workers += [Worker("lifecycle", lifecycle.run), Worker("feedback", feedback.run)]
    return workers


def _assistant_settings(ground: _Ground) -> AssistantSettings:
    config = ground.config
    countries = callable_countries(config, ground.trunks)
    return AssistantSettings(config.default_region, config.internal_extensions, config.default_timezone, countries)


def _summariser(ground: _Ground) -> CampaignSummarizerService:
    return CampaignSummarizerService(
        ground.db,
        ground.bell,
        ground.text_ai,
        ground.clock,
        price_per_minute=ground.config.price_per_minute,
        default_zone=ground.config.default_timezone,
    )


def _reports(ground: _Ground) -> ReportsService:
    config = ground.config
    return ReportsService(
        ground.db,
        _summariser(ground),
        ground.clock,
        price_per_minute=config.price_per_minute,
        default_zone=config.default_timezone,
    )


def _web(
    ground: _Ground,
    modes: AppConfig,
    status: SystemStatus,
    lines: LinesQueryService,
    phones: Phones | None,
    rehearsals: RehearsalService,
    assistant: UIAssistantService,
    imports: ContactImportService,
) -> FastAPI:
    config = ground.config
    campaigns = CampaignQueryService(ground.db, config.data_dir, config.default_timezone)
    services = Services(
        assistant=assistant,
        orchestrator=OrchestratorService(ground.db, config.default_region, config.internal_extensions),
        campaigns=campaigns,
        call_sound=CallSoundService(ground.db, campaigns),
        feedback=FeedbackManagerService(ground.db, ground.bell),
        preflight=PreflightService(ground.db, ground.clock, _preflight_settings(ground)),
        plans=PlanEditorService(ground.db, _assistant_settings(ground)),
        imports=imports,
        rehearsals=rehearsals,
        campaign_tasks=CampaignTasksService(ground.db),
        overview=OverviewService(ground.db, ground.clock, config.default_timezone),
        lifecycle=LifecycleQueryService(ground.db),
        reports=_reports(ground),
        reanalysis=ReanalysisService(ground.db, ground.text_ai, ground.clock, config),
        lines=lines,
        control=CallControlService(ground.db, ground.bell, ground.clock),
        status=status,
        bell=ground.bell,
        contacts=ContactsService(ground.db, config.default_region, config.internal_extensions, config.default_timezone),
        dnd=DndService(ground.db, config.default_region, config.internal_extensions, config.global_dnd_threshold),
        installation=settings_view(modes),
        phones=phones,
    )
    return create_app(services, config, ground.clock)
