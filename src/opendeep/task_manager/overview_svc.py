"""`OverviewService`: the user's day for the home page. Reads only; what a day is depends on the user's time zone."""

from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from opendeep.common.clock import Clock
from opendeep.common.data_models import User
from opendeep.database.db_manager import DatabaseManager


class OverviewService:
    """One for all tenants. `default_timezone`: of users who have not said theirs."""

    def __init__(self, db: DatabaseManager, clock: Clock, default_timezone: str) -> None:
        self._db = db
        self._clock = clock
        self._default_timezone = default_timezone

    async def overview(self, user: User) -> dict[str, Any]:
        """Live calls, and what came of the calls that began today; `spent_usd` is the voice AI's part, as measured."""
        zone = ZoneInfo(str(user.profile.get("time_zone") or self._default_timezone))
        midnight = datetime.combine(self._clock.now().astimezone(zone).date(), time(), zone)
        async with self._db.read() as work:
            live = await work.overview.live(user.id)
            day = await work.overview.since(user.id, midnight)
        return {
            "live": live,
            "today": {
                "date": midnight.date().isoformat(),
                "time_zone": zone.key,
                "calls": day.calls,
                "answered": day.answered,
                "spent_usd": round(day.spent_usd, 4),
                "outcomes": dict(day.outcomes),
            },
        }
