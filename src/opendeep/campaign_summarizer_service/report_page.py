"""The report as one HTML page that asks for nothing: for the screen, for print, and for `pdf_printer`.

Everything in a report comes from outside in the end: the template escapes all of it, and the page's policy allows
nothing but its own style, by its hash.
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime
from importlib import resources
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinja2 import Environment, StrictUndefined

from opendeep.common.outcome_words import outcome_words, task_state_words

FOLDER: Final = resources.files("opendeep.campaign_summarizer_service") / "templates"
MAX_PRINTED_TASKS: Final = 500  # the others stand in the export
WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WRITERS: Final = {"model": "figures by the database, prose by the AI model", "figures": "figures by the database"}


# What reports of earlier versions lack.
DEFAULTS: Final[dict[str, Any]] = {
    "title": "", "objective": "", "interim": False, "generated_at": "", "by": "figures", "headline": "",
    "headline_sources": [], "paragraphs": [], "removed_claims": 0,
}  # fmt: skip
FIGURES: Final[dict[str, Any]] = {
    "tasks": 0, "completed": 0, "failed": 0, "open": 0, "calls": 0, "talk_seconds": 0.0, "by_disposition": {},
}  # fmt: skip


def render(report: Mapping[str, Any]) -> str:
    """The whole page. Reports of earlier versions have no plots."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    filters = {"outcome": outcome_words, "state": task_state_words, "percent": percent, "duration": duration}
    environment.filters |= {**filters, "moment": moment, "words": key_words, "money": money}
    report = DEFAULTS | dict(report)
    counted = FIGURES | (report.get("figures") or {})
    tasks = report.get("tasks") or []
    names = {call["call_id"]: (task["contact_name"], call["attempt"]) for task in tasks for call in task["calls"]}
    return environment.from_string(_part("report.html")).render(
        report=report,
        figures=counted,
        series=report.get("series") or {},
        tasks=tasks[:MAX_PRINTED_TASKS],
        left_out=max(0, counted["tasks"] - min(len(tasks), MAX_PRINTED_TASKS)),
        zone=(report.get("series") or {}).get("zone") or "UTC",
        writer=WRITERS.get(str(report.get("by")), str(report.get("by"))),
        names=names,
        weekdays=WEEKDAYS,
        style=_part("report.css"),
        policy=policy(),
    )


def policy() -> str:
    """The Content-Security-Policy of the page: its own style and nothing else."""
    digest = base64.b64encode(hashlib.sha256(_part("report.css").encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def percent(share: float | None) -> str:
    """0.4567 as `46 %`; a dash where there is nothing to share."""
    return "-" if share is None else f"{share * 100:.0f} %"


def duration(seconds: float) -> str:
    """Seconds as `48 s` or `12 min`."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def money(amount: float) -> str:
    """Below ten cents to a hundredth of a cent."""
    return f"{amount:.4f}" if 0 < amount < 0.1 else f"{amount:.2f}"


def moment(iso: str, zone: str) -> str:
    """An ISO time as `2 November 2026, 14:05 (America/New_York)`; as it is when it is none."""
    try:
        local = datetime.fromisoformat(iso).astimezone(ZoneInfo(zone))
    except (ValueError, ZoneInfoNotFoundError):
        return iso
    return f"{local.day} {local:%B %Y, %H:%M} ({zone})"


def key_words(key: str) -> str:
    """A stored key as words: `slot_ok` as `Slot ok`."""
    return key.replace("_", " ").strip().capitalize()


def _part(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
