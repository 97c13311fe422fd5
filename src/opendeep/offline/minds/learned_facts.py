"""What a transcript teaches about its contact, by rules: opening hours, closed days, good times, whom to ask for.

Owns the `learned` of a `call_analysis`. Each remark is made of the callee's words and quotes their turn.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

MAX_FACTS: Final = 6
MAX_QUOTE_CHARS: Final = 300

_DAY: Final = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
_SPAN: Final = rf"{_DAY} (?:to|through) {_DAY}"
_DAYS: Final = rf"{_DAY}(?:(?:,| and| or)? {_DAY})*"
_HOUR: Final = r"(?:\d{1,2}(?::\d\d)?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|noon)"
_TIME: Final = rf"{_HOUR}(?: ?(?:am|pm|o'clock))?"
_PART: Final = r"(?:mornings?|afternoons?|evenings?)"
_PERSON: Final = r"(?:ms|mrs|mr|miss|doctor|dr)\.? [a-z][a-z'-]+"

_RULES: Final = (
    ("closed_on", re.compile(rf"\b(?:we are|we're|were|we) (closed on {_DAYS})\b"), "{0}"),
    ("closed_on", re.compile(rf"\b(closed (?:every|all) {_DAY})\b"), "{0}"),
    (
        "opening_hours",
        re.compile(rf"\b(open (?:(?:{_SPAN}|{_DAYS}) )?from {_TIME} (?:to|until|till) {_TIME})(?!\w)"),
        "{0}",
    ),
    ("best_time", re.compile(rf"\b(?:call|calling|ring|try)(?: me| us| back| again)* (in the {_PART})\b"), "Call {0}"),
    ("best_time", re.compile(rf"\b({_PART} (?:are|is|work|works) (?:best|better))\b"), "{0}"),
    ("best_time", re.compile(rf"\b(?:prefer|prefers) (?:the )?({_PART})\b"), "Prefers {0}"),
    ("ask_for", re.compile(rf"\b(?:ask for|speak (?:with|to)|talk to) ({_PERSON})"), "Ask for {0}"),
)


def learned_facts(turns: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of the callee's turns; the same remark once."""
    found: dict[str, dict[str, Any]] = {}
    for turn in turns:
        for key, text in _remarks(str(turn["text"])):
            found.setdefault(
                text, {"key": key, "text": text, "turns": [turn["turn"]], "quote": str(turn["text"])[:300]}
            )
    return list(found.values())[:MAX_FACTS]


def _remarks(said: str) -> Iterator[tuple[str, str]]:
    heard = " ".join(said.lower().replace("\u2019", "'").split())
    for key, pattern, wording in _RULES:
        for match in pattern.finditer(heard):
            said_so = match.group(1)
            words = said_so.title() if key == "ask_for" else _capital_days(said_so)
            text = wording.format(words)
            yield key, text[0].upper() + text[1:]


def _capital_days(words: str) -> str:
    return re.sub(_DAY, lambda day: day.group().capitalize(), words)
