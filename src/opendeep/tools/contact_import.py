"""A table of contacts becomes contacts of a plan: each row checked, nothing done.

Owns what is wrong with a row, in words with its line, and which rows are the same person twice. A dry run and the
import are the same walk: whoever only wants to know does not keep what it yields. Pure but for the reading of the file.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import ValidationError

from opendeep.common.campaign_plan import MAX_TASKS, PlannedTask
from opendeep.common.errors import InvalidPhoneNumber
from opendeep.common.phone import objection
from opendeep.tools.contact_columns import Columns, Meaning, read_number
from opendeep.tools.contact_tables import ContactTable, Row, TableUnreadable

KEPT_PROBLEMS: Final = 100  # told one by one; the count goes on
GIVE_WAY_ROWS: Final = 20
SOURCE: Final = "import"
_ROUNDED: Final = re.compile(r"[+-]?\d+(?:[.,]\d+)?[eE][+-]?\d+")
_LOST_DIGITS: Final = (
    "A spreadsheet has shortened this number, and its last digits are lost. "
    "Format the column as text there, and save again."
)
_ADDRESS: Final = (Meaning.ADDRESS, Meaning.STREET, Meaning.POSTAL_CODE, Meaning.CITY, Meaning.STATE, Meaning.COUNTRY)
_LABELS: Final = {"phone_number": "telephone number", "contact_name": "name", "timezone": "time zone"}


@dataclass(frozen=True, slots=True)
class NumberRules:
    """How numbers are read, and where may be called: ISO 3166 codes, None for everywhere."""

    region: str | None
    extensions: Collection[str] = ()
    countries: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row is left out. `column`: its heading, where one cell is to blame."""

    line: int
    column: str
    message: str


@dataclass(slots=True)
class ImportTally:
    """What a walk has found so far. `duplicates` are left out too; the first row of a number counts."""

    rows: int = 0
    ready: int = 0
    wrong: int = 0
    duplicates: int = 0
    problems: list[RowProblem] = field(default_factory=list)


class _BadCell(Exception):
    def __init__(self, at: int | None, message: str) -> None:
        super().__init__(message)
        self.at = at


