"""Cells of CSV files and spreadsheets that are nothing but data: no program takes one for a formula. Pure.

What callees, contact files and models wrote ends up in exports. A cell that begins like a formula is run by Excel,
LibreOffice and others when the file is opened (OWASP, “CSV Injection”).
"""

import re
from typing import Final

from opendeep.common.plain_text import plain

MAX_CELL_CHARS: Final = 32_767  # of an Excel cell
_FORMULA: Final = re.compile(r"^\s*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d+)?")  # a telephone number or an amount: there is nothing to run in it


def looks_like_formula(text: str) -> bool:
    """Whether a program may run the text as a formula; plain numbers with a sign are none."""
    if not text or text[0].isalnum():
        return False
    return _FORMULA.match(text) is not None and _NUMBER.fullmatch(text) is None


def text_cell(text: str) -> str:
    """The text as a cell of a typed sheet: no control characters, not longer than a cell may be."""
    return plain(text)[:MAX_CELL_CHARS]


def csv_cell(text: str) -> str:
    """The text as a cell of a CSV file, with an apostrophe before what looks like a formula."""
    cell = text_cell(text)
    return f"'{cell}" if looks_like_formula(cell) else cell
