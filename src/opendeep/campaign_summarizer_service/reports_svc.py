"""`ReportsService`: what pages and programs read of reports: final and interim ones, figures, documents, exports.

Writing final reports is `CampaignSummarizerService`'s. Everything is read page by page or as sums, so that a campaign
of 100,000 tasks neither fills memory nor holds the event loop.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, Any, Final
from uuid import UUID

from opendeep.campaign_summarizer_service.own_process import OwnProcess
from opendeep.campaign_summarizer_service.report_figures import call_figures, figures, series
from opendeep.campaign_summarizer_service.report_page import policy, render
from opendeep.campaign_summarizer_service.results_export import (
    BOM,
    Columns,
    Row,
    csv_text,
    sheet_lines,
)
from opendeep.campaign_summarizer_service.summarizer_svc import CampaignSummarizerService
from opendeep.common.clock import Clock
from opendeep.common.data_models import Campaign, TaskStatus
from opendeep.common.errors import NotFound
from opendeep.common.report_values import ReportHead
from opendeep.database.db_manager import DatabaseManager, Transaction

PDF_PRINTER: Final = "opendeep.campaign_summarizer_service.pdf_printer"
XLSX_WRITER: Final = "opendeep.campaign_summarizer_service.xlsx_writer"
EXPORT_PAGE: Final = 100  # tasks at once: a few ms of the event loop
MAX_HEADS: Final = 100
INTERIM_FOR: Final = timedelta(minutes=1)  # the model is asked at most so often about one campaign
MAX_INTERIMS: Final = 20
MAX_NAME_CHARS: Final = 60
NO_REPORT: Final = (
    "There is no report yet. It is written when the last task is done; add ?interim=1 for how things stand now."
)

View = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """An HTML page with the policy that it is served under."""

    html: str
    policy: str


@dataclass(frozen=True, slots=True)
class Download:
    """`file` is open at its beginning and belongs to whoever gets this."""

    name: str
    file: IO[bytes]


@dataclass(frozen=True, slots=True)
class Stream:
    name: str
    parts: AsyncIterator[bytes]


class ReportsService:
    """Every method is scoped by `user_id`; another tenant's id raises `NotFound`."""

    def __init__(
        self,
        db: DatabaseManager,
        summariser: CampaignSummarizerService,
        clock: Clock,
        *,
        price_per_minute: float = 0.0,
        default_zone: str = "UTC",
    ) -> None:
        self._db = db
        self._summariser = summariser
        self._clock = clock
        self._price = price_per_minute
        self._default_zone = default_zone
        self._process = OwnProcess()
        self._interims: OrderedDict[UUID, tuple[datetime, View]] = OrderedDict()
        self._writing: dict[UUID, asyncio.Lock] = {}

    # -- lists, figures, plots

    async def heads(self, user_id: UUID) -> list[View]:
        """The latest campaigns, newest first, each with its progress and the head of its report, if there is one."""
        async with self._db.read() as work:
            heads = await work.reports.heads(user_id, MAX_HEADS)
            running = [head.id for head in heads if head.figures is None]
            progress = await work.reports.progress_of(user_id, running) if running else {}
        return [_head_view(head, progress.get(head.id)) for head in heads]

    async def overview(self, user_id: UUID, days: int) -> View:
        """All calls of the last `days` days as figures and plots."""
        since = self._clock.now() - timedelta(days=days)
        async with self._db.read() as work:
            home = await self._zone_of(work, user_id)
            slots = await work.reports.slots(user_id, since=since)
        return {
            "since": since.isoformat(),
            "figures": call_figures(slots, self._price),
            "series": series(slots, home, self._price),
        }

    async def figures(self, user_id: UUID, campaign_id: UUID) -> View:
        """One campaign's figures and plots as they are now; no model is asked."""
        async with self._db.read() as work:
            campaign = await work.campaigns.get(user_id, campaign_id)
            home = await self._zone_of(work, user_id)
            tallies = await work.reports.tallies(user_id, campaign_id)
            slots = await work.reports.slots(user_id, campaign_id=campaign_id)
        return {
            "title": campaign.title,
            "status": campaign.status.value,
            "figures": figures(tallies, slots, self._price),
            "series": series(slots, home, self._price),
        }

    # -- one report

    async def report(self, user_id: UUID, campaign_id: UUID, *, interim: bool = False) -> View:
        """The campaign's report; before there is one, with `interim`, how things stand now, marked as that.

        Raises `NotFound` where there is none and no interim one is wanted.
        """
        async with self._db.read() as work:
            campaign = await work.campaigns.get(user_id, campaign_id)
        if campaign.report is not None:
            return dict(campaign.report)
        if not interim:
            raise NotFound(NO_REPORT)
        return await self._interim(campaign)

    async def page(self, user_id: UUID, campaign_id: UUID, *, interim: bool = False) -> Page:
        """The report as one HTML page."""
        report = await self.report(user_id, campaign_id, interim=interim)
        return Page(await asyncio.to_thread(render, report), policy())

    async def pdf(self, user_id: UUID, campaign_id: UUID, *, interim: bool = False) -> Download:
        """The same page as PDF. Raises `PartMissing` where this machine cannot make one."""
        report = await self.report(user_id, campaign_id, interim=interim)
        html = await asyncio.to_thread(render, report)
        made = await self._process.make(PDF_PRINTER, _once(html.encode()))
        return Download(_file_name(report, "pdf"), made)

    async def _interim(self, campaign: Campaign) -> View:
        """Asked of the model at most once in `INTERIM_FOR`, however many ask at once."""
        lock = self._writing.setdefault(campaign.id, asyncio.Lock())
        try:
            async with lock:
                known = self._interims.get(campaign.id)
                if known is not None and self._clock.now() - known[0] < INTERIM_FOR:
                    return known[1]
                report = await self._summariser.interim(campaign)
                self._interims[campaign.id] = self._clock.now(), report
                self._interims.move_to_end(campaign.id)
                while len(self._interims) > MAX_INTERIMS:
                    self._interims.popitem(last=False)
                return report
        finally:
            if not lock.locked():
                self._writing.pop(campaign.id, None)

    # -- exports

    async def csv(self, user_id: UUID, campaign_id: UUID) -> Stream:
        """The results as CSV, one row per task, written while they are read."""
        campaign, columns = await self._columns(user_id, campaign_id)
        return Stream(_file_name({"title": campaign.title}, "csv"), self._csv_parts(user_id, campaign_id, columns))

    async def xlsx(self, user_id: UUID, campaign_id: UUID) -> Download:
        """The results as an Excel file."""
        campaign, columns = await self._columns(user_id, campaign_id)
        made = await self._process.make(XLSX_WRITER, self._sheet_parts(user_id, campaign_id, columns))
        return Download(_file_name({"title": campaign.title}, "xlsx"), made)

    async def _columns(self, user_id: UUID, campaign_id: UUID) -> tuple[Campaign, Columns]:
        async with self._db.read() as work:
            campaign = await work.campaigns.get(user_id, campaign_id)
            questions = await work.reports.questions(user_id, campaign_id)
            found = await work.reports.found_keys(user_id, campaign_id)
        return campaign, Columns(questions, found)

    async def _csv_parts(self, user_id: UUID, campaign_id: UUID, columns: Columns) -> AsyncIterator[bytes]:
        yield BOM.encode() + csv_text([columns.header()])
        async for rows in self._rows(user_id, campaign_id, columns):
            yield csv_text(rows)

    async def _sheet_parts(self, user_id: UUID, campaign_id: UUID, columns: Columns) -> AsyncIterator[bytes]:
        yield sheet_lines([columns.header()])
        async for rows in self._rows(user_id, campaign_id, columns):
            yield sheet_lines(rows)

    async def _rows(self, user_id: UUID, campaign_id: UUID, columns: Columns) -> AsyncIterator[list[Row]]:
        """All tasks, a page at a time; each page is read in a transaction of its own."""
        after = 0
        while True:
            async with self._db.read() as work:
                tasks = await work.reports.tasks(user_id, campaign_id, after, EXPORT_PAGE)
                if not tasks:
                    return
                numbers = await work.reports.attempts(user_id, [task.id for task in tasks])
            rows = [columns.row(task, numbers.get(task.id, {})) for task in tasks]
            await asyncio.sleep(0)  # live calls go first
            yield rows
            after = tasks[-1].position

    async def _zone_of(self, work: Transaction, user_id: UUID) -> str:
        user = await work.users.get(user_id)
        return str(user.profile.get("time_zone") or self._default_zone)


async def _once(part: bytes) -> AsyncIterator[bytes]:
    yield part


def _head_view(head: ReportHead, progress: Mapping[str, int] | None) -> View:
    counted = head.figures or {}
    if progress is not None:
        ended = (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED)
        counted = {"tasks": sum(progress.values()), **{one.value.lower(): progress.get(one, 0) for one in ended}}
    return {
        "campaign_id": str(head.id),
        "title": head.title,
        "status": head.status,
        "created_at": head.created_at.isoformat(),
        "finished_at": head.finished_at.isoformat() if head.finished_at else None,
        "headline": head.headline,
        "generated_at": head.generated_at,
        "tasks": counted.get("tasks", 0),
        "completed": counted.get("completed", 0),
        "failed": counted.get("failed", 0),
        "cancelled": counted.get("cancelled", 0),
    }


def _file_name(report: Mapping[str, Any], ending: str) -> str:
    """A plain name made of the title: `boiler-inspection.pdf`, with `-interim` where it is one."""
    words = re.sub(r"[^a-z0-9]+", "-", str(report.get("title") or "").lower()).strip("-")[:MAX_NAME_CHARS]
    return f"{words or 'campaign'}{'-interim' if report.get('interim') else ''}.{ending}"
