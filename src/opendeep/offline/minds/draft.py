"""What a chat has told so far. Rebuilt from all its messages in every round; holds no state between rounds.

Owns the folding of messages, form answers and look-up results into a `Draft`, and what a later message corrects.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from opendeep.offline.minds.contacts import KINDS, Contact, read_contacts
from opendeep.offline.minds.data_blocks import find_block, without_block
from opendeep.offline.minds.moments import NUMBER_WORDS, find_slot
from opendeep.offline.minds.purposes import Purpose, free_purpose, has_several_purposes, read_purpose
from opendeep.offline.minds.recall import (
    CONTACTS_TOOL,
    LOOKUP_TOOL,
    TASKS_TOOL,
    TOLD_TASKS,
    asked_name,
    asks_about_earlier,
    speaks_of_again,
    tools_for,
)

_ACKNOWLEDGED: Final = re.compile(
    r"^\W*(ok(ay)?|thanks?|thank you|yes|fine|good|great|perfect|looks good|go|go ahead|confirm|do it|hello|hi)\b"
    r"[^?]{0,20}$",
    re.IGNORECASE,
)
_REMOVAL: Final = re.compile(
    r"\b(?:without|remove|drop|skip|leave out|do not call|don't call|instead of|not)\b(.*)", re.IGNORECASE
)
_INSTEAD: Final = re.compile(r"\binstead\b(?! of\b)", re.IGNORECASE)
_WHO: Final = re.compile(
    r"^\W*(who are you|what are you|what can you do|what do you do|are you (?:an? )?(?:human|person|robot|ai|bot|real)"
    r"|help|how does (?:this|it) work)\b[^.!?]{0,20}[.!?\s]*$",
    re.IGNORECASE,
)
_EMERGENCY: Final = re.compile(r"\b(?:call|phone|ring|dial|contact)\b[^.\d]{0,40}\b(?:911|112|999)\b(?![ \-]?\d)", re.I)
_ANY_TIME: Final = re.compile(r"\b(any ?time|whenever|at any hour)\b", re.IGNORECASE)
_BEHALF: Final = re.compile(r"\b(?:on behalf of|in the name of) ([A-Z][\w'.-]*(?: [A-Z][\w'.-]*)*)")
_MAY_SAY: Final = re.compile(r"\b(?:you (?:may|can) (?:say|tell them)|tell them if they ask) (?:that )?([^.\n]+)", re.I)
_NO_VOICEMAIL: Final = re.compile(r"\b(no|without|don't leave|do not leave)( a| any)? (voice ?mail|message)s?\b", re.I)
_LEAVE_MESSAGE: Final = re.compile(r"\bleave (a|them a) (voice ?mail|message)\b", re.IGNORECASE)
_TRIES: Final = re.compile(rf"\b(\d+|{'|'.join(NUMBER_WORDS[1:11])}) (?:attempts|tries|times)\b", re.IGNORECASE)
_FREELY: Final = re.compile(
    r"[,;]?\s*(?:\band\b\s*)?\b(?:not (?:word for word|scripted)|(?:let (?:it|the ai) )?(?:speak|talk) freely"
    r"|without a script)\b",
    re.IGNORECASE,
)
_WORD_FOR_WORD: Final = re.compile(
    r"[,;]?\s*(?:\band\b\s*)?(?:\bplease\b\s*)?(?:\bmake (?:it|them)\b\s*)?"
    r"\b(?:exactly )?(?:word[- ](?:for|by)[- ]word|verbatim|scripted(?: calls?)?"
    r"|(?:from|by|with|use|using|follow|following) (?:a|the) (?:fixed )?script)\b",
    re.IGNORECASE,
)
_EVERY: Final = re.compile(r"\b(?:retry|again|try)\D{0,20}(?:every|after) (\d+) minutes?\b", re.IGNORECASE)


@dataclass
class Draft:
    """`lookups` are names to look up, `found` the matches by lower-cased name, `tried` the tools asked for it."""

    profile: dict[str, Any] = field(default_factory=dict)
    contacts: list[Contact] = field(default_factory=list)
    lookups: list[str] = field(default_factory=list)
    found: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    tried: dict[str, set[str]] = field(default_factory=dict)
    again: bool = False  # somebody whom the user had called before is meant
    asked_about: str = ""  # whose earlier tasks the last message asks about
    earlier: list[dict[str, Any]] | None = None  # what was found of them
    purpose: Purpose | None = None
    answers: dict[str, str] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    removed: list[str] = field(default_factory=list)
    planned: bool = False
    understood: bool = True
    acknowledged: bool = False
    aside: str = ""  # of the last message: who (asked), emergency, several (purposes), earlier (tasks); only that

    def is_removed(self, name: str) -> bool:
        return any(_same_person(name, words) for words in self.removed)

    def has_contact(self, name: str) -> bool:
        """Whether the user has written this name with its number."""
        return any(_same_person(contact.name, name) for contact in self.contacts)

    def look_ups(self, offered: Collection[str]) -> list[tuple[str, dict[str, Any]]]:
        """Tools and arguments that the next answer needs, among those that are offered."""
        if self.aside == "earlier":
            wanted = {"limit": TOLD_TASKS} | ({"name": self.asked_about} if self.asked_about else {})
            return [(TASKS_TOOL, wanted)] if self.earlier is None and TASKS_TOOL in offered else []
        if self.aside:
            return []
        names = [name for name in self.lookups if not self.found.get(name.lower())]
        names = [name for name in names if not (self.is_removed(name) or self.has_contact(name))]
        return [(tool, {"name": name}) for name in names for tool in self._tools_for(name, offered)]

    def _tools_for(self, name: str, offered: Collection[str]) -> list[str]:
        tried = self.tried.get(name.lower(), set())
        return tools_for(name, again=self.again, tried=tried, offered=offered)


def read_chat(messages: Sequence[dict[str, Any]]) -> Draft:
    """Fold the messages of a Chat Completions request."""
    draft = Draft()
    names: dict[str, tuple[str, str]] = {}  # tool and name of its calls, by their id
    for message in messages:
        text = _text(message)
        if message.get("role") in ("system", "developer"):
            draft.profile = (find_block("situation", text) or {}).get("profile") or draft.profile
        elif message.get("role") == "assistant":
            _read_assistant(draft, message, text, names)
        elif message.get("role") == "tool":
            _read_result(draft, names.get(str(message.get("tool_call_id"))), text)
        elif message.get("role") == "user":
            _read_user(draft, text)
    return draft


def _text(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _read_assistant(draft: Draft, message: dict[str, Any], text: str, names: dict[str, tuple[str, str]]) -> None:
    for call in message.get("tool_calls") or []:
        function = call.get("function", {})
        arguments = _json(function.get("arguments", ""))
        if (tool := function.get("name")) in (LOOKUP_TOOL, CONTACTS_TOOL, TASKS_TOOL):
            names[str(call.get("id"))] = (tool, str(arguments.get("name", "")))
    turn = _json(text)
    for entry in (turn.get("form") or {}).get("fields") or []:
        draft.asked.add(str(entry.get("name")))
    draft.planned = draft.planned or bool(turn.get("campaign_plan"))


def _read_result(draft: Draft, asked: tuple[str, str] | None, text: str) -> None:
    if asked is None:
        return
    tool, name = asked
    result = _json(text)
    if tool == TASKS_TOOL:
        draft.earlier = [task for task in result.get("tasks") or [] if isinstance(task, dict)]
        return
    draft.tried.setdefault(name.lower(), set()).add(tool)
    matches = result.get("matches")
    usable = [match for match in matches or [] if isinstance(match, dict) and match.get("phone_number")]
    if usable and (tool == CONTACTS_TOOL or not draft.found.get(name.lower())):
        draft.found[name.lower()] = usable


def _json(text: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text) if text.strip().startswith("{") else {}
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


# -- the user's words


def _read_user(draft: Draft, text: str) -> None:
    answers = find_block("form_answers", text) or {}
    words = without_block("form_answers", text)
    draft.aside = _aside(words)
    draft.asked_about, draft.earlier = asked_name(words) if draft.aside == "earlier" else "", None
    if draft.aside and not answers:
        return
    draft.answers |= {str(name): str(value).strip() for name, value in answers.items() if str(value).strip()}
    if answers.get("contacts"):
        _add_people(draft, str(answers["contacts"]))
    if answers.get("purpose"):
        purpose = str(answers["purpose"])
        draft.purpose = read_purpose(purpose) or free_purpose(purpose, str(answers.get("question", "")))
    elif answers.get("question") and draft.purpose and not draft.purpose.asked():
        draft.purpose = free_purpose(draft.purpose.thing, str(answers["question"]))
    if answers.get("slot") and draft.purpose:
        draft.purpose = draft.purpose.with_slot(find_slot(_with_on(str(answers["slot"]))))
    draft.understood = bool(answers) or _read_words(draft, words)
    draft.acknowledged = bool(_ACKNOWLEDGED.match(words)) and not answers


def _aside(words: str) -> str:
    """What a message is that gives nothing to plan; empty for all others."""
    if _WHO.match(words):
        return "who"
    if _EMERGENCY.search(words):
        return "emergency"
    if asks_about_earlier(words):
        return "earlier"
    return "several" if has_several_purposes(words) else ""


def _read_words(draft: Draft, words: str) -> bool:
    """Take what the words say; False when nothing was understood."""
    draft.again = draft.again or speaks_of_again(words)
    words, engine = _read_engine(words)
    if engine:
        draft.answers["engine"] = engine
    earlier = [*(contact.name for contact in draft.contacts), *draft.lookups]
    instead = bool(_INSTEAD.search(words))
    words = _INSTEAD.sub("", words)
    corrected = _read_removal(draft, words) or _read_wishes(draft, words) or bool(engine)
    reading = read_contacts(words)
    new = _add_people(draft, words)
    if new and instead:
        draft.removed += earlier
    if not (draft.contacts or draft.lookups) and (kind := KINDS.search(words)):
        draft.lookups.append(kind.group(1).lower())
        new = True
    purpose = None if corrected and not new else read_purpose(reading.rest)
    if purpose is not None:
        slot = purpose.slot or (draft.purpose.slot if draft.purpose else purpose.slot)
        draft.purpose = purpose.with_slot(slot or find_slot(reading.rest))
        return True
    slot = find_slot(_with_on(reading.rest))
    if draft.purpose is not None and slot and not corrected:
        draft.purpose = draft.purpose.with_slot(slot)
        return True
    return corrected or new


def _read_engine(words: str) -> tuple[str, str]:
    """The words without how the calls are to be held, and that: `scripted`, `realtime`, or empty."""
    for engine, rule in (("realtime", _FREELY), ("scripted", _WORD_FOR_WORD)):
        if rule.search(words):
            return rule.sub("", words), engine
    return words, ""


def _with_on(text: str) -> str:
    """`Thursday, 9:30` and `make it eleven` lack the word before the time."""
    return re.sub(
        r"(?<=[a-z0-9])[, ]+(?=\d{1,2}[:.]\d\d)|\b(?:make it|change it to|rather) (?=\d|half |quarter |[a-z]+$)",
        " at ",
        text,
    )


def _add_people(draft: Draft, text: str) -> bool:
    reading = read_contacts(text)
    known = {contact.number for contact in draft.contacts}
    fresh = [contact for contact in reading.contacts if contact.number not in known]
    names = [name for name in reading.names if not any(_same_person(name, old) for old in draft.lookups)]
    names = [name for name in names if not any(_same_person(c.name, name) for c in [*draft.contacts, *fresh])]
    draft.contacts += fresh
    draft.lookups += names
    return bool(fresh or names)


def _read_removal(draft: Draft, words: str) -> bool:
    found = _REMOVAL.search(words)
    if not found:
        return False
    people = [*(contact.name for contact in draft.contacts), *draft.lookups]
    gone = [name for name in people if _same_person(name, found.group(1))]
    draft.removed += gone
    return bool(gone)


def _read_wishes(draft: Draft, words: str) -> bool:
    """Calling hours, voicemail, attempts, facts: what the form asks may also be said in words."""
    told: dict[str, str] = {}
    if _ANY_TIME.search(words):
        told["call_window"] = "any time"
    if _NO_VOICEMAIL.search(words):
        told["voicemail"] = "hang up"
    elif _LEAVE_MESSAGE.search(words):
        told["voicemail"] = "leave a message"
    if tries := _TRIES.search(words):
        told["max_attempts"] = tries.group(1).lower()
    if every := _EVERY.search(words):
        told["retry_minutes"] = every.group(1)
    if behalf := _BEHALF.search(words):
        told["on_behalf_of"] = behalf.group(1)
    if facts := _MAY_SAY.search(words):
        told["may_say"] = "\n".join(part for part in (draft.answers.get("may_say", ""), facts.group(1)) if part)
    draft.answers |= told
    return bool(told)


def _same_person(name: str, words: str) -> bool:
    """The whole name, or its first or last word, is in the words."""
    lowered = f" {re.sub(r'[^a-z0-9 ]', ' ', words.lower())} "
    parts = re.sub(r"[^a-z0-9 ]", " ", name.lower()).split()
    return bool(parts) and (f" {' '.join(parts)} " in lowered or (len(parts) > 1 and f" {parts[0]} " in lowered))
