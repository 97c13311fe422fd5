"""The offline report: one plain sentence per group of outcomes, each with the calls behind it.

Owns the answer to the schema `campaign_report`. Figures and the checking of references are the caller's.
"""

from collections.abc import Sequence
from typing import Any, Final

from opendeep.offline.minds.data_blocks import find_block

MAX_NAMES: Final = 8
MAX_SOURCES: Final = 40
LEADS: Final = {
    "ACHIEVED": "Aim achieved",
    "DECLINED": "Said no",
    "CALLBACK_REQUESTED": "Asked for another call",
    "OPTED_OUT": "Wants no more calls and is on the do-not-call list",
    "WRONG_NUMBER": "The number belongs to somebody else",
    "VOICEMAIL_LEFT": "Message left on the mailbox",
    "VOICEMAIL": "Only a mailbox answered",
    "NO_ANSWER": "Nobody picked up",
    "BUSY": "Always busy",
    "REJECTED": "Rejected the call",
    "UNREACHABLE": "Cannot be reached under this number",
    "INCONCLUSIVE": "No clear answer",
    "FAILED": "Could not be called",
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
    by_now = "so far " if record.get("state") == "running" else ""
    text = f"The aim was {by_now}achieved with {len(done)} of {len(tasks)} contacts."
    return {"headline": {"text": text, "sources": _sources(tasks)[:MAX_SOURCES]}, "paragraphs": paragraphs}


def _paragraph(disposition: str, tasks: list[dict[str, Any]]) -> dict[str, Any] | None:
    lead, sources = LEADS.get(disposition), _sources(tasks)
    if lead is None or not sources:
        return None
    names = [str(task.get("contact", "")) for task in tasks]
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    sentences = [f"{lead}: {', '.join(names[:MAX_NAMES])}{more}."]
    sentences += [str(task["summary"]) for task in tasks[:MAX_NAMES] if task.get("summary")] if len(tasks) <= 3 else []
    return {"text": " ".join(sentences), "sources": sources[:MAX_SOURCES]}


def _sources(tasks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last call of each task, with the turns that its judgement rests on, else the last words in it."""
    sources = []
    for call in (call for task in tasks for call in task.get("calls", [])[-1:]):
        spoken = [turn["turn"] for turn in call.get("turns", [])]
        proof = [number for number in call.get("cited_turns", []) if number in spoken]
        sources.append({"call": str(call["ref"]), "turns": proof or spoken[-1:]})
    return sources
