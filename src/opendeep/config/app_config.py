"""All settings. The only module that reads the environment and `.env`; everything else receives an `AppConfig`.

An unset address selects the embedded default (SQLite, in-process doorbell, simulated switch, offline AI). Wrong values
stop the start with one line per mistake. `.env.example` documents every setting; a test keeps the two equal.
"""

import os
import re
import socket
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from opendeep.common.errors import ConfigurationError
from opendeep.common.phone import NUMBER_TYPES, is_emergency
from opendeep.common.voice_prices import parse_prices

_PLAIN_NAME = r"[^,;|&$(){}\[\]<>\"'`\\\x00-\x1f\x7f-\x9f\u2028\u2029]{1,60}"
_TARGET_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_ -]{0,39}")
_TARGET_NUMBER = re.compile(r"[0-9]{2,6}|\+[1-9][0-9]{5,14}")  # an extension, or E.164
_CALLER_ID = re.compile(rf'\+?[0-9]{{1,19}}|("{_PLAIN_NAME}"|{_PLAIN_NAME})\s*<\+?[0-9]{{1,19}}>')


class Role(StrEnum):
    """What this process does; the default is everything."""

    WEB = "web"
    SCHEDULER = "scheduler"
    VOICE = "voice"
    ANALYSIS = "analysis"
    LIFECYCLE = "lifecycle"


_OF_THE_MACHINE = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH", "XDG_CACHE_HOME")


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _blank_is_unset(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: “Europe” is a directory
        raise ValueError(f"“{name}” is not a time zone; write for example Europe/Berlin") from error
    return name


def _caller_id(text: str | None) -> str | None:
    if text is not None and _CALLER_ID.fullmatch(text.strip()) is None:
        raise ValueError(f"{text!r} is no caller ID; write +12025550123, or with a name: My Firm <+12025550123>")
    return text.strip() if text is not None else None


def _known_types(names: tuple[str, ...]) -> tuple[str, ...]:
    if unknown := [name for name in names if name not in NUMBER_TYPES]:
        raise ValueError(f"“{unknown[0]}” cannot be allowed; choose from {', '.join(NUMBER_TYPES)}")
    return names


def _transfer_target(text: str) -> str:
    name, _, number = (part.strip() for part in text.partition("="))
    if _TARGET_NAME.fullmatch(name) is None or _TARGET_NUMBER.fullmatch(number) is None:
        raise ValueError(f"{text!r} is nobody to put callees through to; write for example reception=7001")
    return f"{name}={number}"


def _readable_prices(entries: tuple[str, ...]) -> tuple[str, ...]:
    parse_prices(entries)
    return entries


def _known_targets(targets: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_transfer_target(target) for target in targets)


CommaList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Roles = Annotated[tuple[Role, ...], NoDecode, BeforeValidator(_split)]
OptionalText = Annotated[str | None, BeforeValidator(_blank_is_unset)]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_blank_is_unset)]
OptionalCount = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(_blank_is_unset)]
OptionalPath = Annotated[Path | None, BeforeValidator(_blank_is_unset)]
CallerId = Annotated[str | None, BeforeValidator(_blank_is_unset), AfterValidator(_caller_id)]
Port = Annotated[int, Field(ge=0, le=65535)]
ZoneName = Annotated[str, AfterValidator(_zone)]
ModelPrices = Annotated[CommaList, AfterValidator(_readable_prices)]
TransferTargets = Annotated[CommaList, AfterValidator(_known_targets)]
NumberTypes = Annotated[CommaList, AfterValidator(_known_types)]


