"""The offline look at a tenant's open tasks: two plain rules over what earlier calls brought. No insight is pretended.

Owns the answer to the schema `lifecycle_decisions`. What may be done is decided by the caller, as with a real model.
"""

from collections.abc import Sequence
from typing import Any, Final

from opendeep.offline.minds.data_blocks import find_block

LATELY: Final = 2  # calls in a row that make a pattern
NO_ANSWER_NOTE: Final = "The last calls ended without a clear answer: ask the first question right after the opening."
MAILBOX_PRIORITY: Final = -10  # whoever is never there in person comes after those who may be

Record = dict[str, Any]


def lifecycle_decisions(messages: Sequence[dict[str, Any]]) -> Record:
    """Decide from the block `lifecycle_record`; most looks end with nothing."""
    text = "\n".join(str(message.get("content") or "") for message in messages)
    record = find_block("lifecycle_record", text) or {}
    tasks = [task for task in record.get("tasks") or () if isinstance(task, dict)]
    return {"decisions": [decision for task in tasks if (decision := _decide(task)) is not None]}


def _decide(task: Record) -> Record | None:
    calls = [call for call in task.get("earlier_calls") or () if isinstance(call, dict)][-LATELY:]
    if task.get("status") != "SCHEDULED" or len(calls) < LATELY:
        return None
    outcomes = {str(call.get("disposition")) for call in calls}
    if outcomes == {"INCONCLUSIVE"} and NO_ANSWER_NOTE not in (task.get("notes") or ()):
        return _decision(
            task,
            "revise_prompt",
            f"The last {LATELY} calls brought no clear answer.",
            "The question may have come too late in the call.",
            "The next call brings an answer.",
            note=NO_ANSWER_NOTE,
        )
    if outcomes <= {"VOICEMAIL", "VOICEMAIL_LEFT"} and task.get("priority") == 0:
        return _decision(
            task,
            "reprioritise",
            f"A mailbox answered the last {LATELY} calls.",
            "Others are more likely to be reached in person now.",
            "Tasks that can be reached come first.",
            priority=MAILBOX_PRIORITY,
        )
    return None


def _decision(task: Record, action: str, observation: str, reason: str, expected: str, **more: Any) -> Record:
    empty: Record = {"priority": None, "until": None, "note": None, "question": None, "duplicate_of": None}
    said = {"observation": observation, "reason": reason, "expected": expected}
    return {"task": task.get("ref"), "action": action, **said, **empty, **more}
