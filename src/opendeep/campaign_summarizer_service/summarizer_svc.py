"""`CampaignSummarizerService`: writes the report when the last task of a campaign is terminal.

Owns the worker, what the model may read, and the removal of claims without a valid reference. Figures come from rows
(`report_figures`); a provider that fails leaves a report of figures alone, with a mark.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Protocol, TypeVar
from uuid import UUID

import structlog
from pydantic import BaseModel, ConfigDict, Field

from opendeep.campaign_summarizer_service.report_figures import by_task, figures, headline, task_lines
from opendeep.common import channels
from opendeep.common.clock import Clock
from opendeep.common.data_models import Call, Campaign, CampaignStatus, Task
from opendeep.common.errors import Conflict, PeerFault, ProviderFault
from opendeep.common.redis_client import Doorbell
from opendeep.common.task_states import TERMINAL
from opendeep.common.workers import run_rounds
from opendeep.config.prompt_minds import REPORT_VERSION, report_prompt
from opendeep.database.db_manager import DatabaseManager
from opendeep.llm_integrations.openai_form_client import Message

log = structlog.get_logger(__name__)

SCHEMA_NAME: Final = "campaign_report"
POLL_S: Final = 10.0
PAGE: Final = 1_000
MAX_TOLD_TASKS: Final = 200  # that the model reads; the figures cover all
MAX_TOLD_TURNS: Final = 40  # of each call, the last ones
MAX_TURN_CHARS: Final = 300
RETRY_AFTER_BUG: Final = timedelta(minutes=10)

Answer = TypeVar("Answer", bound=BaseModel)


class Paragraph(BaseModel):
    """`calls` are the short references (c1, c2, …) of the record."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)
    text: Annotated[str, Field(max_length=2_000)]
    calls: Annotated[list[str], Field(max_length=100)]
    turns: Annotated[list[int], Field(max_length=200)] = []


class CampaignReport(BaseModel):
    """The prose, as a model must answer it."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)
    headline: Annotated[str, Field(max_length=300)]
    paragraphs: Annotated[list[Paragraph], Field(max_length=20)]


class StructuredModel(Protocol):
    """What the summariser needs of `OpenAIFormClient`."""

    async def structured(
        self, system: str, messages: Sequence[Message], response_model: type[Answer], name: str
    ) -> Answer: ...


@dataclass(frozen=True, slots=True)
class _Record:
    """A campaign as read from its rows. `turns` by the call's short reference."""

    campaign: Campaign
    tasks: tuple[Task, ...]
    calls: tuple[Call, ...]
    references: Mapping[str, Call]
    turns: Mapping[str, Sequence[tuple[int, str, str]]]


