"""Rows of results: typed, cited, and nothing that a program would run."""

import csv
import io
import subprocess
import sys
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

import pytest
from openpyxl import load_workbook

from opendeep.campaign_summarizer_service.results_export import AFTER, BEFORE, Columns, csv_text, sheet_lines
from opendeep.common.report_values import ReportTask

CALL, DEADLINE_S = str(UUID(int=5)), 60
EVIL = '=HYPERLINK("http://evil.example")'
QUESTIONS = [
    {"key": "slot_ok", "type": "yes_no"},
    {"key": "people", "type": "number"},
    {"key": "on", "type": "date"},
    {"key": "at", "type": "time"},
    {"key": "both", "type": "datetime"},
    {"key": "remark", "type": "text"},
]


def found(value: str, quote: str = "so be it") -> dict[str, Any]:
    return {"value": value, "turns": [2, 4], "quote": quote, "call_id": CALL}


def task(**changes: Any) -> ReportTask:
    values: dict[str, Any] = {
        "id": UUID(int=1), "position": 1, "contact_name": "Anna Meyer", "phone_number": "+12025550101",
        "objective": "Book it.", "status": "COMPLETED", "status_reason": "Done.", "disposition": "ACHIEVED",
        "attempts": 2, "summary": "She agreed.", "result": {}, "finished_at": datetime(2026, 11, 2, 15, 30, tzinfo=UTC),
    }  # fmt: skip
    return ReportTask(**(values | changes))


FULL = task(
    result={
        "slot_ok": found("yes"),
        "people": found("4"),
        "on": found("2026-11-24"),
        "at": found("14:30"),
        "both": found("2026-11-24T14:30:00"),
        "remark": found(EVIL, "+cmd|' /C calc'!A0"),
    },
    contact_name=EVIL,
)
COLUMNS = Columns(QUESTIONS, ["remark", "extra"])


def by_name(row: list[Any]) -> dict[str, Any]:
    return dict(zip(COLUMNS.header(), row, strict=True))


def test_each_question_has_a_column_and_each_value_its_type() -> None:
    keys = ["slot_ok", "people", "on", "at", "both", "remark", "extra"]
    assert COLUMNS.header() == [*BEFORE, *keys, *AFTER]
    row = by_name(COLUMNS.row(FULL, {CALL: 2}))
    assert (row["slot_ok"], row["people"], row["on"], row["at"]) == ("yes", 4, date(2026, 11, 24), time(14, 30))
    assert (row["both"], row["extra"]) == (datetime(2026, 11, 24, 14, 30), None)
    assert (row["Outcome"], row["Status"], row["Attempts"]) == ("Achieved", "Done", 2)
    assert row["Citations"].startswith("slot_ok: call 2, turn 2, 4 “so be it” | people: call 2")


def test_a_value_that_does_not_fit_its_type_stays_as_it_is_written() -> None:
    odd = task(result={"people": found("about four"), "on": found("soon"), "both": found("2026-11-24T14:30+01:00")})
    row = by_name(COLUMNS.row(odd, {}))
    assert (row["people"], row["on"], row["both"]) == ("about four", "soon", "2026-11-24T14:30+01:00")
    assert "people: turn 2, 4 “" in row["Citations"]  # of a call that is not among the task's


def test_a_csv_file_holds_no_formula() -> None:
    text = csv_text([COLUMNS.header(), COLUMNS.row(FULL, {CALL: 1})]).decode()
    header, cells = csv.reader(io.StringIO(text, newline=""))
    row = dict(zip(header, cells, strict=True))
    assert (row["Contact"], row["remark"], row["Number"]) == (f"'{EVIL}", f"'{EVIL}", "+12025550101")
    assert (row["on"], row["at"], row["Finished (UTC)"]) == ("2026-11-24", "14:30:00", "2026-11-02T15:30:00")
    assert not [cell for cell in cells if cell.startswith(("=", "@", "-", "\t"))]


@pytest.fixture(scope="module")
def sheet() -> Any:
    lines = sheet_lines([COLUMNS.header(), COLUMNS.row(FULL, {CALL: 1}), COLUMNS.row(task(summary="a\x00b"), {})])
    command = [sys.executable, "-m", "opendeep.campaign_summarizer_service.xlsx_writer"]
    made = subprocess.run(command, input=lines, capture_output=True, check=True, timeout=DEADLINE_S)
    return load_workbook(io.BytesIO(made.stdout)).active


def test_an_excel_file_has_types_and_no_formula(sheet: Any) -> None:
    header, first, second = sheet.iter_rows()
    cells = dict(zip([cell.value for cell in header], first, strict=True))
    assert (cells["Contact"].value, cells["Contact"].data_type, cells["Contact"].quotePrefix) == (EVIL, "s", True)
    assert (cells["remark"].data_type, cells["Number"].data_type) == ("s", "s")
    assert (cells["people"].value, cells["people"].data_type) == (4, "n")
    assert (cells["on"].value, cells["on"].number_format) == (datetime(2026, 11, 24), "yyyy-mm-dd")
    assert cells["at"].value == time(14, 30)
    assert cells["slot_ok"].value == "yes"
    assert not [cell.coordinate for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    assert [cell.value for cell in second][COLUMNS.header().index("Summary")] == "ab"
    assert header[0].font.bold
