"""What a model may not decide in a plan, whatever it read: whose number is called, and that an AI says it is one. Pure.

Search results, directories and pasted texts can carry orders to a model. The user confirms the plan, but cannot know
where a number comes from; so code looks whether the user wrote it, the directory gave it, or an earlier task had it.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Final

from opendeep.common.campaign_plan import UNPROVEN_SOURCE, PlannedTask
from opendeep.tools.information_retriever_svc import BUSINESS_TOOL
from opendeep.tools.record_tools import CONTACTS_TOOL, TASKS_TOOL

TELLING_DIGITS: Final = 7  # the end of a number that is the same in every writing
# Where trusted tools have their numbers: the directory, and what the user has confirmed before.
_LISTS: Final = {BUSINESS_TOOL: "matches", CONTACTS_TOOL: "matches", TASKS_TOOL: "tasks"}


class KnownNumbers:
    """What the user wrote and trusted tools answered in this chat, as far as it can hold telephone numbers."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._digits: list[str] = []

    def add_text(self, text: str) -> None:
        """Words of the user."""
        self._texts.append(text)
        self._digits.append(_digits(text))

    def add_step(self, name: str, result: Mapping[str, Any]) -> None:
        """A tool's result; only the business directory and the user's own earlier tasks are trusted with numbers."""
        matches = result.get(_LISTS[name]) if name in _LISTS else None
        for match in matches if isinstance(matches, list) else []:
            if isinstance(match, dict) and isinstance(match.get("phone_number"), str):
                self.add_text(match["phone_number"])

    def holds(self, written: str, e164: str) -> bool:
        """Whether this number was said, in whatever writing."""
        end = _digits(e164)[-TELLING_DIGITS:]
        if end and any(end in digits for digits in self._digits):
            return True
        return bool(written.strip()) and any(written.strip() in text for text in self._texts)  # 1-800-FLOWERS


def with_proven_source(task: PlannedTask, written: str, known: KnownNumbers) -> PlannedTask:
    """The task with its source marked when nobody gave the number; `task.phone_number` is E.164 already."""
    if known.holds(written, task.phone_number):
        return task if task.source != UNPROVEN_SOURCE else task.model_copy(update={"source": None})
    return task.model_copy(update={"source": UNPROVEN_SOURCE})


def texts_of(content: str, form_answers: Mapping[str, Any] | None) -> Iterable[str]:
    """All that one message of the user says."""
    return [content, *(str(value) for value in (form_answers or {}).values())]


def _digits(text: str) -> str:
    """The digits of any script as 0 to 9, nothing else."""
    return "".join(str(unicodedata.decimal(character, "")) for character in text)
