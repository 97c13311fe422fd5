"""The results of a campaign as rows: one per task, with a column for each question. Pure; reading is the service's."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Final

import orjson

from opendeep.common.outcome_words import outcome_words, task_state_words
from opendeep.common.question_types import QuestionType
from opendeep.common.report_values import ReportTask
from opendeep.common.spreadsheet_cells import csv_cell

BEFORE: Final = ("No.", "Contact", "Number", "Outcome", "Status", "Reason", "Attempts")
AFTER: Final = ("Summary", "Citations", "Finished (UTC)", "Task")
BOM: Final = "\ufeff"  # without it Excel takes UTF-8 for something else

Row = list[Any]


class Columns:
    """The columns of one campaign. `questions` as asked, `found` the keys that results have: both get columns."""

    def __init__(self, questions: Sequence[Mapping[str, Any]], found: Sequence[str]) -> None:
        self._types = {str(question["key"]): str(question.get("type") or "text") for question in questions}
        self._keys = [*self._types, *(key for key in found if key not in self._types)]

    def header(self) -> list[str]:
        return [*BEFORE, *self._keys, *AFTER]

    def row(self, task: ReportTask, attempts: Mapping[str, int]) -> Row:
        """One task; `attempts` are the numbers of its calls by their id. Cells are texts, numbers, `date`s, `time`s,
        `datetime`s or None."""
        result = task.result
        fields = [self._value(key, result[key].get("value")) if key in result else None for key in self._keys]
        before = [task.position, task.contact_name, task.phone_number, outcome_words(task.disposition)]
        before += [task_state_words(task.status), task.status_reason, task.attempts]
        finished = task.finished_at.astimezone(UTC).replace(tzinfo=None, microsecond=0) if task.finished_at else None
        return [*before, *fields, task.summary, citations(result, attempts), finished, str(task.id)]

    def _value(self, key: str, value: Any) -> Any:
        """In the type of the question; what does not fit it stays as it is written."""
        kind, text = self._types.get(key), "" if value is None else str(value)
        try:
            match kind:
                case QuestionType.NUMBER:
                    number = float(text)
                    return int(number) if number.is_integer() else number
                case QuestionType.DATE:
                    return date.fromisoformat(text)
                case QuestionType.TIME:
                    return time.fromisoformat(text)
                case QuestionType.DATETIME:
                    moment = datetime.fromisoformat(text)
                    return moment if moment.tzinfo is None else text
        except (ValueError, OverflowError):
            return text
        return text


def citations(result: Mapping[str, Any], attempts: Mapping[str, int]) -> str:
    """Where each answer was given, and the words: `slot_ok: call 2, turn 4 “yes, ten is fine”`."""
    lines = []
    for key, found in result.items():
        turns = ", ".join(str(turn) for turn in found.get("turns") or ())
        number = attempts.get(str(found.get("call_id")))
        place = f"call {number}, " if number is not None else ""
        quote = str(found.get("quote") or "")
        lines.append(f"{key}: {place}turn {turns} “{quote}”")
    return " | ".join(lines)


def csv_text(rows: Sequence[Row]) -> bytes:
    """The rows as lines of a CSV file (RFC 4180), UTF-8."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([[_csv_value(cell) for cell in row] for row in rows])
    return text.getvalue().encode()


def _csv_value(cell: Any) -> Any:
    if isinstance(cell, str):
        return csv_cell(cell)
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    return cell


def sheet_lines(rows: Sequence[Row]) -> bytes:
    """The rows as `xlsx_writer` reads them, a line of JSON each."""
    return b"".join(orjson.dumps([_sheet_value(cell) for cell in row]) + b"\n" for row in rows)


def _sheet_value(cell: Any) -> Any:
    if isinstance(cell, datetime):
        return {"datetime": cell.isoformat()}
    if isinstance(cell, date):
        return {"date": cell.isoformat()}
    if isinstance(cell, time):
        return {"time": cell.isoformat()}
    return cell
