"""What a check found, what it weighs, and how findings become a score. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

RIGHT: Final = 0.999


@dataclass(frozen=True, slots=True)
class Finding:
    """One judged point. `share` is 1 when it is right, 0 when it is wrong, between when a part of it is.

    `why` is the evidence in words. `attempt` and `at_ms` (since the answer) say where it is in the recording.
    """

    check: str
    share: float
    weight: int
    why: str
    attempt: int | None = None
    at_ms: int | None = None

    @property
    def right(self) -> bool:
        return self.share >= RIGHT


def judged(
    check: str, right: bool, weight: int, why: str, attempt: int | None = None, at_ms: int | None = None
) -> Finding:
    """A point that is right or wrong."""
    return Finding(check, 1.0 if right else 0.0, weight, why, attempt, at_ms)


def score_of(findings: Iterable[Finding]) -> float:
    """The weighted share in percent; 0 without findings."""
    found = list(findings)
    whole = sum(finding.weight for finding in found)
    return 100 * sum(finding.weight * finding.share for finding in found) / whole if whole else 0.0


def mean(scores: Sequence[float]) -> float:
    """0 for none."""
    return sum(scores) / len(scores) if scores else 0.0
