"""Whether a claim of the report holds: its sources exist, and what it quotes or points to stands in them. Pure.

A claim that does not hold is removed whole. The model may have been told anything by anybody's words; what it writes
is believed only as far as the rows go.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from opendeep.campaign_summarizer_service.report_schema import Claim

MIN_QUOTED_WORDS: Final = 3  # shorter ones are names and titles
MIN_PHONE_DIGITS: Final = 7

_QUOTE: Final = re.compile(r"[“„\"«]([^“”„\"«»]+)[”“\"»]")
_LINK: Final = re.compile(
    r"\b(?:https?://|www\.)\S+|\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\b(?:[\w-]+\.)+(?:com|net|org|info|biz|io|co|app|xyz|ru|cn|de|uk)\b",
    re.IGNORECASE,
)
_DATE: Final = re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?")
_PHONE: Final = re.compile(r"\+?\d[\d\s()./-]{5,}\d")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What may be cited under one reference. `turns`: all numbers of the call; `words`: of those that are known.

    `facts` are other texts of the call's task that a claim may repeat: contact, summary, results.
    """

    call_id: UUID
    turns: frozenset[int]
    words: Mapping[int, str]
    facts: str


@dataclass(frozen=True, slots=True)
class Proved:
    """`kept` is ready to be stored, `faults` says why each of the others went."""

    kept: list[dict[str, Any]]
    faults: list[str]


def proved_claims(claims: Sequence[Claim], evidence: Mapping[str, Evidence]) -> Proved:
    """The claims that hold, with real call ids in place of the short references."""
    kept, faults = [], []
    for claim in claims:
        fault = claim_fault(claim, evidence)
        if fault is None:
            kept.append(_stored(claim, evidence))
        else:
            faults.append(fault)
    return Proved(kept, faults)


def claim_fault(claim: Claim, evidence: Mapping[str, Evidence]) -> str | None:
    """Why the claim does not hold; None when it does."""
    if not claim.text:
        return "says nothing"
    if not claim.sources:
        return "names no source"
    for source in claim.sources:
        cited = evidence.get(source.call)
        if cited is None:
            return "names a call that does not exist"
        if not set(source.turns) <= cited.turns:
            return "names a turn that does not exist"
        if cited.turns and not source.turns:
            return "names no turn of a call in which somebody spoke"
    return _foreign_words(claim, evidence)


def _foreign_words(claim: Claim, evidence: Mapping[str, Evidence]) -> str | None:
    """Quotes, links and telephone numbers that the cited turns and their tasks do not have."""
    said = " ".join(
        words
        for source in claim.sources
        for number in source.turns
        if (words := evidence[source.call].words.get(number))
    )
    facts = " ".join(evidence[source.call].facts for source in claim.sources)
    known = f"{said} {facts}"
    for quote in _QUOTE.findall(claim.text):
        wanted = _plain(quote)
        if len(wanted.split()) >= MIN_QUOTED_WORDS and f" {wanted} " not in f" {_plain(known)} ":
            return "quotes words that are not in its sources"
    if any(link.lower() not in known.lower() for link in _LINK.findall(claim.text)):
        return "points to an address that is not in its sources"
    known_digits = _digits(known)
    numbers = [_digits(found) for found in _PHONE.findall(_DATE.sub(" ", claim.text))]
    if any(len(digits) >= MIN_PHONE_DIGITS and digits not in known_digits for digits in numbers):
        return "names a number that is not in its sources"
    return None


def _stored(claim: Claim, evidence: Mapping[str, Evidence]) -> dict[str, Any]:
    """`calls` and `turns` are the sources in short; turns count within one call, so there are none for several."""
    turns: dict[str, set[int]] = {}
    for source in claim.sources:
        turns.setdefault(str(evidence[source.call].call_id), set()).update(source.turns)
    sources = [{"call_id": call_id, "turns": sorted(numbers)} for call_id, numbers in turns.items()]
    only = sources[0]["turns"] if len(sources) == 1 else []
    return {"text": claim.text, "sources": sources, "calls": list(turns), "turns": only}


def _plain(text: str) -> str:
    """Lower case, without punctuation and double spaces: how quotes are compared."""
    return " ".join(re.findall(r"\w+", text.lower().replace("\u2019", "'").replace("'", "")))


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)
