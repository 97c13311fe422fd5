"""What a benchmark says: one figure a line, with what it needs to be understood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson


@dataclass(frozen=True, slots=True)
class Figure:
    """`conditions`: everything that changes the value (calls, seconds, cores, payload)."""

    name: str
    value: float
    unit: str
    conditions: dict[str, object]

    def line(self) -> str:
        fields = {"name": self.name, "value": self.value, "unit": self.unit, "conditions": self.conditions}
        return orjson.dumps(fields).decode()


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
