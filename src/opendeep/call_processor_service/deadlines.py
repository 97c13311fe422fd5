"""Named deadlines of one owner. Time is an argument: pure."""

import math


class Deadlines:
    """Each name has at most one deadline, in seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._due_at: dict[str, float] = {}

    def arm(self, name: str, now: float, seconds: float) -> None:
        """Set or move a deadline."""
        self._due_at[name] = now + seconds

    def arm_once(self, name: str, now: float, seconds: float) -> None:
        """Set a deadline unless it is set."""
        self._due_at.setdefault(name, now + seconds)

    def disarm(self, *names: str) -> None:
        for name in names:
            self._due_at.pop(name, None)

    def take_due(self, now: float) -> list[str]:
        """Remove and return what is due, earliest first."""
        due = sorted((at, name) for name, at in self._due_at.items() if at <= now)
        for _, name in due:
            del self._due_at[name]
        return [name for _, name in due]

    def seconds_left(self, now: float) -> float | None:
        """Seconds to the earliest deadline, 0 when it has passed, None when there is none."""
        earliest = min(self._due_at.values(), default=math.inf)
        return None if earliest == math.inf else max(0.0, earliest - now)
