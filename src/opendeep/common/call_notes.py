"""Notes for a task's next call: what a model may add to a brief, and what code refuses of it. Pure.

A note is advice on manner. It never replaces anything: disclosure, questions, may_say and must_not_say stay as the user
confirmed them. What looks like contact or payment data, a link, a private fact, or an order about our rules is refused.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from opendeep.common.campaign_plan import MAX_NOTES

MAX_NOTE_CHARS: Final = 200
_DIGITS: Final = re.compile(r"(?:\d[\s().\-/]*){6,}")
_LINK: Final = re.compile(r"https?:|www\.|\b[\w.-]+@[\w-]+\.\w|\b[\w-]+\.(?:com|net|org|io|de)\b", re.IGNORECASE)
_RULES: Final = re.compile(
    r"\b(?:ignor\w*|overrid\w*|disregard\w*|forget\w*|bypass\w*|system prompt|instructions?|rules?|must_not_say|"
    r"disclos\w*|not? (?:an? )?(?:ai|bot|machine|robot)|(?:are|is|am|be) (?:an? )?human|human (?:being|colleague)|"
    r"pretend\w*|passwords?|pin|card numbers?|iban|record(?:ing|ed))\b",
    re.IGNORECASE,
)
_SECRETS: Final = re.compile(r"\b(?:passwords?|passcodes?|pin|tan|cvv|card numbers?|iban|api keys?)\b", re.IGNORECASE)
_MARKUP: Final = re.compile(r"[<>{}\[\]`|\\]")


def note_problem(text: str, brief: Mapping[str, Any]) -> str | None:
    """Why this note may not go into a call, None when it may. `brief` is the task's `TaskBrief` as JSON."""
    note = " ".join(text.split())
    if not note or len(note) > MAX_NOTE_CHARS:
        return f"a note has 1 to {MAX_NOTE_CHARS} characters"
    if not note.isprintable() or _MARKUP.search(note):
        return "a note is plain text"
    if _DIGITS.search(note) or _LINK.search(note):
        return "a note carries no numbers, addresses or links"
    if _RULES.search(note):
        return "a note does not speak about rules, disclosure or identity"
    private = [str(text).casefold().strip(" .") for text in brief.get("must_not_say") or ()]
    if any(text and text in note.casefold() for text in private):
        return "a note says nothing that must not be said"
    return None


def is_bait(question: str) -> bool:
    """Whether a question to the user carries a link or asks for a secret: no model has a reason for either."""
    return bool(_LINK.search(question) or _SECRETS.search(question))


def with_note(brief: Mapping[str, Any], text: str) -> dict[str, Any]:
    """The brief with the note; the oldest goes when there are too many. All else is untouched."""
    note = " ".join(text.split())
    kept: Sequence[str] = [old for old in brief.get("notes") or () if old != note]
    return {**brief, "notes": [*kept, note][-MAX_NOTES:]}


def without_note(brief: Mapping[str, Any], text: str) -> dict[str, Any]:
    """The brief without that note."""
    note = " ".join(text.split())
    return {**brief, "notes": [old for old in brief.get("notes") or () if old != note]}
