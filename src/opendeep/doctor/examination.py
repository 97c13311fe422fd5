"""All checks, side by side, each with its deadline."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from opendeep.common.errors import OpenDeepError
from opendeep.config.app_config import AppConfig
from opendeep.doctor import general
from opendeep.doctor.asterisk import check_asterisk
from opendeep.doctor.asterisk_files import AsteriskFiles
from opendeep.doctor.findings import Finding, fail

CHECK_DEADLINE_S: Final = 15.0
ASTERISK_DEADLINE_S: Final = 60.0  # some seconds for each trunk that does not answer

_GENERAL: Final[dict[str, Callable[[AppConfig], Awaitable[Finding]]]] = {
    "database": general.check_database,
    "redis": general.check_redis,
    "voice and text AI": general.check_openai,
    "voice AI session": general.check_voice,
    "business lookup": general.check_google,
    "disk": general.check_disk,
    "host name": general.check_host_name,
    "time zone": general.check_time_zone,
}


async def examine(config: AppConfig, asterisk_config: Path | None = None) -> list[Finding]:
    """Everything. `asterisk_config` is the folder of Asterisk's files, for the lines to mend."""

    async def asterisk() -> list[Finding]:
        return await check_asterisk(config, AsteriskFiles(asterisk_config))

    async def single(check: Callable[[AppConfig], Awaitable[Finding]]) -> list[Finding]:
        return [await check(config)]

    groups = await asyncio.gather(
        *(_bounded(part, single(check), CHECK_DEADLINE_S) for part, check in _GENERAL.items()),
        _bounded("asterisk", asterisk(), ASTERISK_DEADLINE_S),
    )
    return [finding for group in groups for finding in group]


async def _bounded(part: str, check: Awaitable[list[Finding]], deadline_s: float) -> list[Finding]:
    try:
        async with asyncio.timeout(deadline_s):
            return await check
    except TimeoutError:
        return [fail(part, f"No answer within {deadline_s:.0f} s.", "Check the address and the firewall.")]
    except OpenDeepError as error:
        return [fail(part, str(error), "See the message; the settings are explained in .env.example.")]
