"""Whom to call, read out of what a user types: names with numbers, names to look up, kinds of business."""

import re
from dataclasses import dataclass
from typing import Final

from opendeep.offline.script.words import vocabulary

_NUMBER = r"(?:(?:\+|\b00)\d{1,3}[\s.\-/]?)?(?:\(\d{1,5}\)[\s.\-/]?)?\d[\d\s.\-/]{4,}\d"
_EXTENSION = r"(?:(?<=extension )|(?<=ext\. )|(?<=at )|(?<=call )|(?<=[A-Za-z], )|(?<=[A-Za-z] ))[7]\d{3}\b(?![:\d])"
NUMBER: Final = re.compile(rf"{_NUMBER}|{_EXTENSION}")
_CAPITAL = r"[A-Z][\w'\u2019&.-]*"
_NAME = rf"{_CAPITAL}(?: (?:{_CAPITAL}|of|the|&))*"
WHOLE_NAME: Final = re.compile(rf"(?:the )?({_NAME})")
_CALLED_NAME: Final = re.compile(rf"\b(?:[Cc]all|[Pp]hone|[Rr]ing|[Cc]ontact)(?: the| up)? ({_NAME})")
_SEPARATOR: Final = re.compile(
    r"[\n;:,•*]|\b(?:and|call|phone|ring|contact|plus|also|then|to|add|remind|tell|inform|invite|ask|for|with|please)\b",
    re.IGNORECASE,
)
_TAIL: Final = re.compile(
    r"[\s,:(\-\u2013\u2014]*\b(?:at|on|under|phone|tel|tel\.|number|is|extension|ext\.)?[\s,:(\-\u2013\u2014]*$", re.I
)
_BUSINESS: Final = re.compile(
    r"\b(facilities|practice|clinic|dental|dentist|office|services?|restaurant|bistro|bakery|garage|studio|salon|hotel|"
    r"shop|store|centre|center|plumbing|electric|pharmacy|school|bank|ltd|inc|gmbh|llc|company|garden|vet)\b",
    re.IGNORECASE,
)
KINDS: Final = re.compile(
    r"\b(dentist|doctor|plumber|restaurant|hairdresser|hair salon|garage|mechanic|vet|pharmacy|bakery|electrician|"
    r"garden centre|facility management)\b",
    re.IGNORECASE,
)
_NOT_NAMES: Final = frozenset(
    vocabulary(
        "i me we please thanks thank hello hi dear ok okay yes no monday tuesday wednesday thursday friday saturday "
        "sunday january february march april may june july august september october november december them everybody "
        "everyone all these those the this that call ask book confirm remind tell make also they invite inform"
    )
)
MAX_NAME_WORDS: Final = 6


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody with a number, as written."""

    name: str
    number: str
    kind: str


@dataclass(frozen=True, slots=True)
class Reading:
    """`contacts` have numbers, `names` must be looked up, `rest` is the text without them."""

    contacts: tuple[Contact, ...]
    names: tuple[str, ...]
    rest: str


def read_contacts(text: str) -> Reading:
    """Take the contacts out of a message."""
    contacts: list[Contact] = []
    rest: list[str] = []
    position = 0
    for found in NUMBER.finditer(text):
        before = text[position : found.start()]
        name, kept = _name_before(before)
        rest.append(kept)
        number = found.group().strip()
        unnamed = f"Extension {number}" if len(number) < 6 else f"Contact {len(contacts) + 1}"
        contacts.append(Contact(name or unnamed, number, kind_of(name)))
        position = found.end()
    rest.append(text[position:].lstrip(")"))
    remaining = re.sub(r"\([^)]*\)", " ", " them ".join(rest))
    remaining = re.sub(r"\bthem(?:\s*(?:,|and|, and)\s*them\b)+", "them", remaining)
    remaining = re.sub(r"\bthem\s*,\s*(?=(?:that|to|about|if|whether)\b)", "them ", remaining)
    return Reading(tuple(contacts), _names(remaining, in_list=":" in text or bool(contacts)), remaining)


def kind_of(name: str) -> str:
    return "business" if _BUSINESS.search(name) else "person"


def _name_before(text: str) -> tuple[str, str]:
    """The name that stands before a number, and the text before the name."""
    trimmed = _TAIL.sub("", re.sub(r"\([^)]*\)", " ", text))
    cuts = [found.end() for found in _SEPARATOR.finditer(trimmed)]
    start = cuts[-1] if cuts else 0
    name = re.sub(r"^(?:the|my|our)\b|^[\s\-\d.)]+", "", trimmed[start:].strip()).strip(" .,-")
    if not any(character.isalpha() for character in name) or len(name.split()) > MAX_NAME_WORDS:
        return "", trimmed
    return name, trimmed[:start]


def _names(text: str, *, in_list: bool) -> tuple[str, ...]:
    names: list[str] = []
    for found in _CALLED_NAME.finditer(text):
        names.append(_clean(found.group(1)))
    if in_list:
        for piece in _SEPARATOR.split(text):
            whole = WHOLE_NAME.fullmatch(piece.strip(" ."))
            if whole and (len(whole.group(1).split()) > 1 or _BUSINESS.search(piece)):
                names.append(_clean(whole.group(1)))
    kept = [name for name in names if name and name.split()[0].lower() not in _NOT_NAMES]
    return tuple(dict.fromkeys(kept))


def _clean(name: str) -> str:
    return re.sub(r"\s+(?:of|the|&)$", "", name.strip(" .,"))
