"""What the offline planner remembers by asking: numbers of people called before, and what came of earlier tasks.

Owns which tool is asked for whom, and the words about earlier tasks. Reading the chat is `draft`'s business.
"""

import re
from collections.abc import Collection, Sequence
from typing import Any, Final

from opendeep.offline.minds.contacts import WHOLE_NAME, kind_of

LOOKUP_TOOL: Final = "get_authoritative_business_info"
CONTACTS_TOOL: Final = "find_contacts"
TASKS_TOOL: Final = "find_earlier_tasks"
TOLD_TASKS: Final = 3
MAX_SUMMARY_CHARS: Final = 300

_AGAIN: Final = re.compile(r"\b(again|once more|another time|like last time|as (?:last time|before))\b", re.IGNORECASE)
_ORDER: Final = re.compile(
    r"^\W*(?:please\s+)?(?:call|phone|ring|contact|ask|book|remind|tell|inform|invite|confirm|make|add)\b",
    re.IGNORECASE,
)
_EARLIER: Final = re.compile(
    r"\b(?:what (?:happened|came of|(?:was|were) the (?:results?|outcomes?|answers?))|how did .{0,60}\bgo\b"
    r"|what did .{1,60} (?:say|answer)|did .{1,60} (?:confirm|agree|answer|say yes)"
    r"|(?:show|tell|list)\b.{0,30}\b(?:earlier|previous|last|latest) (?:calls?|results?|tasks?|campaigns?))\b",
    re.IGNORECASE,
)


def asks_about_earlier(words: str) -> bool:
    """Whether the words ask what came of earlier calls, and do not order one."""
    return bool(_EARLIER.search(words)) and not _ORDER.match(words)


def asked_name(words: str) -> str:
    """The name in such a question; "" when it has none."""
    lowered = words[:1].lower() + words[1:]
    names = [found.group(1).strip(" .,'") for found in WHOLE_NAME.finditer(lowered)]
    return names[-1].removesuffix("'s") if names else ""


def speaks_of_again(words: str) -> bool:
    return bool(_AGAIN.search(words))


def tools_for(name: str, *, again: bool, tried: Collection[str], offered: Collection[str]) -> list[str]:
    """The tools to ask for a number now: earlier calls and the directory together for a person, one after the other
    where the words or the name say which is meant."""
    if again:
        order = [[CONTACTS_TOOL], [LOOKUP_TOOL]]
    elif kind_of(name) == "business":
        order = [[LOOKUP_TOOL], [CONTACTS_TOOL]]
    else:
        order = [[CONTACTS_TOOL, LOOKUP_TOOL]]
    for together in order:
        if left := [tool for tool in together if tool in offered and tool not in tried]:
            return left
    return []


def told(tasks: Sequence[dict[str, Any]], name: str) -> str:
    """What came of the tasks, as sentences."""
    if not tasks:
        return f"I find no earlier task with {name}." if name else "I find no earlier tasks of yours."
    return " ".join(["From your earlier tasks:", *(_sentence(task) for task in tasks[:TOLD_TASKS])])


def _sentence(task: dict[str, Any]) -> str:
    came = str(task.get("outcome") or task.get("status") or "unknown").replace("_", " ").lower()
    day = str(task.get("at") or "")[:10]
    summary = str(task.get("summary") or task.get("why") or "").strip()[:MAX_SUMMARY_CHARS]
    return f"{task.get('name')}, {day}: {came}. {summary}".strip()
