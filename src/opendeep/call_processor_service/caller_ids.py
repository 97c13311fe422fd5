"""Which number of a trunk's pool a callee sees. Pure.

Least recently used, so that no number of the pool is worn out; with local presence first among those nearest to the
callee: same area code, then same country, then any.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from opendeep.common.phone_area import area_of
from opendeep.common.trunk_values import CallerIdUse

NEVER: Final = datetime.min.replace(tzinfo=UTC)
SAME_AREA, SAME_COUNTRY, ELSEWHERE = 0, 1, 2


class CallerIdPool:
    """The E.164 numbers of one trunk, in the operator's order, which decides between equals."""

    def __init__(self, numbers: tuple[str, ...], *, local_presence: bool = False) -> None:
        self._numbers = numbers
        self._areas = {number: area_of(number) for number in numbers} if local_presence else {}

    def choose(self, callee: str, uses: Mapping[str, CallerIdUse]) -> str | None:
        """The number to show, None when there is none. A number that is not in `uses` was never used."""
        if len(self._numbers) < 2:
            return self._numbers[0] if self._numbers else None
        distances = self._distances(callee)
        return min(self._numbers, key=lambda number: (distances.get(number, 0), *_turn(uses.get(number))))

    def _distances(self, callee: str) -> dict[str, int]:
        if not self._areas:
            return {}
        country, area = area_of(callee)
        distances = {}
        for number, (its_country, its_area) in self._areas.items():
            if country is None or its_country != country:
                distances[number] = ELSEWHERE
            else:
                distances[number] = SAME_AREA if area is not None and its_area == area else SAME_COUNTRY
        return distances


def _turn(use: CallerIdUse | None) -> tuple[datetime, int]:
    if use is None or use.last_used_at is None:
        return NEVER, 0
    return use.last_used_at, use.uses
