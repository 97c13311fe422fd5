"""`ContactImportService`: a file of contacts on its way into the plan of a chat.

Look at it (what its columns seem to be), check it (a dry run over all rows), use it (all good rows become contacts of
the chat's next plan version, in one transaction). Nothing between these steps is kept but the file itself.
"""

import asyncio
import contextlib
import csv
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog

from opendeep.common.campaign_plan import CampaignPlan
from opendeep.common.clock import Clock
from opendeep.common.csv_text import safe_cell
from opendeep.common.data_models import PlanStatus
from opendeep.common.errors import Conflict, NotFound, UserMistake
from opendeep.database.db_manager import DatabaseManager
from opendeep.database.store_people import StoredPlan
from opendeep.task_manager.import_files import ImportFile, ImportFiles
from opendeep.task_manager.plan_contacts import SLICE, document, numbers_of, shown
from opendeep.task_manager.plan_reader import read_outline
from opendeep.task_manager.ui_assistant_svc import AssistantSettings, ChatReply
from opendeep.tools.contact_columns import Column, Columns, Meaning, guess, mapping_problems
from opendeep.tools.contact_import import ContactImport, ImportTally, NumberRules, RowProblem
from opendeep.tools.contact_tables import ContactTable, Row

log = structlog.get_logger(__name__)

PREVIEW_ROWS: Final = 5
SWEEP_S: Final = 3600.0
MAX_AT_ONCE: Final = 2  # files that are read on this node at the same time
BUSY: Final = "Other files are being read right now. Try again in a moment."
CHANGED: Final = "The plan was changed meanwhile. Check the file again, and use it then."


@dataclass(frozen=True, slots=True)
class Mapping:
    """What the user says the columns are, in their order."""

    has_headings: bool
    meanings: tuple[Meaning, ...]


@dataclass(frozen=True, slots=True)
class TableLook:
    """A file as it seems to be. `rows`: the first ones, without the headings when it has any."""

    id: UUID
    name: str
    kind: str
    columns: Columns
    rows: list[Row]


