"""What a rehearsal is asked to do, checked before anything starts, and the settings that the product gets for it."""

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from opendeep.common.campaign_plan import CampaignPlan
from opendeep.common.errors import ConfigurationError
from opendeep.config.app_config import AppConfig

CALLS_PER_CORE: Final = 2  # with both voices and both recognisers on this machine
MOST_PER_CORE: Final = 4  # more would stutter; the others wait
DEFAULT_THRESHOLD: Final = 80.0
MAX_REPEAT: Final = 100


class WorldName(StrEnum):
    """Where the callees live."""

    SIMULATED = "simulated"
    ASTERISK = "asterisk"


class ProviderName(StrEnum):
    """Whose voice and mind the calls have."""

    OFFLINE = "offline"
    OPENAI = "openai"


@dataclass(frozen=True, slots=True)
class Options:
    """One rehearsal. `out` is the folder of the report; `threshold` in percent; `seed` mixes who is called when.

    `handful`: only a few callees that tell most.
    """

    out: Path
    plan: CampaignPlan | None = None
    callees: Path | None = None
    only: tuple[str, ...] = ()
    handful: bool = False
    world: WorldName = WorldName.SIMULATED
    provider: ProviderName = ProviderName.OFFLINE
    repeat: int = 1
    parallel: int | None = None
    threshold: float = DEFAULT_THRESHOLD
    seed: int | None = None

    @property
    def at_once(self) -> int:
        """How many calls go on at the same time: what was asked for, as far as this machine carries it."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return min(self.parallel or CALLS_PER_CORE * cores, MOST_PER_CORE * cores)


def product_settings(options: Options, config: AppConfig) -> dict[str, str]:
    """Settings of the product by their environment names, apart from the world's. `config`: the user's own.

    Everything that could lead elsewhere is closed: no database, trunks or colleagues of the user's. Raises
    ConfigurationError when the provider is not set up.
    """
    settings = {
        "MAX_CONCURRENT_CALLS": str(options.at_once),
        "MAX_CALLS_PER_NUMBER_PER_DAY": "0",
        "GLOBAL_DND_THRESHOLD": "1000000",
        "INTERNAL_EXTENSIONS": "",
        "TRUNK_CALLS_PER_SECOND": "10",
        "TRANSFER_TARGETS": "",
        "TRUNKS_FILE": "",
        "DATABASE_URL": "",
        "REDIS_URL": "",
        "APP_TEST_MODE": "False",
    }
    return settings | (_openai(config) if options.provider is ProviderName.OPENAI else {})


def _openai(config: AppConfig) -> dict[str, str]:
    """The user's own provider: key, addresses, models."""
    if config.offline_ai:
        raise ConfigurationError(
            "--provider openai needs OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own: set one of them."
        )
    key = config.openai_api_key.get_secret_value() if config.openai_api_key else ""
    named = {
        name.upper(): str(getattr(config, name) or "")
        for name in (
            "openai_base_url",
            "openai_realtime_url",
            "openai_realtime_model",
            "openai_realtime_voice",
            "openai_realtime_audio",
            "openai_transcription_model",
            "openai_text_model",
            "provider_timeout_ms",
        )
    }
    return {"OPENAI_API_KEY": key} | named
