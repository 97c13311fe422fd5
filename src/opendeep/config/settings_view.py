"""The installation's settings as a page may show them: with their environment names, read-only, secrets masked. Pure.

Only what is listed here is shown. Of a secret one learns whether it is set and its last four characters; of an address
nothing that stands in front of its host.
"""

from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from opendeep.config.app_config import AppConfig

SHOWN_CHARS: Final = 4
MIN_MASKED_CHARS: Final = 12  # of a shorter secret nothing is shown

_GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "Keys": ("openai_api_key", "google_api_key", "asterisk_ami_secret", "secret_key"),
    "Who may be called": (
        "allowed_countries",
        "allowed_number_types",
        "global_dnd_threshold",
        "max_calls_per_number_per_day",
    ),
    "Money": ("price_per_minute", "max_spend_per_day", "max_hold_spend"),
    "Calls": (
        "app_test_mode",
        "app_test_mode_redirect_number",
        "max_concurrent_calls",
        "max_calls_per_tenant",
        "record_calls",
        "feedback_timeout_s",
        "max_feedback_per_call",
        "max_hold_minutes",
        "caller_id",
    ),
    "Place": ("default_timezone", "default_region"),
    "Voice and mind": ("openai_base_url", "openai_realtime_model", "openai_realtime_voice", "openai_text_model"),
    "Parts": ("database_url", "redis_url", "asterisk_ami_host"),
}
_UNSET_MEANS: Final = {
    "openai_api_key": "the offline voice and minds",
    "google_api_key": "the sample directory",
    "database_url": "SQLite in the data folder",
    "redis_url": "inside this process",
    "asterisk_ami_host": "the simulated switch",
    "openai_base_url": "OpenAI",
    "max_spend_per_day": "no bound",
    "max_hold_spend": "no bound",
    "max_calls_per_tenant": "no bound of its own",
    "secret_key": "made once and kept in the data folder",
}


def settings_view(config: AppConfig) -> list[dict[str, Any]]:
    """Groups of `{name, entries: [{env, value, secret, set}]}`."""
    return [{"name": group, "entries": [_entry(config, name) for name in names]} for group, names in _GROUPS.items()]


def _entry(config: AppConfig, name: str) -> dict[str, Any]:
    value = getattr(config, name)
    is_set = value not in (None, "")
    return {
        "env": name.upper(),
        "value": _text(name, value) if is_set else f"not set: {_UNSET_MEANS.get(name, 'none')}",
        "secret": isinstance(value, SecretStr) or name.endswith(("_key", "_secret")),
        "set": is_set,
    }


def _text(name: str, value: Any) -> str:
    if isinstance(value, SecretStr):
        return _masked(value.get_secret_value())
    if name.endswith("_url"):
        return _address(str(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(str(part) for part in value) or "none"
    return str(value)


def _masked(secret: str) -> str:
    if len(secret) < MIN_MASKED_CHARS:
        return "set"
    return f"set, ends with {secret[-SHOWN_CHARS:]}"


def _address(url: str) -> str:
    """Scheme and host: no user, password, path or parameters."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}"
