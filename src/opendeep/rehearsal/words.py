"""Reading what was said: the same words in other spellings, questions, purposes, names. Pure; English.

Owns comparing texts by their content words. What a text must or must not contain is the checks' business.
"""

import re
from collections.abc import Iterable
from typing import Final

_FILLERS = """
a an and any are as at be been but by can could did do does for from had has have he her him his i if in is it its just
let may me my no not of on or our ours please she should so some that the their them then there these they this to too
us was we were what when which who will with would yes you your am
"""
FILLERS: Final = frozenset(_FILLERS.split())
_COUNT = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen twenty
"""
_NUMBERS: Final = tuple(_COUNT.split())
_SAME: Final = {"o'clock": "", "oclock": "", "a.m.": "am", "p.m.": "pm", "ok": "okay", "mr.": "mr", "mrs.": "mrs"}
_SENTENCE: Final = re.compile(r"[^.!?]+[.!?]*")


def plain(text: str) -> str:
    """Small letters, no punctuation, small numbers as words, one blank between words."""
    lowered = text.lower().replace("\u2019", "'")
    for written, same in _SAME.items():
        lowered = lowered.replace(written, same)
    lowered = re.sub(r"\b(\d{1,2}):00\b", r"\1", lowered)
    lowered = re.sub(r"\b(\d{1,2})\b", lambda m: _NUMBERS[int(m[1])] if int(m[1]) < len(_NUMBERS) else m[1], lowered)
    return " ".join(re.findall(r"[\w']+", lowered))


def content(text: str) -> list[str]:
    """The words that carry meaning, in order."""
    return [word for word in plain(text).split() if word not in FILLERS]


def likeness(wanted: str, text: str) -> float:
    """The share (0 to 1) of the content words of `wanted` that are in `text`; 0 when it has none."""
    words, there = content(wanted), set(content(text))
    return sum(word in there for word in words) / len(words) if words else 0.0


def contains(text: str, phrase: str) -> bool:
    """Whether the words of the phrase stand in the text, one after the other."""
    return bool(phrase.strip()) and f" {plain(phrase)} " in f" {plain(text)} "


def sentences(text: str) -> list[str]:
    """The sentences of a text, with their closing marks."""
    return [part.strip() for part in _SENTENCE.findall(text) if part.strip()]


def names_any(text: str, names: Iterable[str]) -> str:
    """The first of the phrases that the text contains, empty for none."""
    return next((name for name in names if contains(text, name)), "")


def common_run(text: str, other: str, least: int) -> str:
    """The first `least` words in a row that both texts have, empty for none."""
    words, there = plain(text).split(), f" {plain(other)} "
    runs = (" ".join(words[start : start + least]) for start in range(len(words) - least + 1))
    return next((run for run in runs if f" {run} " in there), "")
