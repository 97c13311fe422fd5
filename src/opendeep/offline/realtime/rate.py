"""How many responses a client may ask for: the bound against a client that runs away.

Owns the count of one session. Time is an argument.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any, Final

RESPONSES_PER_MINUTE: Final = 600
WINDOW_S: Final = 60.0


class RateLimit:
    """Bounded by itself: it remembers at most `limit` moments."""

    def __init__(self, limit: int = RESPONSES_PER_MINUTE) -> None:
        self._limit = limit
        self._taken: deque[float] = deque()

    def take(self, now_s: float) -> bool:
        """Count one request; False when there were too many in the last minute."""
        self._forget(now_s)
        if len(self._taken) >= self._limit:
            return False
        self._taken.append(now_s)
        return True

    def as_field(self, now_s: float) -> list[dict[str, Any]]:
        """What `rate_limits.updated` tells."""
        self._forget(now_s)
        reset_s = self._taken[0] + WINDOW_S - now_s if self._taken else 0.0
        remaining = self._limit - len(self._taken)
        return [{"name": "requests", "limit": self._limit, "remaining": remaining, "reset_seconds": round(reset_s, 3)}]

    def wait_s(self, now_s: float) -> int:
        """Whole seconds until the next request is allowed."""
        return math.ceil(self._taken[0] + WINDOW_S - now_s) if len(self._taken) >= self._limit else 0

    def _forget(self, now_s: float) -> None:
        while self._taken and self._taken[0] <= now_s - WINDOW_S:
            self._taken.popleft()
