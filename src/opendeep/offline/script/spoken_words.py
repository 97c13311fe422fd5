"""The English words for numbers, days and months, and a text as a list of such words.

Owns the vocabulary and the reading of one cardinal or ordinal at a place. What they mean together is in
`spoken_values`.
"""

from __future__ import annotations

import re
from typing import Final

from opendeep.offline.script.words import plain_apostrophes, vocabulary

_SMALL = vocabulary(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = vocabulary("twenty thirty forty fifty sixty seventy eighty ninety")
_ORDINALS = vocabulary(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth"
)
_MONTHS = vocabulary("january february march april may june july august september october november december")
_WEEKDAYS = vocabulary("monday tuesday wednesday thursday friday saturday sunday")

UNITS: Final = {word: value for value, word in enumerate(_SMALL)} | {"oh": 0, "a": 1, "an": 1}
TENS: Final = {word: 10 * value for value, word in enumerate(_TENS, 2)}
SCALES: Final = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
ORDINAL_UNITS: Final = {word: value for value, word in enumerate(_ORDINALS, 1)} | {"thirtieth": 30}
MONTHS: Final = {word: value for value, word in enumerate(_MONTHS, 1)}
WEEKDAYS: Final = {word: value for value, word in enumerate(_WEEKDAYS)}
MONTH_NAMES: Final = tuple(word.capitalize() for word in MONTHS)
WEEKDAY_NAMES: Final = tuple(word.capitalize() for word in WEEKDAYS)
ORDINAL_WORDS: Final = {value: word for word, value in ORDINAL_UNITS.items()}


def words_of(text: str) -> list[str]:
    """Lower-case words; "o'clock", "p.m." and "10:30" in one normal form each."""
    text = plain_apostrophes(text.lower())
    text = re.sub(r"\bo'? ?clock\b", "oclock", text)
    text = re.sub(r"\b([ap])\.? ?m\b\.?", r"\1m", text)
    text = re.sub(r"(\d)(am|pm)\b", r"\1 \2", text)
    text = re.sub(r"(\d)[.](\d\d)\b", r"\1:\2", text)
    return re.findall(r"\d+(?::\d\d)?(?:st|nd|rd|th)?|[a-z][a-z']*", text.replace("-", " "))


def ordinal_at(words: list[str], at: int) -> tuple[int, int] | None:
    """Day of the month starting at word `at`, and how many words it took."""
    word = words[at]
    figures = re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)", word)
    if figures:
        return int(figures.group(1)), 1
    if word in TENS and at + 1 < len(words) and words[at + 1] in ORDINAL_UNITS and ORDINAL_UNITS[words[at + 1]] < 10:
        return TENS[word] + ORDINAL_UNITS[words[at + 1]], 2
    return (ORDINAL_UNITS[word], 1) if word in ORDINAL_UNITS else None


def cardinal_at(words: list[str], at: int) -> int | None:
    word = words[at] if at < len(words) else ""
    if word.isdigit():
        return int(word)
    if word in TENS:
        following = UNITS.get(words[at + 1], 10) if at + 1 < len(words) else 10
        return TENS[word] + (following if 0 < following < 10 else 0)
    return UNITS.get(word) if word not in ("a", "an", "oh") else None
