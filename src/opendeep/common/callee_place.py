"""Where the callee is, as far as clocks and holidays go: by the contact, the address, or the number. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from opendeep.common.addresses import place_of_address
from opendeep.common.data_models import Task
from opendeep.common.errors import InvalidPhoneNumber
from opendeep.common.phone import PhoneNumber, parse_number

# Zones further apart tell nothing about the hour: a North American toll-free number has those from Guam to St. John's,
# which share half an hour of an ordinary day.
TELLING_SPREAD: Final = timedelta(hours=6)
_ANY_DAY: Final = datetime(2026, 1, 15, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CalleePlace:
    """`zones` are all that may hold, empty when none is known. No country: no holidays are kept."""

    zones: tuple[ZoneInfo, ...]
    country: str | None = None
    state: str | None = None


def callee_place(number: PhoneNumber, timezone: str | None, address: str | None, home_zone: str) -> CalleePlace:
    """The contact's own zone counts first, then the address, then the number.

    Internal extensions are in `home_zone` and keep no holidays. Raises `ZoneInfoNotFoundError` for a zone name that
    does not exist (plans are checked for that).
    """
    if number.kind == "extension":
        return CalleePlace((ZoneInfo(timezone or home_zone),))
    place = place_of_address(address, number.country) if address else None
    names = (timezone,) if timezone else place.zones if place else _telling(number.time_zones)
    country = place.country if place else number.country
    known = country if country and country.isalpha() else None  # "001" is the region of no country
    return CalleePlace(tuple(ZoneInfo(name) for name in names), known, place.state if place else None)


@lru_cache(maxsize=1024)
def _telling(names: tuple[str, ...]) -> tuple[str, ...]:
    """The zones of a number if they are near enough to each other, else none."""
    offsets = [ZoneInfo(name).utcoffset(_ANY_DAY.astimezone(ZoneInfo(name))) or timedelta() for name in names]
    return names if not offsets or max(offsets) - min(offsets) <= TELLING_SPREAD else ()


@dataclass(frozen=True, slots=True)
class ZoneRules:
    """How a task's time zones are found: by the contact, the address or the number; ours where none is known."""

    region: str
    extensions: Collection[str]
    default: str

    def place(self, task: Task) -> CalleePlace:
        """Where the callee is, as the gate before dialling sees it."""
        try:
            number = parse_number(task.phone_number, self.region, self.extensions)
        except InvalidPhoneNumber:
            return CalleePlace(())
        return callee_place(number, task.timezone, task.address, self.default)

    def of(self, task: Task) -> ZoneInfo:
        """The zone in which the callee's words are meant."""
        zones = self.place(task).zones
        return zones[0] if zones else ZoneInfo(self.default)
