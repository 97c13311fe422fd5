"""Call briefs for the tests of the offline voice."""

from __future__ import annotations

import json
from typing import Any

from opendeep.common.call_script import ScriptQuestion, changed
from opendeep.common.script_wording import worded_script
from opendeep.offline.script import CallBrief, parse_brief

SLOT_QUESTION = {"key": "slot_ok", "ask": "Does Tuesday at ten work for you?", "type": "yes_no", "required": True}


def brief_fields(**changes: Any) -> dict[str, Any]:
    """A complete brief: a boiler inspection at a business. Sunday, 22 November 2026, 18:00 in Berlin."""
    fields = {
        "version": 1,
        "language": "en",
        "on_behalf_of": "Maria Keller",
        "disclosure": "This is an AI assistant calling on behalf of Maria Keller.",
        "contact": {"name": "Harbour Dental Practice", "kind": "business"},
        "objective": "Book the yearly boiler inspection on Tuesday between nine and twelve.",
        "opening": "I am calling to arrange the yearly boiler inspection.",
        "questions": [SLOT_QUESTION],
        "may_say": ["The visit takes about thirty minutes."],
        "must_not_say": [],
        "menu_hint": "facilities",
        "voicemail": {"policy": "leave_message", "message": "Hello, this is a message for Harbour Dental."},
        "timezone": "Europe/Berlin",
        "now": "2026-11-22T18:00:00+01:00",
        "earlier_calls": [],
    }
    return {**fields, **changes}


def instructions(**changes: Any) -> str:
    """Prose for a model with the brief's block inside."""
    return (
        f"You call on behalf of somebody.\n<call_brief>\n{json.dumps(brief_fields(**changes))}\n</call_brief>\nBe kind."
    )


def scripted_brief(questions: list[dict[str, Any]] | None = None, **texts: str) -> CallBrief:
    """A call to a person, word for word: the script as a plan gives it, with sentences changed by their paths."""
    asked = [SLOT_QUESTION] if questions is None else questions
    script = worded_script(
        "This is an AI assistant calling on behalf of Maria Keller.",
        "I am calling to arrange the yearly boiler inspection.",
        [ScriptQuestion.model_validate(question) for question in asked],
    )
    document = changed(script, texts).model_dump(mode="json")
    return make_brief(contact={"name": "Tom Baker", "kind": "person"}, script=document)


def make_brief(**changes: Any) -> CallBrief:
    """The brief as the script reads it."""
    brief = parse_brief(instructions(**changes))
    assert brief is not None
    return brief


def person_brief(**changes: Any) -> CallBrief:
    """The same call to a person."""
    return make_brief(contact={"name": "Tom Baker", "kind": "person"}, **changes)
