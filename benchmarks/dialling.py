"""The dialling side, part by part: each module named here measures one thing and has a `run()` that yields figures.

A part is not a group of its own: `python -m benchmarks dialling` runs all of them, in this order.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import ami, claims, held_calls, originate
from benchmarks.figures import Figure

PARTS = (ami, claims, originate, held_calls)


def run() -> Iterator[Figure]:
    """The figures of every part."""
    for part in PARTS:
        yield from part.run()
