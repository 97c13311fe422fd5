"""The tools that the live voice AI is offered, as the model sees them. What they do is the audio side's."""

from collections.abc import Collection
from typing import Any, Final

END_REASONS: Final = (
    *("completed", "voicemail", "opt_out", "callback", "wrong_number"),
    *("declined", "no_progress", "other"),
)


def call_tools(transfer_targets: Collection[str] = (), *, lookups: bool = True) -> tuple[dict[str, Any], ...]:
    """The tools of a call; to put somebody through and to look something up only where that is possible."""
    tools = tuple(tool for tool in CALL_TOOLS if lookups or tool["name"] not in _LOOKUPS)
    return (*tools, _transfer_call(transfer_targets)) if transfer_targets else tools


def _tool(name: str, description: str, required: Collection[str], /, **properties: dict[str, Any]) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "function", "name": name, "description": description, "parameters": parameters}


def _text(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


def _transfer_call(targets: Collection[str]) -> dict[str, Any]:
    return _tool(
        "transfer_call",
        "Put the other side through to a person. Say so first and ask them to hold the line, in the same turn. Warm: "
        "the person is called while the other side waits, hears your briefing alone, and takes the call or not; you "
        "leave when they do, and go on when they do not. Cold: you leave at once, and nobody is told anything.",
        ["to"],
        to={"type": "string", "enum": list(targets), "description": "Whom to."},
        mode={"type": "string", "enum": ["warm", "cold"], "description": "warm, unless it was tried in vain."},
        briefing=_text(
            "For that person alone, in the language of the call: what was said so far and what the other side wants, "
            "in one or two sentences. Who calls on whose behalf is said anyway."
        ),
    )


_LOOKUPS: Final = frozenset({"search_internet", "get_authoritative_business_info"})

CALL_TOOLS: Final = (
    _tool(
        "end_call",
        "End the call after your farewell, which you speak in the same turn before this. Nothing can be said "
        "afterwards.",
        ["reason"],
        reason={"type": "string", "enum": list(END_REASONS), "description": "Why the call ends."},
        note=_text("Their own words or a fact worth keeping, one sentence."),
    ),
    _tool(
        "send_dtmf",
        "Press keys of the telephone keypad, for a menu that asks for them.",
        ["digits"],
        digits=_text("0-9, * and #, at most 32."),
    ),
    _tool(
        "request_user_feedback",
        "Ask your principal something only they can know or decide. Tell the other side first that you will check; the "
        "answer may take up to a minute. One question at a time, and only when it is needed.",
        ["question"],
        question=_text("One short question, with what they need to know."),
        options={"type": "array", "items": {"type": "string"}, "description": "Likely answers, if any."},
    ),
    _tool(
        "stop_recording",
        "The other side does not want to be recorded: stop the recording and delete it. The call goes on.",
        [],
    ),
    _tool(
        "mark_do_not_call",
        "The person on the line wants no more calls: put their number on the do-not-call list, now.",
        ["words"],
        words=_text("Their own words."),
    ),
    _tool(
        "schedule_callback",
        "They name a time to be called again. Answers with the time that was understood, which you repeat to them, or "
        "with what to ask.",
        ["words"],
        words=_text("Their own words about when, in English: tomorrow at three, in half an hour, Friday morning."),
    ),
    _tool(
        "record_result",
        "Keep the answer to one question of the brief. Again with another value when they correct it.",
        ["key", "value"],
        key=_text("The key of the question."),
        value={
            "type": ["string", "number", "boolean"],
            "description": "By the question's type: yes or no; one of its options; 2026-11-24; 14:30; "
            "2026-11-24T14:30; a number; or short text.",
        },
        words=_text("Their own words, as they said them."),
    ),
    _tool(
        "search_internet",
        "Answer a general question from the web, in a few seconds. Say first that you look it up.",
        ["query"],
        query=_text("The question, without anything private."),
    ),
    _tool(
        "get_authoritative_business_info",
        "Telephone number, address and opening hours of a business, in a few seconds. Say first that you look it up.",
        ["name"],
        name=_text("Name or kind of the business."),
        location=_text("Town, district or address."),
    ),
)
