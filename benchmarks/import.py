"""How fast a large table of contacts is read and checked, and how much memory that takes; each file in a process.

`OPENDEEP_BENCH_IMPORT_ROWS` (100,000) rows with a name, a number, a city, a fact and a time zone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import orjson

from benchmarks.figures import Figure

HEADINGS = ["Name", "Phone", "City", "Customer number", "Time zone"]


def run() -> Iterator[Figure]:
    """`import.rows_per_s` and `import.peak_rss_mb` of a CSV and of an XLSX."""
    rows = int(os.environ.get("OPENDEEP_BENCH_IMPORT_ROWS", "100000"))
    with tempfile.TemporaryDirectory() as folder:
        for path in (_csv(Path(folder), rows), _xlsx(Path(folder), rows)):
            command = [sys.executable, "-m", "benchmarks.import_load", str(path)]
            found = orjson.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            conditions: dict[str, object] = {
                "file": path.suffix[1:],
                "file_bytes": path.stat().st_size,
                "rows": found["rows"],
                "ready": found["ready"],
                "cpu_seconds": round(found["cpu_s"], 1),
                "rss_before_mb": round(found["base_mb"], 1),
                "cores": os.cpu_count(),
                "load_avg_1m": round(os.getloadavg()[0], 2),
            }
            yield Figure("import.rows_per_s", round(found["rows"] / found["seconds"]), "rows/s", conditions)
            yield Figure("import.peak_rss_mb", round(found["peak_mb"], 1), "MB", conditions)


def _rows(count: int) -> Iterator[list[str]]:
    yield HEADINGS
    for n in range(count):
        number = f"+1202{200 + n // 10_000}{n % 10_000:04}"
        yield [f"Contact {n}", number, "Washington", f"C-{n:06}", "America/New_York"]


def _csv(folder: Path, count: int) -> Path:
    path = folder / "contacts.csv"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(",".join(row) + "\n" for row in _rows(count))
    return path


def _xlsx(folder: Path, count: int) -> Path:
    path = folder / "contacts.xlsx"
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in _rows(count):
        sheet.append(row)
    book.save(path)
    return path
