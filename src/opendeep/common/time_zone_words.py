"""A time zone in a person's words: `Europe/Berlin`, “Berlin”, “CET”, “UTC+2”, “they are in Lisbon”. Pure.

Abbreviations that mean several zones (CST, IST) are not understood on purpose; the user is asked again.
"""

import importlib.resources
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from zoneinfo import available_timezones

from opendeep.common.addresses import zones_of_name

MAX_WORDS: Final = 40
LONGEST_NAME: Final = 4  # words
_SPOKEN: Final = {  # what people say: the zone with its summer time, not the fixed offset
    "America/New_York": "est|edt|et|eastern|eastern time|us eastern|east coast",
    "America/Chicago": "cdt|central time|us central",
    "America/Denver": "mst|mdt|mountain|mountain time|us mountain",
    "America/Los_Angeles": "pst|pdt|pt|pacific|pacific time|us pacific|west coast|san francisco|seattle",
    "America/Anchorage": "akst|akdt|alaska time",
    "Pacific/Honolulu": "hst|hawaii time",
    "Europe/London": "bst|british time|uk time",
    "Europe/Berlin": "cet|cest|mez|mesz|central european|central european time|munich|hamburg|frankfurt|cologne",
    "Europe/Helsinki": "eet|eest|eastern european time",
    "Europe/Lisbon": "wet|west|western european time",
    "Europe/Zurich": "geneva|basel",
    "Asia/Tokyo": "jst",
    "Asia/Kolkata": "india time|mumbai|delhi|new delhi",
    "Australia/Sydney": "aest|aedt|canberra",
    "Australia/Perth": "awst",
    "Pacific/Auckland": "nzst|nzdt|wellington",
    "Etc/UTC": "utc|gmt|zulu",
}
_OFFSET: Final = re.compile(r"(?:utc|gmt) ?([+\u2212-]) ?(\d{1,2})(?::?00)?", re.IGNORECASE)
_MAX_OFFSET_H: Final = {"+": 14, "-": 12}


def zone_from_words(words: str) -> str | None:
    """The IANA name that is meant; None when none or more than one is."""
    text = " ".join(words.split())
    if exact := _exact_names().get(text.casefold().replace(" ", "_")):
        return _names().get(text.casefold(), exact)  # EST and CET are names too, of zones without summer time
    if offset := _OFFSET.search(text):
        return _by_offset(offset[1].replace("\u2212", "-"), int(offset[2]))
    plain = re.findall(r"[^\W_]+(?:['.][^\W_]+)*", text.casefold().replace("_", " "))[:MAX_WORDS]
    found = _known(" ".join(plain))
    return found or _only_one_in(plain)


def _by_offset(sign: str, hours: int) -> str | None:
    """POSIX counts westwards: UTC+2 is Etc/GMT-2."""
    if hours > _MAX_OFFSET_H[sign]:
        return None
    return "Etc/UTC" if hours == 0 else f"Etc/GMT{'-' if sign == '+' else '+'}{hours}"


def _known(name: str) -> str | None:
    if zone := _names().get(name):
        return zone
    zones = zones_of_name(name)
    return zones[0] if len(zones) == 1 else None


def _only_one_in(words: list[str]) -> str | None:
    """The one zone that the words name, the longest names first."""
    found, at = set[str](), 0
    while at < len(words):
        for length in range(min(LONGEST_NAME, len(words) - at), 0, -1):
            if zone := _known(" ".join(words[at : at + length])):
                found.add(zone)
                at += length - 1
                break
        at += 1
    return found.pop() if len(found) == 1 else None


@lru_cache(maxsize=1)
def _exact_names() -> Mapping[str, str]:
    return {name.casefold(): name for name in available_timezones()}


@lru_cache(maxsize=1)
def _names() -> Mapping[str, str]:
    """Names in lower case → zone: cities of the zone table that are unique, and what people say."""
    cities: dict[str, set[str]] = {}
    table = (importlib.resources.files("tzdata.zoneinfo") / "zone.tab").read_text("utf-8")
    for line in table.splitlines():
        if not line.startswith("#"):
            zone = line.split("\t")[2]
            cities.setdefault(zone.rsplit("/", 1)[1].replace("_", " ").casefold(), set()).add(zone)
    names = {city: zones.pop() for city, zones in cities.items() if len(zones) == 1 and city not in {"center"}}
    return names | {name: zone for zone, spoken in _SPOKEN.items() for name in spoken.split("|")}
