"""What the rows say about a trunk: its pace, its breaker, an operator's pause. Frozen values between stores and stages.

Which trunks there are and what they may carry is the operator's configuration (`config.trunk_config`), not a row.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class BreakerState(StrEnum):
    CLOSED = "CLOSED"  # calls go through
    OPEN = "OPEN"  # no calls until `until`
    HALF_OPEN = "HALF_OPEN"  # one call is out to try; the next may follow at `until`


@dataclass(frozen=True, slots=True)
class Breaker:
    """A trunk's circuit breaker. `recent`: one character per judged call, oldest first, `x` for a fault of the line.

    `openings` counts those since a call last went through; each makes the next wait longer.
    """

    state: BreakerState = BreakerState.CLOSED
    recent: str = ""
    openings: int = 0
    reason: str | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Bucket:
    """Tokens of calls per second as they were at a time; None: full, because nothing was taken yet."""

    tokens: float | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TrunkState:
    """One row of `trunks`. `paused`: the operator's reason, None while calls may go out."""

    name: str
    bucket: Bucket = field(default_factory=Bucket)
    breaker: Breaker = field(default_factory=Breaker)
    paused: str | None = None


@dataclass(frozen=True, slots=True)
class CallerIdUse:
    """One row of `caller_ids`: how often a number of the pool was shown, and when last."""

    trunk: str
    number: str
    uses: int = 0
    last_used_at: datetime | None = None
