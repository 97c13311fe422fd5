"""What a call has taught about its contact, kept only with the callee's words that prove it. Pure.

A model proposes; here is decided. The callee's words are data: what is kept is a short remark that is made of them,
never an order, never a long number (cards, accounts), and nothing of a stranger or of somebody who wants no more calls.
"""

import re
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from opendeep.common.contact_values import MAX_FACT_CHARS, MAX_QUOTE_CHARS, NewFact
from opendeep.common.data_models import Disposition, TranscriptTurn
from opendeep.common.plain_text import plain
from opendeep.post_call_analyzer_service.analysis_schema import FieldFinding, LearnedFact
from opendeep.post_call_analyzer_service.citations import citation_fault, plain_words

MAX_LEARNED: Final = 8  # of one call
GROUNDED: Final = 0.5  # share of a remark's telling words that its quote must have
STEM_CHARS: Final = 4  # “mornings” is proved by “morning”
NOBODY_OF_OURS: Final = frozenset({Disposition.WRONG_NUMBER, Disposition.OPTED_OUT})
KEYS: Final = frozenset({"best_time", "ask_for", "opening_hours", "closed_on", "language", "note"})

_LONG_NUMBER: Final = re.compile(r"(?:\d[ .-]?){12,}")
_EMPTY_WORDS: Final = (
    "the and for are was were with that this they them their there here who has have had not but you your our his her "
    "she him its from into about than then when what callee contact person says said prefers prefer speak call"
)
_EMPTY: Final = frozenset(_EMPTY_WORDS.split())


def check_learned(
    learned: Sequence[LearnedFact], turns: Sequence[TranscriptTurn], disposition: Disposition, call_id: UUID
) -> tuple[list[NewFact], list[str]]:
    """What is kept, and why each of the others is not."""
    if disposition in NOBODY_OF_OURS:
        return [], []
    spoken = {turn.turn: turn for turn in turns}
    kept: list[NewFact] = []
    dropped: list[str] = []
    for fact in learned:
        text = " ".join(plain(fact.text).split())
        proof = FieldFinding(key="learned", value=text, turns=fact.turns, quote=fact.quote)
        if fault := _fault(text, fact.quote) or citation_fault(proof, spoken):
            dropped.append(f"learned “{text[:60]}”: {fault}")
        elif len(kept) < MAX_LEARNED and text not in {known.text for known in kept}:
            key = fact.key if fact.key in KEYS else None
            kept.append(NewFact(text, key, call_id, tuple(fact.turns), plain(fact.quote)[:MAX_QUOTE_CHARS]))
    return kept, dropped


def _fault(text: str, quote: str) -> str | None:
    if not text:
        return "says nothing"
    if len(text) > MAX_FACT_CHARS:
        return f"is longer than {MAX_FACT_CHARS} characters"
    if _LONG_NUMBER.search(text) or _LONG_NUMBER.search(quote):
        return "holds a long number"
    told, proved = _stems(text), _stems(quote)
    if not told or len(told & proved) < GROUNDED * len(told):
        return "says something else than its quote"
    return None


def _stems(text: str) -> set[str]:
    words = plain_words(text).split()
    return {word[:STEM_CHARS] for word in words if word not in _EMPTY and (len(word) > 2 or word.isdigit())}
