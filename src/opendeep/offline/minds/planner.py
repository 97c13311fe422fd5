"""The offline planner: from a chat to look-ups, one form, and a plan. Rules only, and it says so.

Owns the decision of a round and the wording of forms and messages. Reading the chat is `draft`'s business.
"""

import re
from collections.abc import Collection, Sequence
from typing import Any, Final

from opendeep.offline.minds.contacts import kind_of
from opendeep.offline.minds.draft import Draft, read_chat
from opendeep.offline.minds.moments import NUMBER_WORDS
from opendeep.offline.minds.purposes import Purpose
from opendeep.offline.minds.recall import told

Turn = dict[str, Any]
HONEST: Final = "I am the offline planner: I work by rules and in English only, not with a language model."
EXAMPLE: Final = (
    "You can write for example: Call Anna Meyer, +1 202 555 0101, and book the yearly boiler inspection on Tuesday "
    "at ten."
)
ABILITIES: Final = (
    "I read whom to call and what for, look numbers up in the sample directory, and propose a plan; the calls begin "
    "only when you have confirmed it."
)
EMERGENCY: Final = "I never call emergency numbers. In an emergency please take a phone and call yourself, now."
ONE_PURPOSE: Final = (
    "I can plan one purpose at a time, and this message has several. Please send me the first one, confirm its plan, "
    "and start a new chat for the next."
)
WINDOWS: Final = ("any time", "9:00-20:00", "9:00-17:00 on weekdays")
POLICIES: Final = {"leave a message": "leave_message", "hang up": "hang_up", "hang up and try later": "retry_later"}
DEPARTMENTS: Final = (
    (r"facilit|boiler|heating|inspection|repair|maintenance|plumb|elevator", "facilities"),
    (r"table|reserv|dinner|lunch", "reservations"),
    (r"dent|doctor|clinic|vet|appointment|hair", "appointments"),
    (r"invoice|payment|rent|bill", "accounts"),
    (r"order|deliver|buy|price", "sales"),
)
MAX_MAY_SAY: Final = 20
OWN_SOURCE: Final = "your earlier calls"  # as `find_contacts` names it


def lookups(messages: Sequence[dict[str, Any]], offered: Collection[str]) -> list[tuple[str, dict[str, Any]]]:
    """Names and arguments of the tools that the next answer needs, among those that are offered."""
    return read_chat(messages).look_ups(offered)


def assistant_turn(messages: Sequence[dict[str, Any]]) -> Turn:
    """The answer of this round: message, form or None, campaign_plan or None."""
    draft = read_chat(messages)
    people = _people(draft)
    if draft.aside == "earlier":
        return _turn(told(draft.earlier or [], draft.asked_about))
    if draft.aside:
        return _turn(_ASIDES[draft.aside])
    if draft.planned and not draft.understood:
        if draft.acknowledged:
            return _turn("The plan is ready. Press Confirm and Schedule Campaign, and the calls begin.")
        return _turn(f"{HONEST} I did not understand that. You can write: make it Thursday at nine; without Anna; "
                     "add Ben Ortiz, +1 202 555 0102; any time; no voicemail.")  # fmt: skip
    form = _missing(draft, people)
    if form:
        return _turn(_asking(draft, people), form={"title": "A few details", "fields": form})
    if not people:
        lost = _without_number(draft)
        known = f"I have no number of {_listed(lost)}; please write it" if lost else "I do not know yet whom to call"
        return _turn(f"{HONEST} {known}. {EXAMPLE}")
    if draft.purpose is None or draft.purpose.needs_slot or not draft.purpose.asked():
        return _turn(f"{HONEST} I do not know yet what the calls are for, or when. {EXAMPLE}")
    plan = _plan(draft, draft.purpose, people)
    return _turn(_presenting(draft, plan), plan=plan)


_ASIDES: Final = {
    "who": f"{HONEST} {ABILITIES} {EXAMPLE}",
    "emergency": EMERGENCY,
    "several": f"{HONEST} {ONE_PURPOSE}",
}


def _turn(message: str, form: dict[str, Any] | None = None, plan: dict[str, Any] | None = None) -> Turn:
    return {"message": message, "form": form, "campaign_plan": plan}


# -- people


