"""Tables of contacts as people have them: CSV of any kind and XLSX, read row by row with their line numbers.

Owns what a file is and how it is written (encoding, delimiter, sheet); what its columns mean is `contact_columns`'.
Every cell is data: a formula is the value that was last shown, never carried out; control characters are taken out.
One row is in memory at a time (of XLSX also its table of strings, as the format demands). Synchronous: for a thread.
"""

from __future__ import annotations

import csv
import zipfile
import zlib
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Final

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from opendeep.common.errors import UserMistake
from opendeep.common.plain_text import plain

MAX_FILE_BYTES: Final = 25 * 1024 * 1024
MAX_UNPACKED_BYTES: Final = 400 * 1024 * 1024  # of an XLSX: 100,000 rows of 40 columns have a quarter of it
MAX_STRINGS_BYTES: Final = 100 * 1024 * 1024  # of it the table of strings, which has to be in memory as a whole
MAX_COLUMNS: Final = 200
MAX_CELL: Final = 4_000  # characters; what is longer is cut, and the row says so
SAMPLE_ROWS: Final = 50
DELIMITERS: Final = (",", ";", "\t", "|")
_ZIP, _OLE, _PDF = b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF"
_BROKEN_SHEET: Final = (  # what openpyxl, zipfile and the XML parser raise for damaged or hostile parts
    InvalidFileException, KeyError, ValueError, TypeError, IndexError, AttributeError, OverflowError, SyntaxError,
    OSError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
_SAVE_AS: Final = "Save it as .xlsx or as CSV (UTF-8), and try again."


class TableUnreadable(UserMistake):
    """The file is no table that we can read; the message says what to do."""

    http_status = 422


@dataclass(frozen=True, slots=True)
class Row:
    """`line`: as a spreadsheet or an editor counts, from 1. `cut`: columns (from 0) whose text was too long."""

    line: int
    cells: tuple[str, ...]
    cut: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TextForm:
    """How a text file is written."""

    encoding: str
    delimiter: str


class ContactTable:
    """A file that was found readable. `rows()` begins anew each time."""

    def __init__(self, path: Path) -> None:
        """Raises `TableUnreadable`."""
        self._path = path
        size = path.stat().st_size
        if size == 0:
            raise TableUnreadable("The file is empty.")
        if size > MAX_FILE_BYTES:
            raise TableUnreadable(f"The file is larger than {MAX_FILE_BYTES >> 20} MB. Split it, and import the parts.")
        with path.open("rb") as file:
            head = file.read(4)
        if head in (_OLE, _PDF):
            kind = "an old Excel file (.xls)" if head == _OLE else "a PDF"
            raise TableUnreadable(f"This is {kind}, not a table. {_SAVE_AS}")
        self._form = None if head == _ZIP else _text_form(path)
        if self._form is None:
            _refuse_bombs(path)

    @property
    def kind(self) -> str:
        """`xlsx`, or `csv` with its delimiter and encoding, for the page."""
        if self._form is None:
            return "xlsx"
        name = {"\t": "tab"}.get(self._form.delimiter, self._form.delimiter)
        return f"csv ({name}, {self._form.encoding})"

    def rows(self) -> Iterator[Row]:
        """Every row that is not empty. Raises `TableUnreadable`, naming the line."""
        return _sheet_rows(self._path) if self._form is None else _text_rows(self._path, self._form)

    def sample(self, size: int = SAMPLE_ROWS) -> list[Row]:
        """The first rows. Raises `TableUnreadable`, also for a file without any."""
        with closing(_closable(self.rows())) as rows:
            found = list(islice(rows, size))
        if not found:
            raise TableUnreadable("There is nothing in the file.")
        return found


def _closable(rows: Iterator[Row]) -> Generator[Row, None, None]:
    """A generator, so that an XLSX is closed as soon as nobody reads on."""
    yield from rows


# -- text


def _text_form(path: Path) -> TextForm:
    encoding = _encoding(path)
    try:
        with path.open(encoding=encoding, newline="") as file:
            text = file.read(64 * 1024)
    except UnicodeDecodeError as error:
        raise TableUnreadable(f"The text is damaged. {_SAVE_AS}") from error
    if "\0" in text:
        raise TableUnreadable(f"This is not a table of text. {_SAVE_AS}")
    lines = text.splitlines()[:SAMPLE_ROWS]
    return TextForm(encoding, max(DELIMITERS, key=lambda one: _fits(lines, one)))


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            while file.read(256 * 1024):
                pass
    except UnicodeDecodeError:
        return "cp1252" if _decodes(path, "cp1252") else "latin-1"
    return "utf-8-sig"


def _decodes(path: Path, encoding: str) -> bool:
    try:
        with path.open(encoding=encoding, newline="") as file:
            while file.read(256 * 1024):
                pass
    except UnicodeDecodeError:
        return False
    return True


def _fits(lines: list[str], delimiter: str) -> tuple[int, int]:
    """How many of the lines have the same number (over one) of cells, and that number."""
    try:
        counts = Counter(len(cells) for cells in csv.reader(lines, delimiter=delimiter) if cells)
    except csv.Error:
        return (0, 0)
    several = [(times, cells) for cells, times in counts.items() if cells > 1]
    return max(several, default=(0, 0))


def _text_rows(path: Path, form: TextForm) -> Iterator[Row]:
    with path.open(encoding=form.encoding, newline="") as file:
        reader = csv.reader(file, delimiter=form.delimiter)
        begins = 1
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield _row(begins, cells)
                begins = reader.line_num + 1
        except UnicodeDecodeError as error:
            raise TableUnreadable(f"The text is damaged after line {begins}. {_SAVE_AS}") from error
        except csv.Error as error:
            raise TableUnreadable(
                f"Line {begins} cannot be read ({error}). Is there a quotation mark that is never closed?"
            ) from error


# -- spreadsheets


def _refuse_bombs(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
            names = {part.filename: part.file_size for part in archive.infolist()}
    except (zipfile.BadZipFile, OSError) as error:
        raise TableUnreadable(f"The file is damaged. {_SAVE_AS}") from error
    if "xl/workbook.xml" not in names:
        raise TableUnreadable(f"This archive is no spreadsheet of Excel. {_SAVE_AS}")
    if unpacked > MAX_UNPACKED_BYTES or names.get("xl/sharedStrings.xml", 0) > MAX_STRINGS_BYTES:
        raise TableUnreadable("The spreadsheet is too large when unpacked. Save only the sheet with the contacts.")


def _sheet_rows(path: Path) -> Iterator[Row]:
    """Of the first visible sheet that has anything in it."""
    try:
        with path.open("rb") as file:
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            with closing(book):
                yield from _first_sheet(book)
    except _BROKEN_SHEET as error:
        raise TableUnreadable(f"The spreadsheet cannot be read. {_SAVE_AS}") from error


def _first_sheet(book: openpyxl.Workbook) -> Iterator[Row]:
    for sheet in book.worksheets:
        if sheet.sheet_state != "visible":
            continue
        sheet.reset_dimensions()  # what it claims of its size may be wrong
        found = False
        for line, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
            if any(cell is not None and str(cell).strip() for cell in cells):
                found = True
                yield _row(line, [_shown(cell) for cell in cells])
        if found:
            return


def _shown(cell: object) -> str:
    """A cell as a person sees it, near enough: whole numbers without a fraction, dates as ISO 8601 has them."""
    match cell:
        case None:
            return ""
        case bool():
            return "yes" if cell else "no"
        case float() if cell.is_integer() and abs(cell) < 1e15:
            return str(int(cell))
        case datetime() if cell.time() == time(0):
            return cell.date().isoformat()
        case datetime():
            return cell.isoformat(" ", "minutes")
        case date() | time():
            return cell.isoformat()
        case _:
            return str(cell)


def _row(line: int, cells: list[str]) -> Row:
    if len(cells) > MAX_COLUMNS:
        if any(cell.strip() for cell in cells[MAX_COLUMNS:]):
            raise TableUnreadable(f"Line {line} has more than {MAX_COLUMNS} columns. Take out what no call needs.")
        cells = cells[:MAX_COLUMNS]
    clean = [plain(cell).strip() for cell in cells]
    cut = tuple(at for at, cell in enumerate(clean) if len(cell) > MAX_CELL)
    return Row(line, tuple(cell[:MAX_CELL] for cell in clean), cut)
