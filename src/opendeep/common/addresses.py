"""What a postal address says about the callee's time zone and public holidays. Pure; tables and patterns.

Only what cannot be mistaken counts: a state with its postal code, a Canadian or British postcode, a country of one
time zone. A state spread over several zones gives all of them, as far as more than one in a hundred people live there.
"""

import re
from dataclasses import dataclass
from typing import Final

_EASTERN, _CENTRAL, _MOUNTAIN, _PACIFIC = (
    ("America/New_York",),
    ("America/Chicago",),
    ("America/Denver",),
    ("America/Los_Angeles",),
)
_STATES_US: Final = {
    **dict.fromkeys(
        ["CT", "DE", "DC", "GA", "ME", "MD", "MA", "NH", "NJ", "NY", "NC", "OH", "PA", "RI", "SC", "VT", "VA", "WV"],
        _EASTERN,
    ),
    **dict.fromkeys(["AL", "AR", "IL", "IA", "KS", "LA", "MN", "MS", "MO", "OK", "WI"], _CENTRAL),
    **dict.fromkeys(["CO", "MT", "NM", "UT", "WY"], _MOUNTAIN),
    **dict.fromkeys(["CA", "NV", "OR", "WA"], _PACIFIC),
    **dict.fromkeys(["FL", "KY", "TN"], (*_EASTERN, *_CENTRAL)),
    **dict.fromkeys(["NE", "ND", "SD", "TX"], (*_CENTRAL, *_MOUNTAIN)),
    "AK": ("America/Anchorage",),
    "AZ": ("America/Phoenix", "America/Denver"),  # the Navajo Nation moves its clocks
    "HI": ("Pacific/Honolulu",),
    "ID": ("America/Boise", "America/Los_Angeles"),
    "IN": ("America/Indiana/Indianapolis", "America/Chicago"),
    "MI": ("America/Detroit",),
    "PR": ("America/Puerto_Rico",),
}
_ONE_WORD_US: Final = """
    alabama:AL alaska:AK arizona:AZ arkansas:AR california:CA colorado:CO connecticut:CT delaware:DE florida:FL
    georgia:GA hawaii:HI idaho:ID illinois:IL indiana:IN iowa:IA kansas:KS kentucky:KY louisiana:LA maine:ME maryland:MD
    massachusetts:MA michigan:MI minnesota:MN mississippi:MS missouri:MO montana:MT nebraska:NE nevada:NV ohio:OH
    oklahoma:OK oregon:OR pennsylvania:PA tennessee:TN texas:TX utah:UT vermont:VT virginia:VA washington:WA
    wisconsin:WI wyoming:WY"""
