"""`python -m …xlsx_writer`: rows of JSON from stdin become an Excel file on stdout. A process of its own, see
`own_process`.

Each line is a list of cells: a text, a number, null, or `{"date" | "time" | "datetime": ISO}`. The first line is the
header. Texts stay texts, whatever they look like. Memory stays flat: openpyxl writes row by row.
"""

import os
import sys
from datetime import date, datetime, time
from typing import Any, Final

import orjson
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from opendeep.common.spreadsheet_cells import looks_like_formula, text_cell

NICE: Final = 10
TITLE: Final = "Results"
WIDTHS: Final = (6, 24, 18, 18, 14, 40, 9)  # of the first columns, in characters
OTHER_WIDTH: Final = 24
FORMATS: Final = {"date": "yyyy-mm-dd", "time": "hh:mm", "datetime": "yyyy-mm-dd hh:mm"}
TAKEN_FOR_OTHERS: Final = ("=", "#")  # openpyxl takes such texts for formulas and for errors
READERS: Final[dict[str, Any]] = {
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "datetime": datetime.fromisoformat,
}


def main() -> None:
    """Write the sheet."""
    os.nice(NICE)
    book = Workbook(write_only=True)
    sheet = book.create_sheet(TITLE)
    sheet.freeze_panes = "C2"
    header = orjson.loads(sys.stdin.buffer.readline())
    for number in range(len(header)):
        sheet.column_dimensions[_letter(number)].width = WIDTHS[number] if number < len(WIDTHS) else OTHER_WIDTH
    bold, cells = Font(bold=True), [WriteOnlyCell(sheet, text_cell(name)) for name in header]
    for cell in cells:
        cell.font, cell.data_type = bold, "s"
    sheet.append(cells)
    for line in sys.stdin.buffer:
        sheet.append([_cell(sheet, value) for value in orjson.loads(line)])
    book.save(sys.stdout.buffer)


def _cell(sheet: Any, value: Any) -> Any:
    """The value of a cell, or a cell of its own where type or format must be said."""
    if isinstance(value, dict):
        kind, text = next(iter(value.items()))
        cell = WriteOnlyCell(sheet, READERS[kind](text))
        cell.number_format = FORMATS[kind]
        return cell
    if not isinstance(value, str):
        return value
    text = text_cell(value)
    if not (text.startswith(TAKEN_FOR_OTHERS) or looks_like_formula(text)):
        return text
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    cell.quotePrefix = True  # stays a text also when somebody edits it
    return cell


def _letter(number: int) -> str:
    """The name of a column: 0 is A, 26 is AA."""
    name = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


if __name__ == "__main__":
    main()
