"""A contact of a user and what is remembered about it. Frozen values and their bounds; no behaviour, no I/O.

Whether a contact may be called is no part of it: that is asked of the do-not-call list each time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

MAX_FACT_CHARS: Final = 300
MAX_QUOTE_CHARS: Final = 300
MAX_NOTES_CHARS: Final = 2_000
MAX_FACTS_PER_CONTACT: Final = 60  # beyond them the oldest that calls taught make room
FACT_BY_USER: Final = "user"
FACT_BY_CALL: Final = "call"


@dataclass(frozen=True, slots=True)
class Contact:
    """One number of one user. `phone_number` is E.164 or one of our own extensions."""

    id: UUID
    user_id: UUID
    name: str
    kind: str  # "person" or "business"
    phone_number: str
    timezone: str | None
    language: str | None
    notes: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class NewFact:
    """What a call taught, with the callee's words that prove it, or what the user wrote (without a call)."""

    text: str
    key: str | None = None
    call_id: UUID | None = None
    turns: tuple[int, ...] = ()
    quote: str = ""


@dataclass(frozen=True, slots=True)
class ContactFact:
    """`source` is `user` or `call`; a fact of a call cites its turns and quotes them."""

    id: UUID
    text: str
    key: str | None
    source: str
    call_id: UUID | None
    turns: Sequence[int]
    quote: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AttemptTime:
    """When a number was rung, and whether somebody answered."""

    at: datetime
    answered: bool