class AppConfig(BaseSettings):
    """Settings by their environment names (upper case). Durations are in the unit that the name ends with."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    # -- the owner's settings
    app_test_mode: bool = False
    app_test_mode_redirect_number: str = "7000"
    max_concurrent_calls: Annotated[int, Field(ge=1, le=1000)] = 10
    max_calls_per_tenant: OptionalCount = None
    google_api_key: OptionalSecret = None
    openai_api_key: OptionalSecret = None

    # -- this process
    opendeep_roles: Roles = tuple(Role)
    node_id: str = Field(default_factory=socket.gethostname, max_length=100)
    data_dir: Path = Path("var")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = "console"
    drain_seconds: Annotated[float, Field(ge=0, le=3600)] = 60.0

    # -- web
    web_host: str = "127.0.0.1"
    web_port: Port = 8080
    web_allowed_hosts: CommaList = ()
    secret_key: OptionalSecret = None
    default_user_name: Annotated[str, Field(min_length=1, max_length=80)] = "Guest"
    default_timezone: ZoneName = "America/New_York"
    default_region: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "US"

    # -- database and doorbell
    database_url: OptionalText = None
    redis_url: OptionalText = None

    # -- telephony
    asterisk_ami_host: OptionalText = None
    asterisk_ami_port: Port = 5038
    asterisk_ami_username: str = "opendeep"
    asterisk_ami_secret: OptionalSecret = None
    asterisk_channel_template: str = "PJSIP/{number}@trunk"
    asterisk_extension_template: str = "PJSIP/{number}"
    internal_extensions: CommaList = ("7000",)
    caller_id: CallerId = None
    trunk_max_calls: Annotated[int, Field(ge=1, le=10_000)] = 1_000
    trunk_calls_per_second: Annotated[float, Field(gt=0, le=1_000)] = 10.0
    trunks_file: OptionalPath = None
    originate_timeout_ms: Annotated[int, Field(ge=1_000, le=180_000)] = 45_000
    audiosocket_host: str = "127.0.0.1"
    audiosocket_port: Port = 9092
    audiosocket_public_host: OptionalText = None
    transfer_targets: TransferTargets = ()

    # -- who may be called
    allowed_countries: CommaList = ("US", "CA", "GB", "IE", "DE", "AT", "CH", "FR", "NL", "BE", "AU", "NZ")
    allowed_number_types: NumberTypes = tuple(kind for kind in NUMBER_TYPES if kind != "personal")
    global_dnd_threshold: Annotated[int, Field(ge=1)] = 3
    max_calls_per_number_per_day: Annotated[int, Field(ge=0, le=1000)] = 4
    price_per_minute: Annotated[float, Field(ge=0, le=1000)] = 0.0
    max_spend_per_day: Annotated[Annotated[float, Field(ge=0)] | None, BeforeValidator(_blank_is_unset)] = None

    # -- AI
    openai_base_url: OptionalText = None
    openai_realtime_url: OptionalText = None
    openai_realtime_model: str = "gpt-realtime-2.1"
    openai_realtime_voice: str = "marin"
    openai_realtime_audio: Literal["pcmu", "pcma", "pcm24k"] = "pcmu"
    openai_transcription_model: str = "gpt-transcribe"
    openai_text_model: str = "gpt-6.1-terra"
    scripted_base_url: OptionalText = None
    google_base_url: OptionalText = None
    google_places_base_url: OptionalText = None
    gemini_model: str = "gemini-3.8-flash"
    model_prices: ModelPrices = ()
    provider_timeout_ms: Annotated[int, Field(ge=1_000, le=300_000)] = 30_000

    # -- the offline voice
    offline_voice: str = ""
    offline_recogniser: Literal["auto", "pocketsphinx", "faster-whisper", "vosk"] = "auto"
    offline_recogniser_model: str = ""
    offline_synthesiser: Literal["auto", "flite", "espeak", "piper", "kokoro"] = "auto"
    offline_synthesiser_model: str = ""
    offline_llm_url: OptionalText = None
    offline_llm_model: str = ""
    offline_llm_api_key: OptionalSecret = None
    offline_api_key: OptionalSecret = None

    # -- callees of the simulated switch
    callees_dir: OptionalPath = None
    rehearsal_llm_url: OptionalText = None
    rehearsal_llm_model: str = ""
    rehearsal_llm_api_key: OptionalSecret = None

    # -- the live call
    feedback_timeout_s: Annotated[float, Field(ge=1, le=600)] = 45.0
    max_feedback_per_call: Annotated[int, Field(ge=0, le=20)] = 5
    max_hold_minutes: Annotated[float, Field(ge=0.1, le=240)] = 15.0
    max_hold_spend: Annotated[Annotated[float, Field(ge=0)] | None, BeforeValidator(_blank_is_unset)] = None
    record_calls: bool = True

    # -- clocks of the workers (they also wake by the doorbell)
    scheduler_poll_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    analysis_poll_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    lifecycle_poll_s: Annotated[float, Field(gt=0, le=3600)] = 30.0
    lifecycle_model_minutes: Annotated[float, Field(ge=0, le=1440)] = 5.0
    lease_s: Annotated[float, Field(ge=5, le=600)] = 30.0

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.asterisk_ami_host and self.asterisk_ami_secret is None:
            raise ValueError("ASTERISK_AMI_SECRET must be set when ASTERISK_AMI_HOST is")
        for name in ("asterisk_channel_template", "asterisk_extension_template"):
            if "{number}" not in getattr(self, name):
                raise ValueError(f"{name.upper()} must contain {{number}}, for example PJSIP/{{number}}@trunk")
        if self.database_url and not self.database_url.startswith(("postgresql+asyncpg://", "sqlite+aiosqlite://")):
            raise ValueError("DATABASE_URL must start with postgresql+asyncpg:// or sqlite+aiosqlite://")
        if self.redis_url and not self.redis_url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("REDIS_URL must start with redis://, rediss:// or unix://")
        if self.max_spend_per_day is not None and not self.price_per_minute:
            raise ValueError("MAX_SPEND_PER_DAY needs PRICE_PER_MINUTE, or it cannot be kept")
        if self.max_hold_spend is not None and not self.price_per_minute:
            raise ValueError("MAX_HOLD_SPEND needs PRICE_PER_MINUTE, or it cannot be kept")
        for extension in (
            *self.internal_extensions,
            self.app_test_mode_redirect_number,
            *(target.partition("=")[2] for target in self.transfer_targets),
        ):
            if any(is_emergency(extension, region) for region in (self.default_region, *self.allowed_countries)):
                raise ValueError(f"{extension} is an emergency number; it can be no extension, test number or target")
        if self.rehearsal_llm_url and not self.rehearsal_llm_model:
            raise ValueError("REHEARSAL_LLM_URL needs REHEARSAL_LLM_MODEL, the name of a model of that server")
        if self.offline_llm_url and not self.offline_llm_model:
            raise ValueError("OFFLINE_LLM_URL needs OFFLINE_LLM_MODEL, the name of a model of that server")
        if len(self.opendeep_roles) == 0:
            raise ValueError("OPENDEEP_ROLES must name at least one of: " + ", ".join(Role))
        if Role.SCHEDULER in self.opendeep_roles and Role.VOICE not in self.opendeep_roles:
            raise ValueError("OPENDEEP_ROLES: scheduler fills the lines of its own process; add voice")
        return self

    @property
    def simulated_telephony(self) -> bool:
        """No Asterisk is configured: the switch of `simulation/` stands in."""
        return self.asterisk_ami_host is None

    @property
    def offline_ai(self) -> bool:
        """Neither a key nor a server of one's own: `offline/` stands in for the voice and text models."""
        return self.openai_api_key is None and self.openai_base_url is None

    @property
    def offline_engines(self) -> dict[str, str]:
        """The speech engines of the offline voice, by the names that its server takes."""
        return {
            "recogniser": self.offline_recogniser,
            "recogniser_model": self.offline_recogniser_model,
            "synthesiser": self.offline_synthesiser,
            "synthesiser_model": self.offline_synthesiser_model,
        }

    @property
    def sample_directory(self) -> bool:
        """No Google key: business lookup and search answer from the sample directory in `offline/`."""
        return self.google_api_key is None

    @property
    def effective_database_url(self) -> str:
        return self.database_url or f"sqlite+aiosqlite:///{(self.data_dir / 'opendeep.db').absolute()}"

    @property
    def concurrent_calls(self) -> int:
        """`MAX_CONCURRENT_CALLS`, forced to 1 in test mode."""
        return 1 if self.app_test_mode else self.max_concurrent_calls

    @property
    def transfer_places(self) -> dict[str, str]:
        """Whom callees may be put through to, by name: nobody on the simulated switch, only extensions in test mode."""
        pairs = [(name, number) for name, _, number in (target.partition("=") for target in self.transfer_targets)]
        if self.simulated_telephony:
            return {}
        return {name: number for name, number in pairs if not (self.app_test_mode and number.startswith("+"))}

    @property
    def needs_trunks(self) -> bool:
        """False where test mode sends every call to an extension of our own switch: no trunk is missed then."""
        number = self.app_test_mode_redirect_number
        return not self.app_test_mode or (number.startswith("+") and number not in self.internal_extensions)


def load_config(**overrides: object) -> AppConfig:
    """Read the settings. Raises `ConfigurationError` with one line per mistake."""
    try:
        return AppConfig(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        lines = []
        for mistake in error.errors():
            name = ".".join(str(part) for part in mistake["loc"]).upper()
            lines.append(f"{name}: {mistake['msg']}" if name else str(mistake["msg"]).removeprefix("Value error, "))
        raise ConfigurationError("\n".join(lines)) from None


def embedded_environment(**overrides: str) -> dict[str, str]:
    """The environment for a child process on embedded defaults, whatever this process and `.env` are set to.

    `overrides` are settings by their environment names.
    """
    environment = dict(os.environ)
    for name, field in AppConfig.model_fields.items():
        default = field.get_default(call_default_factory=True)
        text = ",".join(default) if isinstance(default, tuple) else "" if default is None else str(default)
        environment[name.upper()] = text
    return environment | overrides


def environment_without_settings() -> dict[str, str]:
    """For a child that needs no settings and reads what came from outside: no keys, no addresses."""
    return {name: os.environ[name] for name in _OF_THE_MACHINE if name in os.environ}