class ContactImportService:
    """One for all tenants."""

    def __init__(self, db: DatabaseManager, data_dir: Path, settings: AssistantSettings, clock: Clock) -> None:
        self._db = db
        self._files = ImportFiles(data_dir)
        self._settings = settings
        self._rules = NumberRules(settings.region, settings.extensions, settings.allowed_countries)
        self._clock = clock
        self._reading = 0

    async def run(self) -> None:
        """Delete files that nobody has used for a day, as long as the node lives."""
        while True:
            try:
                if gone := await asyncio.to_thread(self._files.sweep):
                    log.info("imports.swept", files=gone)
            except OSError as error:  # a disk that does not let us; it is tried again
                log.warning("imports.not_swept", error=str(error))
            await self._clock.sleep(SWEEP_S)

    async def upload(self, user_id: UUID, name: str, body: AsyncIterator[bytes]) -> TableLook:
        """Store a file and look at its first rows.

        Raises `FileTooLarge`, and `TableUnreadable` for what is no table; neither is kept.
        """
        stored = await self._files.store(user_id, name, body)
        try:
            with self._one_of_few():
                return await asyncio.to_thread(self._look, stored)
        except BaseException:
            stored.delete()
            raise

    async def check(self, user_id: UUID, import_id: UUID, mapping: Mapping, chat_id: UUID | None) -> ImportTally:
        """The dry run: what would come of every row. Keeps the problems for `errors`.

        Raises `NotFound`, `TableUnreadable`, `UserMistake` for a mapping that cannot be used.
        """
        stored = self._files.get(user_id, import_id)
        _, texts = await self._before(user_id, chat_id)
        with self._one_of_few():
            return await asyncio.to_thread(self._walk_dry, stored, mapping, numbers_of(texts))

    def errors(self, user_id: UUID, import_id: UUID) -> Path:
        """The problems of the last check as CSV. Raises `NotFound`."""
        path = self._files.get(user_id, import_id).errors
        if not path.is_file():
            raise NotFound("This file was not checked yet.")
        return path

    def discard(self, user_id: UUID, import_id: UUID) -> None:
        """Forget the file. Raises `NotFound`."""
        self._files.get(user_id, import_id).delete()

    async def use(self, user_id: UUID, import_id: UUID, mapping: Mapping, chat_id: UUID | None) -> ChatReply:
        """All good rows become contacts of the chat's plan, or none; a chat without a plan gets one without an aim.

        Raises what `check` raises, and `Conflict` when the plan was changed meanwhile.
        """
        with self._files.using(user_id, import_id) as (stored, path):
            before, texts = await self._before(user_id, chat_id)
            with self._one_of_few():
                fresh = await asyncio.to_thread(self._walk, path, mapping, numbers_of(texts))
            if not fresh:
                raise UserMistake("No row of the file can be used as it is. See what is wrong with the rows.")
            plan = read_outline(before.plan) if before else CampaignPlan(title="")
            text = await asyncio.to_thread(document, plan, [*texts, *fresh])
            reply = await self._save(user_id, chat_id, before, text, len(fresh), stored.name)
        log.info("imports.used", user_id=str(user_id), plan_id=str(reply.plan_id), contacts=len(fresh))
        return reply

    # -- the plan

    async def _before(self, user_id: UUID, chat_id: UUID | None) -> tuple[StoredPlan | None, list[str]]:
        """The chat's draft, and its contacts as JSON texts. Raises `NotFound` for another user's chat."""
        if chat_id is None:
            return None, []
        texts: list[str] = []
        async with self._db.read() as work:
            await work.chats.require(user_id, chat_id)
            before = await work.plans.latest(user_id, chat_id, 0)
            if before is None or before.status is not PlanStatus.DRAFT:
                return None, []
            async for part in work.plans.task_slices(user_id, before.id, SLICE):
                texts += part
        return before, texts

    async def _save(
        self, user_id: UUID, chat_id: UUID | None, before: StoredPlan | None, text: str, count: int, name: str
    ) -> ChatReply:
        contacts = f"{count:,} contact{'s' if count != 1 else ''}"
        message = f"The {contacts} of “{name}” are in the plan."
        async with self._db.transaction() as work:
            if chat_id is None:
                chat_id = await work.chats.create(user_id)
            await work.chats.add_message(user_id, chat_id, "user", f"Use the {contacts} of my file.")
            newest = await work.plans.latest(user_id, chat_id, 0)
            if before is not None:
                await work.plans.hold(user_id, before.id)
            if before is not None and (newest is None or newest.id != before.id):
                raise Conflict(CHANGED)
            if before is None and newest is not None and newest.status is PlanStatus.DRAFT:
                raise Conflict(CHANGED)
            if before is None or not before.plan.get("objective"):
                message += " What should these calls achieve?"
            plan_id = await work.plans.save_text(user_id, chat_id, text)
            await work.chats.add_message(user_id, chat_id, "assistant", message, {"plan_id": str(plan_id)})
            view = await shown(work, self._settings, user_id, plan_id)
        return ChatReply(
            chat_id,
            message,
            plan=view.plan,
            plan_id=plan_id,
            plan_valid=not view.problems,
            problems=view.problems,
            contacts=view.contacts,
        )

    # -- the file, in a thread

    @contextlib.contextmanager
    def _one_of_few(self) -> Iterator[None]:
        if self._reading >= MAX_AT_ONCE:
            raise Conflict(BUSY)
        self._reading += 1
        try:
            yield
        finally:
            self._reading -= 1

    def _look(self, stored: ImportFile) -> TableLook:
        table = ContactTable(stored.table)
        sample = table.sample()
        columns = guess(sample, self._rules.region, self._rules.extensions)
        first = 1 if columns.has_headings else 0
        return TableLook(stored.id, stored.name, table.kind, columns, sample[first : first + PREVIEW_ROWS])

    def _walk_dry(self, stored: ImportFile, mapping: Mapping, taken: Collection[str]) -> ImportTally:
        with stored.errors.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["line", "column", "problem"])

            def tell(problem: RowProblem) -> None:
                writer.writerow([problem.line, safe_cell(problem.column), safe_cell(problem.message)])

            table = ContactTable(stored.table)
            walk = ContactImport(table, _columns(table, mapping), self._rules, taken, tell)
            for _ in walk.contacts():
                pass
        return walk.tally

    def _walk(self, path: Path, mapping: Mapping, taken: Collection[str]) -> list[str]:
        table = ContactTable(path)
        walk = ContactImport(table, _columns(table, mapping), self._rules, taken)
        return [contact.model_dump_json(exclude_defaults=True) for contact in walk.contacts()]


def _columns(table: ContactTable, mapping: Mapping) -> Columns:
    """The mapping with the headings of the file. Raises `UserMistake` for one that cannot be used."""
    sample = table.sample()
    width = max(len(row.cells) for row in sample)
    if len(mapping.meanings) != width:
        raise UserMistake(f"The file has {width} columns; say of each what it is.")
    headings = _padded(sample[0].cells, width) if mapping.has_headings else [""] * width
    pairs = zip(headings, mapping.meanings, strict=True)
    columns = Columns(mapping.has_headings, tuple(Column(heading[:200], meaning) for heading, meaning in pairs))
    if problems := mapping_problems(columns):
        raise UserMistake(" ".join(problems))
    return columns


def _padded(cells: Sequence[str], width: int) -> list[str]:
    return [*cells, *[""] * (width - len(cells))]
