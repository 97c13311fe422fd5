"""Numbers for the do-not-call list out of a CSV text: one number a line, with the lines that cannot be taken. Pure."""

import csv
import io
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from opendeep.common.csv_text import cell_text
from opendeep.common.errors import InvalidPhoneNumber, UserMistake
from opendeep.common.phone import parse_number
from opendeep.common.plain_text import plain

MAX_LINES: Final = 20_000
MAX_ERRORS: Final = 100
MAX_REASON_CHARS: Final = 500
NUMBER_COLUMNS: Final = ("phone_number", "phone", "number", "telephone", "tel", "mobile")
REASON_COLUMNS: Final = ("reason", "note", "comment")


@dataclass(frozen=True, slots=True)
class LineError:
    """`line` counts from 1, the heading included."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class ReadNumbers:
    """Numbers (E.164 or extensions) with their reasons, each once; `repeated` lines had one that came before."""

    numbers: dict[str, str]
    repeated: int
    errors: tuple[LineError, ...]
    error_count: int


def read_numbers(text: str, region: str, extensions: Collection[str], first_line: int = 1) -> ReadNumbers:
    """Read the text; a heading may name the columns, else the number is the first and the reason the second.

    `first_line` is the place of the text's first line in a file that comes in parts. Raises `UserMistake` when there
    is nothing to read, or too much.
    """
    text = plain(text.removeprefix("\ufeff"))
    sample = text[:4_000]
    delimiter = max(",;\t", key=sample.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    numbers: dict[str, str] = {}
    errors: list[LineError] = []
    at = (0, 1)
    repeated = lines = 0
    try:
        for row in reader:
            cells = [cell_text(cell) for cell in row]
            if not any(cells):
                continue
            lines += 1
            if lines > MAX_LINES:
                raise UserMistake(f"Please import at most {MAX_LINES:,} lines at a time.")
            if lines == 1 and (named := _columns(cells)) is not None:
                at = named
                continue
            where = first_line + reader.line_num - 1
            try:
                number = parse_number(_cell(cells, at[0]), region, extensions).e164
            except InvalidPhoneNumber as error:
                errors.append(LineError(where, str(error)))
                continue
            if number in numbers:
                repeated += 1
            else:
                numbers[number] = _cell(cells, at[1])[:MAX_REASON_CHARS]
    except csv.Error as error:
        raise UserMistake(
            f"Line {first_line + reader.line_num - 1} is no CSV ({error}). Save the file again."
        ) from None
    if lines == 0:
        raise UserMistake("There is nothing in this file. Write one telephone number on each line.")
    return ReadNumbers(numbers, repeated, tuple(errors[:MAX_ERRORS]), len(errors))


def _columns(cells: list[str]) -> tuple[int, int] | None:
    """Where number and reason stand, if these cells are a heading; a reason that is not there is beyond the last."""
    names = [cell.casefold().replace(" ", "_") for cell in cells]
    number = next((names.index(name) for name in NUMBER_COLUMNS if name in names), None)
    if number is None:
        return None
    return number, next((names.index(name) for name in REASON_COLUMNS if name in names), len(names))


def _cell(cells: list[str], place: int) -> str:
    return cells[place] if place < len(cells) else ""
