"""Keypad menus: reading "for facilities press two" and choosing a digit.

Owns the reading of the recognised prompt and the choice. Whether a digit is sent at all, and how often, is decided by
the machine.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from opendeep.offline.script.words import content_stems, overlap

KEY_OF_WORD: Final = {
    "zero": "0", "oh": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
    "eight": "8", "nine": "9", "star": "*", "asterisk": "*", "pound": "#", "hash": "#",
    "to": "2", "too": "2", "for": "4",  # what a recogniser hears for two and four after "press"
}  # fmt: skip
OPERATOR_KEY: Final = "0"
OPERATOR_WORDS: Final = "operator reception receptionist agent representative assistant person team enquiries help else"
ENOUGH_OVERLAP: Final = 0.34

_PRESS: Final = re.compile(
    r"\b(?:press|dial|select|choose|hit|push)\s+(?:the\s+|number\s+|key\s+)*"
    r"(zero|oh|one|two|three|four|five|six|seven|eight|nine|star|asterisk|pound|hash|to|too|for|[0-9*#])(?=\s|$|[.,;:])"
)


@dataclass(frozen=True, slots=True)
class MenuOption:
    """One line of a menu: the key and the words that belong to it."""

    key: str
    label: str


def read_menu(text: str) -> tuple[MenuOption, ...]:
    """The options of a spoken menu, in the order heard. Both "for sales press one" and "press one for sales"."""
    text = " ".join(text.lower().split())
    hits = list(_PRESS.finditer(text))
    if not hits:
        return ()
    label_first = bool(re.search(r"\b(for|to)\b", text[: hits[0].start()])) or not re.match(
        r"[,;:.]?\s*(for|to|if)\b", text[hits[0].end() :]
    )
    options = []
    for index, hit in enumerate(hits):
        if label_first:
            label = text[hits[index - 1].end() if index else 0 : hit.start()]
            label = re.split(r"\b(?:for|to reach|to speak (?:to|with))\b", label)[-1] if "for" in label else label
        else:
            label = text[hit.end() : hits[index + 1].start() if index + 1 < len(hits) else len(text)]
        options.append(MenuOption(KEY_OF_WORD.get(hit.group(1), hit.group(1)), label.strip(" ,.;:")))
    return tuple(options)


def choose_key(options: tuple[MenuOption, ...], wishes: tuple[str, ...], tried: Sequence[str] = ()) -> str:
    """The key for the first wish that a label answers.

    Where none does (a label may be badly heard): the operator's line, 0, and then every line in the order heard, but
    nothing that was `tried` in this call, since it led back to a menu.
    """
    for wish in wishes:
        if key := _key_for(wish, options):
            return key
    guesses = (_key_for(OPERATOR_WORDS, options), OPERATOR_KEY, *(option.key for option in options))
    return next((key for key in guesses if key and key not in tried), OPERATOR_KEY)


def _key_for(wish: str, options: tuple[MenuOption, ...]) -> str | None:
    scored = [(max(overlap(wish, option.label), overlap(option.label, wish)), option) for option in options]
    best = max(scored, key=lambda pair: pair[0], default=None)
    if best and content_stems(best[1].label) and best[0] >= ENOUGH_OVERLAP:
        return best[1].key
    return None
