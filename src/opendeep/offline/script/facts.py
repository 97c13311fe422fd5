"""Answering a callee's question from what the brief allows us to say.

Owns the match between a question as heard and the brief's `may_say` facts, and the tidy form of a question that goes
to the user.
"""

from __future__ import annotations

import re
from typing import Final

from opendeep.offline.script.brief import CallBrief
from opendeep.offline.script.words import content_stems, overlap

ENOUGH_OVERLAP: Final = 0.5
KIND_BONUS: Final = 0.35  # "how long …" and a fact that names minutes belong together
SAME_QUESTION: Final = 0.75

_KINDS: Final = (
    (re.compile(r"\bhow long\b|\bhow much time\b"), re.compile(r"\b(minutes?|hours?|half an hour|takes?|days?)\b")),
    (
        re.compile(r"\bhow much\b(?! time)|\bcosts?\b|\bprice\b|\bcharge\b|\bpay\b"),
        re.compile(r"\b(costs?|free|price|euros?|dollars?|pounds?|charge|pay|paid)\b"),
    ),
    (re.compile(r"\bwhere\b|\baddress\b"), re.compile(r"\b(street|road|avenue|square|address|floor|building)\b")),
    (re.compile(r"\bwho\b"), re.compile(r"\b(technician|engineer|doctor|colleague|company|team|mr|mrs|ms)\b")),
)
_LEAD_IN = re.compile(r"^((and|but|so|well|ok|okay|um|uh|wait|sorry|right|first|yes|yeah|hello|hi)\s+)+")


def allowed_facts(brief: CallBrief) -> tuple[str, ...]:
    """The facts of the brief without those that hold something it forbids."""
    forbidden = tuple(text.lower().rstrip(".") for text in brief.must_not_say if text)
    return tuple(fact for fact in brief.may_say if not any(text in fact.lower() for text in forbidden))


def best_fact(question: str, facts: tuple[str, ...]) -> str:
    """The fact that answers the question, or "" when none does well enough."""
    scored = [(_score(question.lower(), fact), fact) for fact in facts]
    best = max(scored, default=(0.0, ""))
    return best[1] if best[0] >= ENOUGH_OVERLAP else ""


def _score(question: str, fact: str) -> float:
    same_kind = any(asks.search(question) and tells.search(fact.lower()) for asks, tells in _KINDS)
    return overlap(question, fact) + (KIND_BONUS if same_kind else 0.0)


def same_question(one: str, other: str) -> bool:
    """True when two questions use nearly the same content words."""
    first, second = content_stems(one), content_stems(other)
    return bool(first | second) and len(first & second) / len(first | second) >= SAME_QUESTION


def tidy_question(text: str) -> str:
    """A question as heard, made readable: no lead-in, a capital, a question mark."""
    plain = _LEAD_IN.sub("", " ".join(text.split())) or text
    return f"{plain[:1].upper()}{plain[1:].rstrip('?. ')}?"