class CampaignSummarizerService:
    """One worker for all tenants."""

    def __init__(self, db: DatabaseManager, bell: Doorbell, llm: StructuredModel, clock: Clock) -> None:
        self._db = db
        self._bell = bell
        self._llm = llm
        self._clock = clock
        self._put_off: dict[UUID, datetime] = {}  # campaigns whose report failed; as many as there are such

    async def run(self) -> None:
        """Woken by finished tasks and by its own clock."""
        await run_rounds("summariser", self._bell, (channels.TASKS_FINISHED,), POLL_S, self.round)

    async def round(self) -> None:
        """Write the reports that are due."""
        async with self._db.transaction() as work:
            finished = await work.campaigns.finished_without_report()
        now = self._clock.now()
        for campaign in finished:
            if self._put_off.get(campaign.id, now) > now:
                continue
            try:
                await self.report(campaign)
                self._put_off.pop(campaign.id, None)
            except Conflict as error:
                log.info("campaign.reported_elsewhere", campaign_id=str(campaign.id), detail=str(error))
            except PeerFault:
                raise
            except Exception:  # boundary: one campaign; the other reports are written all the same
                self._put_off[campaign.id] = now + RETRY_AFTER_BUG
                log.exception("campaign.report_failed", campaign_id=str(campaign.id))

    async def report(self, campaign: Campaign) -> dict[str, Any] | None:
        """Write one campaign's report and complete it; None when somebody else did, or a task runs again.

        Raises `Conflict` when somebody else does so at the same moment.
        """
        record = await self._read(campaign)
        document = await self._write(record)
        async with self._db.transaction() as work:
            now = await work.campaigns.get(campaign.user_id, campaign.id)
            progress = await work.campaigns.progress(campaign.user_id, campaign.id)
            if now.status is not CampaignStatus.ACTIVE or not set(progress) <= {status.value for status in TERMINAL}:
                return None
            await work.campaigns.save_report(campaign.user_id, campaign.id, document, final=True)
            await work.events.add(campaign.user_id, "campaign.reported", document["headline"], campaign_id=campaign.id)
        log.info("campaign.reported", campaign_id=str(campaign.id), by=document["by"], tasks=len(record.tasks))
        return document

    # -- reading

    async def _read(self, campaign: Campaign) -> _Record:
        tasks: list[Task] = []
        async with self._db.read() as work:
            while page := await work.tasks.of_campaign(campaign.user_id, campaign.id, PAGE, len(tasks)):
                tasks += page
            calls = await work.calls.of_campaign(campaign.user_id, campaign.id)
            grouped = by_task(calls)
            told = [call for task in tasks[:MAX_TOLD_TASKS] for call in grouped.get(task.id, [])]
            references = {f"c{number}": call for number, call in enumerate(told, 1)}
            turns = {}
            for reference, call in references.items():
                spoken = await work.transcripts.of_call(campaign.user_id, call.id)
                turns[reference] = [
                    (turn.turn, turn.speaker.value, turn.text[:MAX_TURN_CHARS]) for turn in spoken[-MAX_TOLD_TURNS:]
                ]
        return _Record(campaign, tuple(tasks), tuple(calls), references, turns)

    def _told(self, record: _Record) -> dict[str, Any]:
        """What the model reads."""
        names = {call.id: reference for reference, call in record.references.items()}
        grouped = by_task(record.calls)
        tasks = []
        for task in record.tasks[:MAX_TOLD_TASKS]:
            calls = [
                {
                    "ref": names[call.id],
                    "attempt": call.attempt_number,
                    "disposition": call.disposition.value if call.disposition else None,
                    "turns": [{"turn": n, "speaker": s, "text": t} for n, s, t in record.turns[names[call.id]]],
                }
                for call in grouped.get(task.id, [])
                if call.id in names
            ]
            results = {key: value.get("value") for key, value in task.result.items() if isinstance(value, dict)}
            cited = {turn for value in task.result.values() if isinstance(value, dict) for turn in value["turns"]}
            tasks.append(
                {
                    "contact": task.contact_name,
                    "status": task.status.value,
                    "disposition": task.disposition.value if task.disposition else None,
                    "summary": task.summary,
                    "result": results,
                    "cited_turns": sorted(cited),
                    "calls": calls,
                }
            )
        return {"title": record.campaign.title, "objective": record.campaign.objective, "tasks": tasks}

    # -- writing

    async def _write(self, record: _Record) -> dict[str, Any]:
        counted = figures(record.tasks, record.calls)
        document = {
            "title": record.campaign.title,
            "generated_at": self._clock.now().isoformat(),
            "version": REPORT_VERSION,
            "by": "figures",
            "figures": counted,
            "headline": headline(record.campaign.title, counted),
            "paragraphs": [],
            "removed_claims": 0,
            "tasks": task_lines(record.tasks, record.calls),
        }
        try:
            system, question = report_prompt(self._told(record))
            messages = [{"role": "user", "content": question}]
            prose = await self._llm.structured(system, messages, CampaignReport, SCHEMA_NAME)
        except ProviderFault as fault:
            log.warning("report.figures_only", campaign_id=str(record.campaign.id), error=str(fault))
            return document | {"fault": str(fault)}
        kept = [paragraph for p in prose.paragraphs if (paragraph := _proved(p, record)) is not None]
        removed = len(prose.paragraphs) - len(kept)
        if not kept:  # a headline needs paragraphs that prove it
            return document | {"removed_claims": removed}
        return document | {"by": "model", "headline": prose.headline, "paragraphs": kept, "removed_claims": removed}


def _proved(paragraph: Paragraph, record: _Record) -> dict[str, Any] | None:
    """The paragraph with real call ids; None when a reference is missing or leads nowhere."""
    cited = [reference for reference in paragraph.calls if reference in record.references]
    if not cited or len(cited) < len(paragraph.calls) or not paragraph.text:
        return None
    spoken = {number for reference in cited for number, _, _ in record.turns[reference]}
    if not set(paragraph.turns) <= spoken:
        return None
    calls = [str(record.references[reference].id) for reference in cited]
    return {"text": paragraph.text, "calls": calls, "turns": paragraph.turns}
