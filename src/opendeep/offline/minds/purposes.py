"""What the calls are for, read out of what a user types, and the sentences that follow from it."""

import re
from dataclasses import dataclass, replace
from typing import Any, Final

from opendeep.offline.minds.moments import Slot, find_slot, moved, say_numbers, without_slot

_KINDS: Final = {
    "book": "book|schedule|arrange|reserve|make|set up|plan",
    "move": "move|reschedule|postpone",
    "confirm": "confirm|verify",
    "cancel": "cancel",
    "remind": "remind|tell|inform|let",
    "invite": "invite",
    "ask": "ask|find out|check|inquire|enquire|survey",
}
_KIND_OF: Final = {verb: kind for kind, verbs in _KINDS.items() for verb in verbs.split("|")}
_PHRASE: Final = re.compile(
    rf"\b({'|'.join(sorted(_KIND_OF, key=len, reverse=True))})\b(?! (?:it|that) )(.*?)(?=$|[.:](?!\d)|[;\n?]|, please)",
    re.IGNORECASE | re.DOTALL,
)
_QUESTION: Final = re.compile(r"(?:^|(?<=[.:;\n!?])|\d[.)])\s*([A-Z][^.:;\n?!]{3,200}\?)")
_YES_NO_START: Final = re.compile(
    r"^(do|does|did|is|are|was|can|could|will|would|may|should|have|has)\b", re.IGNORECASE
)
_SECOND: Final = re.compile(
    rf"(?:\band|[,;.\n])\s*(?:also |then )*(?:call|phone|ring|contact)\b[^.;\n]*?\b(?:to|and) ({'|'.join(_KIND_OF)})\b",
    re.IGNORECASE,
)
_SINGULAR_THEY: Final = (
    (r"\b(?:they|he|she) (?:has|have)\b", "you have"),
    (r"\b(?:does|do) (?:they|he|she)\b", "do you"),
    (r"\b(?:they|he|she) (?:was|were)\b", "you were"),
    (r"\b(?:they are|he is|she is)\b", "you are"),
    (r"\b(?:is he|is she|are they)\b", "are you"),
    (r"\b(?:he|she) goes\b", "you go"),
    (r"\b(?:he|she) ([a-z]{2,}[a-rt-z])s\b", r"you \1"),
    (r"\b(they|he|she)\b", "you"),
    (r"\b(them|him)\b", "you"),
)
_OWNERS: Final = ((r"\b(their|his|her)\b", "your"), (r"\b(my|our)\b", "the"), (r"\bme\b|\bus\b|\bI\b", "us"))


NO_SLOT: Final = Slot()


@dataclass(frozen=True, slots=True)
class Purpose:
    """`verb` as typed, `thing` without day and time. `questions` are those that the user wrote out."""

    kind: str
    verb: str
    thing: str
    slot: Slot = NO_SLOT
    questions: tuple[str, ...] = ()

    @property
    def needs_slot(self) -> bool:
        return self.kind in ("book", "move") and not self.slot

    def with_slot(self, slot: Slot) -> "Purpose":
        """The purpose at another day or time, also where the user's own words name it."""
        changed = replace(
            self, slot=self.slot.changed_by(slot), questions=tuple(moved(q, slot) for q in self.questions)
        )
        return replace(changed, thing=moved(self.thing, slot)) if self.kind in ("ask", "about") else changed

    def objective(self) -> str:
        """One sentence for the plan."""
        if self.kind == "about":
            return _sentence(self.thing)
        if self.kind == "ask":
            return _sentence(f"{self.verb} {self.thing}")  # a question keeps its own day and time
        return _sentence(" ".join(part for part in (self.verb, self.thing, _on(self.slot)) if part))

    def opening(self) -> str:
        """The purpose as one spoken sentence."""
        thing = say_numbers(_to_callee(self.thing))
        if self.kind == "about":
            return f"I am calling about this: {_sentence(thing)}"
        if self.kind == "ask":
            return "I am calling with a short question." if len(self.questions) < 2 else "I have some short questions."
        if self.kind in ("book", "move"):
            return f"I am calling to {self.verb} {thing}."
        if self.kind == "remind" and self.verb == "let":
            thing = thing.removesuffix(" know")
            return f"I am calling to let {thing} know."
        return " ".join(f"I am calling to {self.verb} {thing} {_on(self.slot)}".split()) + "."

    def asked(self) -> list[dict[str, Any]]:
        """The questions of the plan."""
        if self.questions:
            return [_written(text, number) for number, text in enumerate(self.questions, 1)]
        if self.kind in ("book", "move"):
            return [_yes_no("slot_ok", f"Does {self.slot.spoken()} work for you?")] if self.slot else []
        if self.kind == "confirm":
            thing = " ".join(f"{say_numbers(_to_callee(self.thing))} {_on(self.slot)}".split())
            return [_yes_no("confirmed", f"Can you confirm {thing}?")]
        fixed = {
            "cancel": ("cancelled", "Can you confirm that it is cancelled?"),
            "remind": ("acknowledged", "Is that all right with you?"),
            "invite": ("coming", "Will you come?"),
        }
        return [_yes_no(*fixed[self.kind])] if self.kind in fixed else []


