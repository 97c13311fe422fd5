"""`CampaignSummarizerService`: writes the report when the last task of a campaign is terminal, and interim ones before.

Owns the worker and how a report comes about: figures from sums of the database (`report_figures`), prose from the
model as far as its claims hold (`claims`); a provider that fails leaves a report of figures alone, with a mark.
"""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog

from opendeep.campaign_summarizer_service.claims import proved_claims
from opendeep.campaign_summarizer_service.report_figures import figures, headline, series, task_lines
from opendeep.campaign_summarizer_service.report_record import Record, evidence_of, read_record, told
from opendeep.campaign_summarizer_service.report_schema import SCHEMA_NAME, CampaignReport
from opendeep.common import channels
from opendeep.common.clock import Clock
from opendeep.common.data_models import Campaign, CampaignStatus
from opendeep.common.errors import Conflict, PeerFault, ProviderFault
from opendeep.common.redis_client import Doorbell
from opendeep.common.task_states import TERMINAL
from opendeep.common.workers import run_rounds
from opendeep.config.prompt_minds import REPORT_VERSION, report_prompt
from opendeep.database.db_manager import DatabaseManager
from opendeep.llm_integrations.openai_form_client import StructuredModel

log = structlog.get_logger(__name__)

POLL_S: Final = 10.0
RETRY_AFTER_BUG: Final = timedelta(minutes=10)


class CampaignSummarizerService:
    """One worker for all tenants."""

    def __init__(
        self,
        db: DatabaseManager,
        bell: Doorbell,
        llm: StructuredModel,
        clock: Clock,
        *,
        price_per_minute: float = 0.0,
        default_zone: str = "UTC",
    ) -> None:
        """`price_per_minute` of telephony, in the account's currency (0: unknown); `default_zone` of users without."""
        self._db = db
        self._bell = bell
        self._llm = llm
        self._clock = clock
        self._price = price_per_minute
        self._zone = default_zone
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
        record = await read_record(self._db, campaign, self._zone)
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

    async def interim(self, campaign: Campaign) -> dict[str, Any]:
        """The report as it would be now, marked as interim with its time; nothing is stored."""
        return await self._write(await read_record(self._db, campaign, self._zone), interim=True)

    async def _write(self, record: Record, *, interim: bool = False) -> dict[str, Any]:
        counted = figures(record.tallies, record.slots, self._price)
        document: dict[str, Any] = {
            "title": record.campaign.title,
            "objective": record.campaign.objective,
            "interim": interim,
            "generated_at": self._clock.now().isoformat(),
            "version": REPORT_VERSION,
            "by": "figures",
            "figures": counted,
            "series": series(record.slots, record.home, self._price),
            "headline": headline(record.campaign.title, counted, interim=interim),
            "headline_sources": [],
            "paragraphs": [],
            "removed_claims": 0,
            "removed_because": {},
            "tasks": task_lines(record.tasks, record.calls),
        }
        if not record.references:  # nothing was said and nobody called: there is nothing to claim
            return document
        try:
            system, question = report_prompt(told(record, interim=interim))
            messages = [{"role": "user", "content": question}]
            prose = await self._llm.structured(system, messages, CampaignReport, SCHEMA_NAME)
        except ProviderFault as fault:
            log.warning("report.figures_only", campaign_id=str(record.campaign.id), error=str(fault))
            return document | {"fault": str(fault)}
        return document | _told_by_model(prose, record)


def _told_by_model(prose: CampaignReport, record: Record) -> dict[str, Any]:
    """What of the prose holds. A headline that does not is replaced by the figures' own; a report that lost all its
    paragraphs is one of figures."""
    evidence = evidence_of(record)
    body = proved_claims(prose.paragraphs, evidence)
    head = proved_claims([prose.headline], evidence)
    faults = Counter([*body.faults, *head.faults])
    removed = {"removed_claims": faults.total(), "removed_because": dict(faults)}
    if faults:
        log.warning("report.claims_removed", campaign_id=str(record.campaign.id), reasons=dict(faults))
    if not body.kept:
        return removed
    if head.kept:
        removed |= {"headline": head.kept[0]["text"], "headline_sources": head.kept[0]["sources"]}
    return removed | {"by": "model", "paragraphs": body.kept}