def _people(draft: Draft) -> list[dict[str, Any]]:
    """Contacts of the plan, in the order in which they were named."""
    people: list[dict[str, Any]] = [
        {"contact_name": c.name, "contact_kind": c.kind, "phone_number": c.number, "source": "you"}
        for c in draft.contacts
    ]
    for index, name in enumerate(draft.lookups, 1):
        if not draft.has_contact(name) and (person := _looked_up(draft, index, name)):
            people.append(person)
    return [person for person in people if not draft.is_removed(person["contact_name"])]


def _looked_up(draft: Draft, index: int, name: str) -> dict[str, Any] | None:
    typed = draft.answers.get(f"number_{index}")
    if typed:
        return {"contact_name": name, "contact_kind": kind_of(name), "phone_number": typed, "source": "you"}
    match = _chosen(draft, index, name)
    if match is None:
        return None
    return {
        "contact_name": match.get("name") or name,
        "contact_kind": "person" if match.get("kind") == "person" else "business",
        "phone_number": match["phone_number"],
        "timezone": match.get("time_zone"),
        "source": match.get("source"),
    }


def _chosen(draft: Draft, index: int, name: str) -> dict[str, Any] | None:
    matches = draft.found.get(name.lower(), [])
    exact = [match for match in matches if str(match.get("name", "")).lower() == name.lower()]
    if len(exact) == 1 or len(matches) == 1:
        return (exact or matches)[0]
    picked = draft.answers.get(f"pick_{index}", "")
    return next((match for match in matches if _label(match) == picked), None)


def _label(match: dict[str, Any]) -> str:
    return f"{match.get('name')}, {match.get('address') or match['phone_number']}"[:200]


# -- the form