def read_purpose(text: str) -> Purpose | None:
    """The purpose in a message from which the contacts have been taken; None when there is none."""
    written = tuple(found.strip() for found in _QUESTION.findall(text))
    for found in _PHRASE.finditer(text):
        verb, phrase = found.group(1).lower(), found.group(2)
        kind = _KIND_OF[verb]
        phrase = re.split(r",| and (?=[A-Z])", phrase)[0]
        if kind == "ask":
            thing = "a few questions" if written else phrase.strip()
            return Purpose("ask", "ask", thing, questions=written or _indirect(phrase))
        phrase = re.sub(r"^ (?:me|us|for me|for us)\b", "", phrase)
        thing = re.sub(r" (?:for|with|at|of|from) them$", "", without_slot(phrase))
        if thing:
            return Purpose(kind, verb, _to_principal(thing), find_slot(phrase), written)
    return Purpose("ask", "ask", "a few questions", questions=written) if written else None


def has_several_purposes(text: str) -> bool:
    """`Call Anna to book a table and call Ben to cancel his appointment`: two kinds of calls in one message."""
    second = _SECOND.search(text)
    if second is None:
        return False
    first = _PHRASE.search(text[: second.start()])
    return first is not None and _KIND_OF[first.group(1).lower()] != _KIND_OF[second.group(1).lower()]


def free_purpose(text: str, question: str) -> Purpose:
    """A purpose in the user's own words, when none of the known ones fits."""
    asked = question.strip().rstrip("?")
    return Purpose("about", "", text.strip().rstrip("."), find_slot(text), (f"{asked}?",) if asked else ())


def _indirect(phrase: str) -> tuple[str, ...]:
    """`if they have a table` becomes `Could you tell me if you have a table?`."""
    clause = re.sub(r"^(?: (?:them|him|her|everybody|everyone|each(?: of them)?|people))? ?", "", phrase).strip(" .,")
    clause = re.sub(r"^(?:about|for) ", "", clause)
    if not clause:
        return ()
    for pattern, replacement in (*_SINGULAR_THEY, *_OWNERS[:1]):
        clause = re.sub(pattern, replacement, clause)
    return (f"Could you tell me {say_numbers(clause)}?",)


def _written(text: str, number: int) -> dict[str, Any]:
    key = "answer" if number == 1 else f"answer_{number}"
    inner = re.sub(r"^could you tell me ", "", text, flags=re.IGNORECASE)
    kind = "text"
    if re.match(r"(if|whether)\b", inner) or (_YES_NO_START.match(inner) and inner == text):
        kind = "yes_no"
    elif re.match(r"(how many|how much|what number|how old)\b", inner, re.IGNORECASE):
        kind = "number"
    elif re.match(r"(what time)\b", inner, re.IGNORECASE):
        kind = "time"
    elif re.match(r"(what day|which day|what date)\b", inner, re.IGNORECASE):
        kind = "date"
    options = _options(text) if kind in ("text", "yes_no") else []
    kind = "choice" if options else kind
    return {"key": key, "ask": text, "type": kind, "options": options, "required": True}


def _options(text: str) -> list[str]:
    """`Do you prefer tea, coffee or water?` has three."""
    found = re.search(r"(?:prefer|like|want|choose|take|one,|:)\s+(.+?)\?$", text)
    if not found or " or " not in found.group(1):
        return []
    return [part.strip() for part in re.split(r",| or ", found.group(1)) if part.strip()]


def _yes_no(key: str, ask: str) -> dict[str, Any]:
    return {"key": key, "ask": ask, "type": "yes_no", "options": [], "required": True}


def _to_callee(text: str) -> str:
    for pattern, replacement in (*_SINGULAR_THEY, *_OWNERS):
        text = re.sub(pattern, replacement, text)
    return re.sub(r"\b(everybody|everyone|each of you)\b", "you", text)


def _to_principal(text: str) -> str:
    return re.sub(r"^(?:for )?(?:me|us) ", "", text).strip()


def _on(slot: Slot) -> str:
    spoken = slot.spoken()
    return f"on {spoken}" if spoken and slot.day and not spoken.lower().startswith(("tomorrow", "today")) else spoken


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