_NAMES_US: Final = {
    **dict(pair.split(":") for pair in _ONE_WORD_US.split()),
    "district of columbia": "DC",
    "new hampshire": "NH",
    "new jersey": "NJ",
    "new mexico": "NM",
    "new york": "NY",
    "north carolina": "NC",
    "north dakota": "ND",
    "puerto rico": "PR",
    "rhode island": "RI",
    "south carolina": "SC",
    "south dakota": "SD",
    "west virginia": "WV",
}
_PROVINCES: Final = {
    "A": ("NL", ("America/St_Johns", "America/Goose_Bay")),
    "B": ("NS", ("America/Halifax",)),
    "C": ("PE", ("America/Halifax",)),
    "E": ("NB", ("America/Moncton",)),
    **dict.fromkeys("GHJ", ("QC", ("America/Toronto",))),
    **dict.fromkeys("KLMNP", ("ON", ("America/Toronto",))),
    "R": ("MB", ("America/Winnipeg",)),
    "S": ("SK", ("America/Regina",)),
    "T": ("AB", ("America/Edmonton",)),
    "V": ("BC", ("America/Vancouver", "America/Edmonton")),
    "X": ("NT", ("America/Edmonton", "America/Rankin_Inlet", "America/Iqaluit")),  # and Nunavut
    "Y": ("YT", ("America/Whitehorse",)),
}
_STATES_AU: Final = {
    "NSW": "Australia/Sydney",
    "ACT": "Australia/Sydney",
    "VIC": "Australia/Melbourne",
    "QLD": "Australia/Brisbane",
    "SA": "Australia/Adelaide",
    "NT": "Australia/Darwin",
    "TAS": "Australia/Hobart",
    "WA": "Australia/Perth",
}
_COUNTRIES: Final = {  # of one time zone: country, zone, its names
    "AT": ("Europe/Vienna", "austria|österreich"),
    "BE": ("Europe/Brussels", "belgium|belgië|belgique|belgien"),
    "CH": ("Europe/Zurich", "switzerland|schweiz|suisse|svizzera"),
    "CZ": ("Europe/Prague", "czechia|czech republic|česko"),
    "DE": ("Europe/Berlin", "germany|deutschland|allemagne"),
    "DK": ("Europe/Copenhagen", "denmark|danmark"),
    "FI": ("Europe/Helsinki", "finland|suomi"),
    "FR": ("Europe/Paris", "france|frankreich"),
    "GB": ("Europe/London", "united kingdom|uk|great britain|england|scotland|wales|northern ireland"),
    "GR": ("Europe/Athens", "greece|ελλάδα"),
    "HU": ("Europe/Budapest", "hungary|magyarország"),
    "IE": ("Europe/Dublin", "ireland|éire"),
    "IL": ("Asia/Jerusalem", "israel"),
    "IN": ("Asia/Kolkata", "india"),
    "IT": ("Europe/Rome", "italy|italia|italien"),
    "JP": ("Asia/Tokyo", "japan"),
    "KR": ("Asia/Seoul", "south korea"),
    "LU": ("Europe/Luxembourg", "luxembourg|luxemburg"),
    "NL": ("Europe/Amsterdam", "netherlands|the netherlands|nederland|niederlande"),
    "NO": ("Europe/Oslo", "norway|norge"),
    "NZ": ("Pacific/Auckland", "new zealand"),
    "PL": ("Europe/Warsaw", "poland|polska|polen"),
    "SE": ("Europe/Stockholm", "sweden|sverige"),
    "SG": ("Asia/Singapore", "singapore"),
    "ZA": ("Africa/Johannesburg", "south africa"),
}
_COUNTRY_NAMES: Final = {name: code for code, (_, names) in _COUNTRIES.items() for name in names.split("|")}
_US_NAMES: Final = frozenset({"us", "usa", "u.s.", "u.s.a.", "united states", "united states of america"})
_ZIP: Final = re.compile(r"\b([A-Z]{2})[ ,]+\d{5}(?:-\d{4})?\b")
_NAMED_ZIP: Final = re.compile(r"([A-Za-z ]+?)[ ,]+\d{5}(?:-\d{4})?$")
_POSTCODE_CA: Final = re.compile(r"\b([ABCEGHJ-NPRSTVXY])\d[A-Z] ?\d[A-Z]\d\b")
_POSTCODE_GB: Final = re.compile(r"\b(?!BFPO)[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b")
_POSTCODE_AU: Final = re.compile(rf"\b({'|'.join(_STATES_AU)})[ ,]+\d{{4}}\b")


@dataclass(frozen=True, slots=True)
class Place:
    """Time zones (IANA names), all that may hold; country and state (ISO 3166) for the holidays."""

    zones: tuple[str, ...]
    country: str
    state: str | None = None


def place_of_address(address: str, country: str | None = None) -> Place | None:
    """Where the address is; None when it does not say so beyond doubt. `country` is that of the telephone number."""
    text = " ".join(address.split())
    parts = [part.strip(" .") for part in text.casefold().split(",")]
    named = _COUNTRY_NAMES.get(parts[-1])
    in_us = parts[-1] in _US_NAMES
    if named is None and (found := _american(text, parts, us=in_us or country == "US")):
        return found
    if not in_us and named in (None, "GB") and _POSTCODE_GB.search(text):
        return _of_country("GB")
    if named is None and not in_us and (postcode := _POSTCODE_CA.search(text)):
        state, zones = _PROVINCES[postcode[1]]
        return Place(zones, "CA", state)
    if named is None and not in_us and (australian := _POSTCODE_AU.search(text)):
        return Place((_STATES_AU[australian[1]],), "AU", australian[1])
    return _of_country(named) if named else None


def _american(text: str, parts: list[str], *, us: bool) -> Place | None:
    """The state with its ZIP code; its name or letters alone only where the country is sure."""
    if (found := _ZIP.search(text)) and found[1] in _STATES_US:
        return Place(_STATES_US[found[1]], "US", found[1])
    if not us:
        return None
    for part in reversed(parts):
        bare = part if (zipped := _NAMED_ZIP.fullmatch(part)) is None else zipped[1]
        state = _NAMES_US.get(bare) or (bare.upper() if bare.upper() in _STATES_US else None)
        if state:
            return Place(_STATES_US[state], "US", state)
    return None


def _of_country(code: str) -> Place:
    return Place((_COUNTRIES[code][0],), code)


def zones_of_name(name: str) -> tuple[str, ...]:
    """The time zones of a country or an American state by its name in lower case; empty when unknown or ambiguous."""
    found = set[tuple[str, ...]]()
    if code := _COUNTRY_NAMES.get(name):
        found.add(_of_country(code).zones)
    if state := _NAMES_US.get(name):
        found.add(_STATES_US[state])
    return found.pop() if len(found) == 1 and name != "georgia" else ()
