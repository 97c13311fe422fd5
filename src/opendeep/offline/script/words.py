"""Comparing phrases by their content words.

Owns the stop words, a crude stem and the overlap measure that menus, choices and "may say" facts are matched with.
"""

from __future__ import annotations

import re
from typing import Final


def vocabulary(text: str) -> tuple[str, ...]:
    """The words of a written list, in order."""
    return tuple(text.split())


STOP_WORDS: Final = frozenset(
    vocabulary(
        "a an and the of to for in on at by with from is are was were be been am do does did will would can could "
        "shall should may might must have has had i you he she it we they me him her us them my your his its our "
        "their this that these those there here what when where why how which who whom if or but so not no yes please "
        "about as into than then just also any some get got go going want need let s t re ll ve d m now well okay ok "
        "um uh"
    )
)
MIN_STEM_CHARS: Final = 3


def plain_apostrophes(text: str) -> str:
    """Typed text with the apostrophe that our rules know."""
    return text.replace("\u2019", "'")


def stem(word: str) -> str:
    """A crude stem: enough to let "takes", "taking" and "take" meet."""
    for ending in ("ations", "ation", "ings", "ing", "ies", "ments", "ment", "ers", "ed", "es", "er", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= MIN_STEM_CHARS:
            return word[: -len(ending)]
    return word


def content_stems(text: str) -> frozenset[str]:
    """The stems of the words that carry meaning."""
    words = re.findall(r"[a-z0-9']+", plain_apostrophes(text.lower()))
    return frozenset(stem(word.removesuffix("'s")) for word in words if word not in STOP_WORDS)


def overlap(wanted: str, offered: str) -> float:
    """Share (0..1) of the content words of `wanted` that occur in `offered`."""
    stems = content_stems(wanted)
    return len(stems & content_stems(offered)) / len(stems) if stems else 0.0
