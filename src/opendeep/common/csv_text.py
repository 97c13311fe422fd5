"""CSV that spreadsheets open without running anything in it, and that reads back what was written. Pure.

A cell that begins like a formula gets an apostrophe in front, a telephone number too (OWASP, “CSV Injection”); reading
takes it away again.
"""

import csv
import io
from collections.abc import Sequence
from typing import Final

_RISKY_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "'")


def safe_cell(text: str) -> str:
    """The text as a cell that is no formula."""
    return f"'{text}" if text.lstrip(" ").startswith(_RISKY_STARTS) else text


def cell_text(cell: str) -> str:
    """What a cell says, whether it was made safe or not."""
    text = cell.strip()
    return text[1:].strip() if text.startswith("'") else text


def csv_line(cells: Sequence[str]) -> str:
    """One line with its end; every cell is safe."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow([safe_cell(cell) for cell in cells])
    return buffer.getvalue()
