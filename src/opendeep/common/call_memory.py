"""What a call is told of what is remembered: chosen for its task, bounded in characters, private things left out. Pure.

Three sources: the user's standing facts, what is known of the contact, and what the user keeps private. `must_not_say`
of the task and of the profile wins over all of them. The choice depends on nothing but the brief and the time, so that
the call's timeline can name what was given.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from opendeep.common.caller_profile import CallerProfile
from opendeep.common.campaign_plan import TaskBrief
from opendeep.common.contact_values import FACT_BY_USER, ContactFact
from opendeep.common.data_models import CallBrief

MAX_STANDING_CHARS: Final = 4_000
MAX_CONTACT_CHARS: Final = 1_500
FACT_IS_RECENT: Final = timedelta(days=400)  # what a call taught; what the user wrote does not age

# Words that say nothing about what is private: “do not mention the budget” is about the budget.
_EMPTY_WORDS: Final = (
    "a an the my our your his her their me us that this it is are was be of to for in on at about and or not no do "
    "does dont never ever please say tell mention reveal give out anyone anybody them him i we you any"
)
_PLACE_WORDS: Final = (
    "address adresse dirección direccion indirizzo adres visit visits deliver delivery deliveries pick pickup collect "
    "install installation inspection repair repairs technician come coming where location directions ship shipping "
    "lieferung besuch reparatur livraison visite entrega visita consegna levering bezoek"
)
_EMPTY: Final = frozenset(_EMPTY_WORDS.split())
_ABOUT_A_PLACE: Final = frozenset(_PLACE_WORDS.split())


@dataclass(frozen=True, slots=True)
class GivenMemory:
    """`standing`: of the profile; `contact`: facts by their age, newest first; `address` only where the task is about
    a place; `left_out`: how many facts were private, too old or did not fit."""

    standing: tuple[str, ...]
    contact: tuple[ContactFact, ...]
    must_not_say: tuple[str, ...]
    address: str
    left_out: int

    @property
    def empty(self) -> bool:
        return not (self.standing or self.contact or self.address or self.left_out)


def memory_for(brief: CallBrief, task: TaskBrief, now: datetime) -> GivenMemory:
    """What this call gets. `now` is aware."""
    principal = CallerProfile.read(brief.user.profile)
    private = tuple(dict.fromkeys(text for text in (*task.must_not_say, *principal.must_not_say) if text.strip()))
    about = task_words(brief, task)
    open_facts = [fact for fact in principal.may_say if not is_private(fact, private)]
    ranked = sorted(open_facts, key=lambda fact: -len(_words(fact) & about))  # stable: the user's order among equals
    standing = _fitting(ranked, MAX_STANDING_CHARS)
    usable = [
        fact
        for fact in sorted(brief.contact_facts, key=lambda fact: fact.created_at, reverse=True)
        if not is_private(fact.text, private)
        and (fact.source == FACT_BY_USER or now - fact.created_at <= FACT_IS_RECENT)
    ]
    kept = _fitting([fact.text for fact in usable], MAX_CONTACT_CHARS)
    contact = tuple(fact for fact in usable if fact.text in kept)
    places = bool(about & _ABOUT_A_PLACE) and not is_private(principal.address, private)
    known = len(principal.may_say) + len(brief.contact_facts)
    return GivenMemory(
        standing=tuple(fact for fact in principal.may_say if fact in standing),
        contact=contact,
        must_not_say=private,
        address=principal.address if places else "",
        left_out=known - len(standing) - len(contact),
    )


def given_facts(brief: CallBrief, given: GivenMemory) -> dict[str, Any]:
    """What was given, for the call's timeline: facts of the contact by their ids, so that a deleted one is gone from
    there too; standing facts by their places (from 1) in the profile's version."""
    profile = CallerProfile.read(brief.user.profile)
    return {
        "contact_facts": [str(fact.id) for fact in given.contact],
        "standing_facts": [place for place, fact in enumerate(profile.may_say, 1) if fact in given.standing],
        "profile_version": brief.profile_version,
        "address": bool(given.address),
        "left_out": given.left_out,
    }


def is_private(text: str, private: Collection[str]) -> bool:
    """Whether the text says what must not be said: it contains those words, or all of their telling ones."""
    plain, words = text.casefold(), _words(text)
    for secret in private:
        bare = secret.casefold().strip().rstrip(".!")
        telling = _words(secret) - _EMPTY
        if (bare and bare in plain) or (telling and telling <= words):
            return True
    return False


def task_words(brief: CallBrief, task: TaskBrief) -> frozenset[str]:
    """The words that tell what the task is about."""
    asked = (question.ask for question in task.questions)
    texts = (brief.task.objective, task.objective, task.opening, *asked, *task.may_say)
    return frozenset(_words(" ".join(texts)) - _EMPTY)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold().replace("'", "").replace("\u2019", "")))


def _fitting(texts: Sequence[str], most: int) -> set[str]:
    """The first of them, as many as fit into so many characters; one that does not fit lets a shorter one in."""
    kept: set[str] = set()
    for text in texts:
        if len(text) <= most:
            kept.add(text)
            most -= len(text)
    return kept
