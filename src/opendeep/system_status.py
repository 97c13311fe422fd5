"""`SystemStatus`: what is alive, what is simulated, which lines are in use. For /readyz and the pages."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from opendeep.common.errors import OpenDeepError
from opendeep.common.redis_client import Doorbell
from opendeep.config.app_config import AppConfig
from opendeep.database.db_manager import DatabaseManager

PROBE_DEADLINE_S = 3.0

Probe = Callable[[], Awaitable[str | None]]
Lines = Callable[[], dict[str, Any]]


class SystemStatus:
    """`probes` answer None when their part is well, else a sentence. `lines`: the node's lines and counters."""

    def __init__(
        self,
        config: AppConfig,
        db: DatabaseManager,
        bell: Doorbell,
        probes: dict[str, Probe],
        lines: Lines | None,
    ) -> None:
        self._config = config
        self._db = db
        self._bell = bell
        self._probes = {"database": self._database, "doorbell": self._doorbell, **probes}
        self._lines = lines

    async def ready(self) -> dict[str, dict[str, Any]]:
        """Each dependency with `ok` and a sentence."""
        answers = await asyncio.gather(*(self._ask(probe) for probe in self._probes.values()))
        return {name: {"ok": a is None, "detail": a or "ok"} for name, a in zip(self._probes, answers, strict=True)}

    def modes(self) -> dict[str, Any]:
        """Which parts are stand-ins, for the banner of the page."""
        return {
            "telephony": "simulated" if self._config.simulated_telephony else "asterisk",
            "ai": "offline" if self._config.offline_ai else "provider",
            "directory": "sample" if self._config.sample_directory else "google",
            "test_mode": self._config.app_test_mode,
            "test_mode_number": self._config.app_test_mode_redirect_number if self._config.app_test_mode else None,
        }

    def lines(self) -> dict[str, Any]:
        """Lines in use and why dialling is paused; empty on a node without lines."""
        return self._lines() if self._lines else {}

    async def _ask(self, probe: Probe) -> str | None:
        try:
            async with asyncio.timeout(PROBE_DEADLINE_S):
                return await probe()
        except TimeoutError:
            return f"no answer within {PROBE_DEADLINE_S:.0f} s"
        except OpenDeepError as error:
            return str(error)

    async def _database(self) -> str | None:
        await self._db.ping()
        return None

    async def _doorbell(self) -> str | None:
        return None if await self._bell.healthy() else "Redis does not answer; other nodes look on their timers"
