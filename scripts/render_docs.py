#!/usr/bin/env python3
"""Render the pages of docs/ that repeat what the code says: states.md from the tables, settings.md from .env.example.

`python scripts/render_docs.py` writes them, `--check` exits 1 when a committed page is not what would be written.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opendeep.call_processor_service.attempt_states import (
    CAUSE_OUTCOMES,
    DIAL_OUTCOMES,
    OUTCOMES,
    SIP_OUTCOMES,
    UNANSWERED,
    Outcome,
)
from opendeep.common.data_models import LIVE_CALL_STATUSES, CallStatus, TaskStatus
from opendeep.common.task_states import TERMINAL, TRANSITIONS

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"

MEANING = {
    TaskStatus.SCHEDULED: "waits until it is due and allowed",
    TaskStatus.QUEUED_FOR_CALL: "passed the gate, waits for a line",
    TaskStatus.CALL_IN_PROGRESS: "has exactly one live call",
    TaskStatus.PENDING_ANALYSIS: "its call has ended, the analyser decides",
    TaskStatus.NEEDS_USER: "waits for your decision",
    TaskStatus.ON_HOLD: "put aside by you or the lifecycle manager",
    TaskStatus.COMPLETED: "done",
    TaskStatus.FAILED: "not to be achieved; can be redialled",
    TaskStatus.CANCELLED: "stopped by you",
}


def states() -> str:
    """The task machine as a table of who may go where, and the life of a call."""
    names = list(TaskStatus)
    lines = [
        "# State machines",
        "",
        "Rendered from the code by `scripts/render_docs.py`; a test keeps it current.",
        "",
        "## A task",
        "",
        "A row is where a task is, a column where it may go. What is not marked is an error, never silence.",
        "",
        "| from \\ to | " + " | ".join(f"`{n}`" for n in names) + " |",
        "|---|" + ":-:|" * len(names),
    ]
    for old in names:
        marks = " | ".join("●" if new in TRANSITIONS[old] else " " for new in names)
        lines.append(f"| **`{old}`**{' (end)' if old in TERMINAL else ''} | {marks} |")
    lines += ["", *(f"- `{name}`: {MEANING[name]}" for name in names), "", "## A call", ""]
    live = " → ".join(f"`{s}`" for s in LIVE_CALL_STATUSES)
    ended = ", ".join(f"`{s}`" for s in CallStatus if s not in LIVE_CALL_STATUSES)
    lines += [
        f"Live, only ever forward: {live}. A step may be skipped, because events of the switch come in any order.",
        "",
        f"Ended, for good: {ended}. At most one live call per task: the database's unique index says so.",
        "",
        *outcomes(),
    ]
    return "\n".join(lines)


def outcomes() -> list[str]:
    """How an attempt ends that nobody answered: the network's words, and the order in which they count."""
    lines = [
        "## An attempt that was not answered",
        "",
        "What was said is collected, in any order; the first of these rules that gives an outcome counts:",
        "",
        *(f"{number}. {name}" for number, (name, _) in enumerate(UNANSWERED, start=1)),
        "",
        "The network speaks by SIP code, else by Q.850 cause, else by the status of the dial. Where several legs said",
        "something, the upper row of this table counts.",
        "",
        "| SIP | cause | dial | status | disposition | what you read |",
        "|---|---|---|---|---|---|",
    ]
    for outcome in OUTCOMES:
        cells = (_words_for(outcome, table) for table in (SIP_OUTCOMES, CAUSE_OUTCOMES, DIAL_OUTCOMES))
        lines.append(f"| {' | '.join(cells)} | `{outcome.status}` | `{outcome.disposition}` | {outcome.sentence} |")
    lines += [
        "",
        "A code that is in no row says nothing by itself. Sound before the answer (183) is not an answer: the voice AI",
        "does not speak, and talk time starts when the callee picks up. A fault of the trunk, and a call in which the",
        "voice AI was away, do not use up one of the contact's attempts (at most 10 and 5 times for each task).",
        "",
    ]
    return lines


def _words_for(outcome: Outcome, table: Mapping[Any, Outcome]) -> str:
    return ", ".join(str(word) for word, meant in table.items() if meant == outcome)


def settings() -> str:
    """Every setting with its explanation, from the comments of .env.example."""
    lines = [
        "# Settings",
        "",
        "From the environment or `.env`; rendered from `.env.example` by `scripts/render_docs.py`. A wrong value stops",
        "the start with one line per mistake. `opendeep doctor` checks what they point at.",
        "",
    ]
    comment: list[str] = []
    for line in (ROOT / ".env.example").read_text().splitlines():
        if title := re.match(r"# -- (.+?) -*$", line):
            lines += ["", f"## {title[1]}", "", "| setting | default | meaning |", "|---|---|---|"]
            comment = []
        elif setting := re.match(r"#? ?([A-Z][A-Z0-9_]+)=(.*)$", line):
            default = f"`{setting[2]}`" if setting[2] else ""
            lines.append(f"| `{setting[1]}` | {default} | {' '.join(comment)} |")
            comment = []
        elif line.startswith("# "):
            comment.append(line[2:].replace("|", "\\|"))
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


PAGES = {"states.md": states, "settings.md": settings}


def main() -> int:
    stale = []
    for name, render in PAGES.items():
        path, text = DOCS / name, render()
        if not path.exists() or path.read_text() != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text)
    if stale:
        print("stale:" if "--check" in sys.argv else "written:", ", ".join(stale))
    return int(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