def _missing(draft: Draft, people: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Fields for everything that is not known and was not asked before."""
    needed: list[dict[str, Any]] = []
    if not people and not draft.lookups:
        needed.append(_field("contacts", "Whom shall I call? One per line: name, number", "textarea"))
    for index, name in enumerate(draft.lookups, 1):
        needed += _about_business(draft, index, name)
    needed += _about_purpose(draft)
    if not draft.planned:
        needed += _about_calling(draft)
    fresh = [entry for entry in needed if entry["name"] not in draft.asked and entry["name"] not in draft.answers]
    return fresh if any(entry["name"] for entry in fresh) else []


def _about_business(draft: Draft, index: int, name: str) -> list[dict[str, Any]]:
    if draft.is_removed(name) or draft.has_contact(name) or _chosen(draft, index, name):
        return []
    matches = draft.found.get(name.lower(), [])
    if matches:
        options = [_label(match) for match in matches]
        return [_field(f"pick_{index}", f"Which {name} do you mean?", "select", options=options)]
    return [_field(f"number_{index}", f"I found no number of {name}. Which is it?", "tel", required=False)]


def _about_purpose(draft: Draft) -> list[dict[str, Any]]:
    if draft.purpose is None:
        label = "What are the calls for? For example: book the yearly boiler inspection on Tuesday at ten"
        return [
            _field("purpose", label, "textarea"),
            _field("question", "What shall I ask? Leave empty if the purpose says it", required=False),
        ]
    if draft.purpose.needs_slot:
        return [_field("slot", "Which day and time shall I propose? For example: Tuesday at ten")]
    if not draft.purpose.asked():
        return [_field("question", "What shall I ask them? One short question")]
    return []


def _about_calling(draft: Draft) -> list[dict[str, Any]]:
    principal = str(draft.profile.get("full_name") or draft.profile.get("name") or "")
    return [
        _field("call_window", "When may I call? (their local time)", "select", WINDOWS[1], WINDOWS),
        _field("on_behalf_of", "On whose behalf do I call?", "text", principal),
        _field("may_say", "Facts I may tell when I am asked, one per line", "textarea", required=False),
        _field("voicemail", "If a mailbox answers", "select", "leave a message", tuple(POLICIES)),
        _field("max_attempts", "How often may I try each number?", "number", "3"),
        _field("retry_minutes", "Minutes until the next try", "number", "30"),
    ]


def _field(
    name: str,
    label: str,
    kind: str = "text",
    value: str | None = None,
    options: Sequence[str] = (),
    *,
    required: bool = True,
) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "type": kind,
        "options": list(options),
        "required": required,
        "value": value or None,
    }


# -- the plan


def _plan(draft: Draft, purpose: Purpose, people: list[dict[str, Any]]) -> dict[str, Any]:
    answers = draft.answers
    principal = answers.get("on_behalf_of") or str(draft.profile.get("full_name") or draft.profile.get("name") or "")
    opening = purpose.opening()
    disclosure = f"This is an AI assistant calling on behalf of {principal}."
    return {
        "title": purpose.objective().rstrip("."),
        "objective": purpose.objective(),
        "on_behalf_of": principal,
        "engine": answers.get("engine", "realtime"),
        "language": "en",
        "disclosure": disclosure,
        "opening": opening,
        "questions": purpose.asked(),
        "may_say": _facts(answers.get("may_say", "")),
        "must_not_say": [],
        "tasks": [person | {"menu_hint": _department(person, purpose)} for person in people],
        "voicemail": {
            "policy": POLICIES.get(answers.get("voicemail", ""), "leave_message"),
            "message": f"Hello. {disclosure} {opening} We will call again. Thank you, goodbye.",
        },
        "calling_window": _window(answers.get("call_window", "")),
        "max_attempts": int(_number(answers.get("max_attempts", ""), 3, 1, 20)),
        "retry_minutes": _number(answers.get("retry_minutes", ""), 30, 0.01, 10_080),
        "max_call_minutes": 10,
    }


def _department(person: dict[str, Any], purpose: Purpose) -> str | None:
    """What to choose in the keypad menu of a business."""
    if person["contact_kind"] != "business":
        return None
    about = f"{person['contact_name']} {purpose.objective()}".lower()
    return next((name for words, name in DEPARTMENTS if re.search(words, about)), None)


def _facts(text: str) -> list[str]:
    facts = [part.strip() for part in re.split(r"\n|(?<=[.!]) ", text) if part.strip()]
    return [fact if fact.endswith((".", "!", "?")) else f"{fact}." for fact in facts[:MAX_MAY_SAY]]


def _window(text: str) -> dict[str, Any]:
    if "any" in text.lower():
        return {"any_time": True}
    found = re.search(r"(\d{1,2})(?:[:.](\d\d))?\s*(?:-|to|\u2013|and)\s*(\d{1,2})(?:[:.](\d\d))?", text)
    if not found or int(found.group(1)) > 23 or int(found.group(3)) > 23:
        return {}
    start, end = (f"{int(h):02d}:{m or '00'}:00" for h, m in (found.groups()[:2], found.groups()[2:]))
    days = [1, 2, 3, 4, 5] if "week" in text.lower() else [1, 2, 3, 4, 5, 6, 7]
    return {"start": start, "end": end, "weekdays": days, "any_time": False}


def _number(text: str, default: float, low: float, high: float) -> float:
    if text in NUMBER_WORDS:
        return min(max(float(NUMBER_WORDS.index(text)), low), high)
    try:
        return min(max(float(text), low), high)
    except ValueError:
        return default


# -- wording


def _asking(draft: Draft, people: list[dict[str, Any]]) -> str:
    if not people and not draft.lookups:
        return f"{HONEST} Please fill in what I need."
    names = [person["contact_name"] for person in people]
    found = f"I have {_listed(names)}. " if names else ""
    return f"{found}Please answer the form, then I will show you the plan."


def _presenting(draft: Draft, plan: dict[str, Any]) -> str:
    count = len(plan["tasks"])
    who = plan["tasks"][0]["contact_name"] if count == 1 else f"{count} contacts"
    dropped = _without_number(draft)
    scripted = plan["engine"] == "scripted"
    without = f" I have no number of {_listed(dropped)} and left that out." if dropped else ""
    changed = "I have changed the plan" if draft.planned else "Here is the plan"
    script = " The calls are held word for word by the script below, which you can edit." if scripted else ""
    old = [task["contact_name"] for task in plan["tasks"] if task.get("source") == OWN_SOURCE]
    known = f" The number of {_listed(old)} is from your earlier calls." if old else ""
    return f"{changed}: {plan['objective']} I will call {who}.{known}{without}{script} If it is right, confirm it."


def _without_number(draft: Draft) -> list[str]:
    """Names that were to be called, and that nobody gave or found a number of."""
    return [
        name
        for index, name in enumerate(draft.lookups, 1)
        if not (draft.is_removed(name) or draft.has_contact(name) or _looked_up(draft, index, name))
    ]


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
