"""What the real Asterisk said in each scenario, kept in ``tests/captures/scenarios``.

Machines without an Asterisk hold the simulated switch to these; machines with one check that they are still true.
They are written by ``python -m tests.support.scenarios record``.
"""

from __future__ import annotations

from pathlib import Path

from tests.support.scenarios.transcript import difference
from tests.support.scenarios.worlds import Outcome

RECORDINGS = Path(__file__).resolve().parents[2] / "captures" / "scenarios"
HINT = "record it with: python -m tests.support.scenarios record"


def file_of(name: str) -> Path:
    """Where a scenario's recording is."""
    return RECORDINGS / f"{name}.json"


def names() -> list[str]:
    """All recordings there are."""
    return sorted(file.stem for file in RECORDINGS.glob("*.json"))


def difference_from(name: str, outcome: Outcome) -> str:
    """How a run differs from what the real Asterisk said; empty when it does not. Raises what the run raised."""
    if isinstance(outcome, Exception):
        raise outcome
    file = file_of(name)
    if not file.exists():
        return f"the real Asterisk was never recorded in {name}; {HINT}"
    return difference(file.read_text(encoding="utf-8"), outcome, between=("recorded from Asterisk", "said now"))