class ContactImport:
    """One table with one mapping. `tally` is complete once `contacts()` has ended."""

    def __init__(
        self,
        table: ContactTable,
        columns: Columns,
        rules: NumberRules,
        taken: Collection[str] = (),
        on_problem: Callable[[RowProblem], None] | None = None,
    ) -> None:
        """`taken`: numbers (E.164) that the plan calls already. `on_problem` gets every problem, however many."""
        self._table = table
        self._columns = columns
        self._rules = rules
        self._taken = taken
        self._on_problem = on_problem
        self._at = {column.meaning: at for at, column in enumerate(columns.columns)}
        self._facts = [at for at, column in enumerate(columns.columns) if column.meaning is Meaning.FACT]
        self.tally = ImportTally()

    def contacts(self) -> Iterator[PlannedTask]:
        """The contacts of every row that is right. Raises `TableUnreadable` for a file that breaks off, and for more
        rows than a plan can have."""
        tally, lines = self.tally, dict[str, int]()  # the line in which each number stood first
        rows = self._table.rows()
        if self._columns.has_headings:
            next(rows, None)
        for row in rows:
            tally.rows += 1
            if tally.rows > MAX_TASKS:
                raise TableUnreadable(f"The table has more than {MAX_TASKS:,} rows. Split it, and import the parts.")
            if tally.rows % GIVE_WAY_ROWS == 0:
                time.sleep(0)  # gives the interpreter's lock to the event loop, which may carry live calls
            try:
                contact, e164 = self._contact(row)
            except _BadCell as bad:
                tally.wrong += 1
                self._tell(RowProblem(row.line, self._heading(bad.at), str(bad)))
                continue
            before = lines.setdefault(e164, row.line)
            if before != row.line or e164 in self._taken:
                tally.duplicates += 1
                message = "The plan calls this number already."
                if before != row.line:
                    message = f"The same number as in line {before}."
                self._tell(RowProblem(row.line, self._heading(self._at[Meaning.PHONE]), message))
                continue
            tally.ready += 1
            if tally.ready > MAX_TASKS - len(self._taken):
                raise TableUnreadable(f"The plan would have more than {MAX_TASKS:,} contacts. Start a new chat.")
            yield contact

    def _tell(self, problem: RowProblem) -> None:
        if len(self.tally.problems) < KEPT_PROBLEMS:
            self.tally.problems.append(problem)
        if self._on_problem is not None:
            self._on_problem(problem)

    def _contact(self, row: Row) -> tuple[PlannedTask, str]:
        if row.cut:
            raise _BadCell(row.cut[0], "The text is too long.")
        e164 = self._number(row)
        values: dict[str, object] = {
            "contact_name": self._name(row) or e164,
            "contact_kind": "business" if self._is_business(row) else "person",
            "phone_number": e164,
            "objective": self._cell(row, Meaning.PURPOSE),
            "may_say": [f"{self._heading(at)}: {cell}" for at in self._facts if (cell := _at(row, at))],
            "timezone": self._cell(row, Meaning.TIME_ZONE) or None,
            "address": ", ".join(filter(None, (self._cell(row, part) for part in _ADDRESS))) or None,
            "not_before": self._cell(row, Meaning.NOT_BEFORE) or None,
            "priority": self._cell(row, Meaning.PRIORITY) or 0,
            "source": SOURCE,
        }  # fmt: skip
        try:
            return PlannedTask.model_validate(values), e164
        except ValidationError as error:
            raise self._blame(error) from error

    def _number(self, row: Row) -> str:
        at = self._at[Meaning.PHONE]
        text = self._cell(row, Meaning.PHONE)
        if not text:
            raise _BadCell(at, "There is no telephone number.")
        if _ROUNDED.fullmatch(text):
            raise _BadCell(at, _LOST_DIGITS)
        try:
            number = read_number(text, self._rules.region, self._rules.extensions)
        except InvalidPhoneNumber as error:
            raise _BadCell(at, str(error)) from error
        if (against := objection(number, self._rules.countries)) is not None:
            raise _BadCell(at, against[1])
        return number.e164

    def _name(self, row: Row) -> str:
        parts = (self._cell(row, Meaning.FIRST_NAME), self._cell(row, Meaning.LAST_NAME))
        return self._cell(row, Meaning.NAME) or " ".join(filter(None, parts)) or self._cell(row, Meaning.COMPANY)

    def _is_business(self, row: Row) -> bool:
        person = any(self._cell(row, one) for one in (Meaning.NAME, Meaning.FIRST_NAME, Meaning.LAST_NAME))
        return bool(self._cell(row, Meaning.COMPANY)) and not person

    def _cell(self, row: Row, meaning: Meaning) -> str:
        at = self._at.get(meaning)
        return _at(row, at) if at is not None else ""

    def _heading(self, at: int | None) -> str:
        if at is None:
            return ""
        return self._columns.columns[at].heading or f"column {at + 1}"

    def _blame(self, error: ValidationError) -> _BadCell:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        meaning = _FIELDS.get(name)
        message = str(first["msg"]).removeprefix("Value error, ").rstrip(".")
        return _BadCell(self._at.get(meaning) if meaning else None, f"{_LABELS.get(name, name)}: {message}.")


def _at(row: Row, at: int) -> str:
    return row.cells[at] if at < len(row.cells) else ""


_FIELDS: Final[Mapping[str, Meaning]] = {
    "contact_name": Meaning.NAME,
    "objective": Meaning.PURPOSE,
    "timezone": Meaning.TIME_ZONE,
    "address": Meaning.ADDRESS,
    "not_before": Meaning.NOT_BEFORE,
    "priority": Meaning.PRIORITY,
}
