"""Public holidays by country and state, from the library `holidays`. The only module that knows it.

A country's calendar is computed when it is first asked for (milliseconds, the very first one 0.3 s and 8 MB), which
`prepare` does beside an event loop. Where the library knows no calendar, no day is a holiday; `has_calendar` tells.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any, Final

KEPT_YEARS: Final = 1024  # country-years, a few kB each


def holiday_name(country: str, state: str | None, on: date) -> str | None:
    """The name of the public holiday on that day, in English where the library has it; None on other days."""
    return _calendar(country, state, on.year).get(on)


def has_calendar(country: str) -> bool:
    """Whether the holidays of this country (ISO 3166) are known."""
    return country in _supported()


def prepare(places: Iterable[tuple[str, str | None]], year: int) -> None:
    """Compute the calendars of `year` and the next one: afterwards `holiday_name` is a look-up."""
    for country, state in places:
        _calendar(country, state, year)
        _calendar(country, state, year + 1)


@lru_cache(maxsize=KEPT_YEARS)
def _calendar(country: str, state: str | None, year: int) -> Mapping[date, str]:
    if country not in _supported():
        return {}
    known_state = state if state in _supported()[country] else None
    return dict(_library().country_holidays(country, subdiv=known_state, years=year, language="en_US"))


@lru_cache(maxsize=1)
def _supported() -> Mapping[str, list[str]]:
    found: Mapping[str, list[str]] = _library().list_supported_countries(include_aliases=False)
    return found


def _library() -> Any:
    """Imported when needed: 0.15 s and 5 MB that a node without calls never pays."""
    import holidays

    return holidays
