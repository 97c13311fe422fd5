"""The offline report: one plain sentence per group of outcomes, each with the calls behind it.

Owns the answer to the schema `campaign_report`. Figures and the checking of references are the caller's.
"""

from collections.abc import Sequence
from typing import Any, Final

from opendeep.offline.minds.data_blocks import find_block

MAX_NAMES: Final = 8
WORDS: Final = {
    "ACHIEVED": "was reached and the aim was achieved",
    "DECLINED": "said no",
    "CALLBACK_REQUESTED": "asked for another call",
    "OPTED_OUT": "does not want to be called again and is on the do-not-call list",
    "WRONG_NUMBER": "has another number than the one we know",
    "VOICEMAIL_LEFT": "got a message on the mailbox",
    "VOICEMAIL": "was not reached, only a mailbox",
    "NO_ANSWER": "did not pick up",
    "BUSY": "was always busy",
    "REJECTED": "rejected the call",
    "UNREACHABLE": "cannot be reached under this number",
    "INCONCLUSIVE": "gave no clear answer",
    "FAILED": "could not be called",
}


def campaign_report(messages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Write from the block `campaign_record`."""
    record = find_block("campaign_record", "\n".join(str(message.get("content") or "") for message in messages)) or {}
    tasks = [task for task in record.get("tasks", []) if isinstance(task, dict)]
    done = [task for task in tasks if task.get("disposition") == "ACHIEVED"]
    groups: dict[str, list[dict[str, Any]]] = {}
    for task in tasks:
        groups.setdefault(str(task.get("disposition") or "none"), []).append(task)
    paragraphs = [paragraph for name, group in groups.items() if (paragraph := _paragraph(name, group))]
    return {"headline": f"{len(done)} of {len(tasks)} contacts: the aim was achieved.", "paragraphs": paragraphs}


def _paragraph(disposition: str, tasks: list[dict[str, Any]]) -> dict[str, Any] | None:
    words = WORDS.get(disposition)
    calls = [str(call["ref"]) for task in tasks for call in task.get("calls", [])[-1:]]
    if words is None or not calls:
        return None
    names = [str(task.get("contact", "")) for task in tasks]
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    sentences = [f"{', '.join(names[:MAX_NAMES])}{more}: {words}."]
    sentences += [str(task["summary"]) for task in tasks[:MAX_NAMES] if task.get("summary")] if len(tasks) <= 3 else []
    turns = sorted({turn for task in tasks for turn in task.get("cited_turns", [])})
    return {"text": " ".join(sentences), "calls": calls, "turns": turns}
