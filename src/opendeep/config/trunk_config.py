"""Trunks as the operator configures them: `TRUNKS_FILE` in YAML, or the one trunk of the simple settings.

Owns what a trunk may be and says of every mistake where it is and what to do. What a trunk is doing right now (pace,
breaker, pause) is in the rows, how a number finds its trunk in `call_processor_service`.
"""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Self

import phonenumbers
import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from opendeep.common.errors import ConfigurationError
from opendeep.config.app_config import AppConfig

DEFAULT_NAME: Final = "trunk"
PLACES: Final = ("{number}", "{digits}", "{national}")
MAX_TRUNKS: Final = 100
MAX_CALLER_IDS: Final = 10_000
BURST_S: Final = 0.1  # of the rate at once unless the operator says more: carriers count within a second
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")
_E164: Final = re.compile(r"\+[1-9][0-9]{5,14}")
_TEMPLATE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*/[A-Za-z0-9_+.:@/*#{}-]{1,200}")
_CALLER_NAME: Final = re.compile(r"[^,;|&$(){}\[\]<>\"'`\\\x00-\x1f\x7f-\x9f\u2028\u2029]{1,60}")
_PJSIP_PEER: Final = re.compile(r"PJSIP/[^@/]+@([A-Za-z0-9_.-]+)")


@dataclass(frozen=True, slots=True)
class Trunk:
    """One line to the outside. Empty `countries` and `tenants` mean all; numbers are E.164, rates per second.

    `channel_template` has exactly one of `{number}` (+12025550123), `{digits}` (12025550123) and `{national}`
    (2025550123, 030123456: as within its one country).
    """

    name: str
    channel_template: str
    max_calls: int
    calls_per_second: float
    burst: int
    countries: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()
    caller_ids: tuple[str, ...] = ()
    caller_name: str | None = None
    local_presence: bool = False

    @property
    def endpoint(self) -> str | None:
        """The PJSIP endpoint that the template dials, None where a dialplan decides."""
        found = _PJSIP_PEER.fullmatch(self.channel_template)
        return found[1] if found else None

    def shown_as(self, number: str | None) -> str | None:
        """The caller ID as the switch takes it: `Name <number>`, a number, or None for the trunk's own."""
        if not number:
            return None
        return f"{self.caller_name} <{number}>" if self.caller_name else number


def default_burst(calls_per_second: float) -> int:
    """Calls that may start at once: a tenth of a second's worth, at least one."""
    return max(1, math.ceil(calls_per_second * BURST_S))


def load_trunks(config: AppConfig) -> tuple[Trunk, ...]:
    """The trunks in the operator's order, which is the order of choice. Raises `ConfigurationError`."""
    if config.trunks_file is None:
        return (_simple_trunk(config),)
    if config.caller_id:
        raise ConfigurationError("CALLER_ID: leave it empty; with TRUNKS_FILE the caller IDs stand in that file.")
    path = config.trunks_file
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)  # noqa: S506  # a SafeLoader
    except OSError as error:
        raise ConfigurationError(f"TRUNKS_FILE: {path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"TRUNKS_FILE: {path} is not YAML: {' '.join(str(error).split())}") from error
    return _read(path, document)


def callable_countries(config: AppConfig, trunks: Collection[Trunk]) -> tuple[str, ...]:
    """`ALLOWED_COUNTRIES` that some trunk serves; in test mode all of them, since another number is dialled."""
    if config.app_test_mode or not all(trunk.countries for trunk in trunks):
        return config.allowed_countries
    served = {country for trunk in trunks for country in trunk.countries}
    return tuple(country for country in config.allowed_countries if country in served)


def lines_at_most(config: AppConfig, trunks: Collection[Trunk]) -> int:
    """Calls that one tenant may have at once on this node, as far as the settings tell."""
    bounds = [config.concurrent_calls, config.max_calls_per_tenant, sum(trunk.max_calls for trunk in trunks)]
    return min(bound for bound in bounds if bound is not None)


def _simple_trunk(config: AppConfig) -> Trunk:
    name, number = _split_caller_id(config.caller_id)
    return Trunk(
        DEFAULT_NAME,
        config.asterisk_channel_template,
        config.trunk_max_calls,
        config.trunk_calls_per_second,
        default_burst(config.trunk_calls_per_second),
        caller_ids=(number,) if number else (),
        caller_name=name,
    )


def _split_caller_id(text: str | None) -> tuple[str | None, str | None]:
    """Name and number of `Name <number>` or of a number; `AppConfig` has checked it."""
    name, _, number = (text or "").rpartition("<")
    return name.strip().strip('"').strip() or None, number.rstrip(">").strip() or None


# -- the file


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands twice, which YAML would let win silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.YAMLError(f"“{twice}” stands twice{node.start_mark}")
        return super().construct_mapping(node, deep)


def _caller_number(text: str) -> str:
    if _E164.fullmatch(text) is None:
        raise ValueError(f"“{text}” is not an E.164 number; write it in quotes as '+12025550123'")
    return text


def _country(text: str) -> str:
    if text not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"“{text}” is not a country; write two capital letters, in quotes, for example 'US'")
    return text


def _caller_name(text: str) -> str:
    if _CALLER_NAME.fullmatch(text) is None:
        raise ValueError("use up to 60 plain letters, digits and spaces")
    return text.strip()


def _template(text: str) -> str:
    if sum(text.count(place) for place in PLACES) != 1:
        raise ValueError(f"“{text}” must contain exactly one of {', '.join(PLACES)}, as in PJSIP/{{number}}@carrier")
    if _TEMPLATE.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no channel; write it without spaces or commas, as in PJSIP/{{number}}@carrier")
    return text


class _TrunkEntry(BaseModel):
    """One trunk as it is written in the file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    channel: Annotated[str, AfterValidator(_template)]
    max_calls: Annotated[int, Field(ge=1, le=10_000)]
    calls_per_second: Annotated[float, Field(gt=0, le=1_000)]
    burst: Annotated[int, Field(ge=1, le=1_000)] | None = None
    countries: list[Annotated[str, AfterValidator(_country)]] = []
    tenants: list[Annotated[str, Field(min_length=1, max_length=80)]] = []
    caller_ids: Annotated[list[Annotated[str, AfterValidator(_caller_number)]], Field(max_length=MAX_CALLER_IDS)] = []
    caller_name: Annotated[str, AfterValidator(_caller_name)] | None = None
    local_presence: bool = False

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if "{national}" in self.channel and len(self.countries) != 1:
            raise ValueError("{national} in channel needs exactly one country in countries")
        if self.local_presence and len(self.caller_ids) < 2:
            raise ValueError("local_presence chooses between caller_ids; give at least two")
        for name in ("countries", "tenants"):
            if name in self.model_fields_set and not getattr(self, name):
                raise ValueError(f"{name} is empty; leave the key out if the trunk is for all, else name at least one")
        if self.caller_name and not self.caller_ids:
            raise ValueError("caller_name is shown together with a number; give at least one in caller_ids")
        if len(set(self.caller_ids)) != len(self.caller_ids):
            raise ValueError("caller_ids names a number twice")
        return self


def _read(path: Path, document: object) -> tuple[Trunk, ...]:
    where = f"TRUNKS_FILE: {path}"
    entries = document.get("trunks") if isinstance(document, Mapping) else None
    if not isinstance(document, Mapping) or set(document) != {"trunks"} or not isinstance(entries, Mapping):
        raise ConfigurationError(f"{where}: write one key “trunks:” and below it one key per trunk.")
    if not 1 <= len(entries) <= MAX_TRUNKS:
        raise ConfigurationError(f"{where}: give 1 to {MAX_TRUNKS} trunks, there are {len(entries)}.")
    mistakes: list[str] = []
    trunks = [_trunk(where, name, entry, mistakes) for name, entry in entries.items()]
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))
    return tuple(trunk for trunk in trunks if trunk is not None)


def _trunk(where: str, name: object, entry: object, mistakes: list[str]) -> Trunk | None:
    """One entry as a trunk; None with a line per mistake added to `mistakes`."""
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        mistakes.append(f"{where}: “{name}” is no name for a trunk; use up to 60 letters, digits, “_”, “.” and “-”.")
        return None
    try:
        read = _TrunkEntry.model_validate(entry)
    except ValidationError as error:
        mistakes += [f"{where}, trunk “{name}”, {_mistake(mistake)}" for mistake in error.errors()]
        return None
    return Trunk(
        name,
        read.channel,
        read.max_calls,
        read.calls_per_second,
        read.burst or default_burst(read.calls_per_second),
        frozenset(read.countries),
        frozenset(read.tenants),
        tuple(read.caller_ids),
        read.caller_name,
        read.local_presence,
    )


_WANTED: Final = {  # by the kind of pydantic's mistake, where its own words would not tell an operator what to do
    "missing": "is missing.",
    "string_type": "must be text; put it in quotes (YAML takes NO for “false” and 0123 for a number).",
    "int_type": "must be a whole number, without quotes.",
    "int_from_float": "must be a whole number.",
    "float_type": "must be a number, without quotes.",
    "bool_type": "must be true or false.",
    "list_type": 'must be a list in square brackets, even of one: ["…"].',
    "model_type": "write its keys below it, further in: channel, max_calls, calls_per_second.",
}


def _mistake(mistake: Mapping[str, Any]) -> str:
    field = ".".join(str(part + 1 if isinstance(part, int) else part) for part in mistake["loc"]) or "as a whole"
    if mistake["type"] == "extra_forbidden":
        return f"{field}: there is no such key; known are {', '.join(_TrunkEntry.model_fields)}."
    if (wanted := _WANTED.get(mistake["type"])) is not None:
        return f"{field}: {wanted}"
    return f"{field}: {str(mistake['msg']).removeprefix('Value error, ')}."
