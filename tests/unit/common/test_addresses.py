"""What addresses say about the callee's clock, and what they do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.common.addresses import Place, place_of_address


@pytest.mark.parametrize(
    ("address", "country", "zones", "where"),
    [
        ("12 Main St, Springfield, IL 62701", None, ["America/Chicago"], ("US", "IL")),
        ("1 Ocean Dr, Miami, FL 33139, USA", None, ["America/New_York", "America/Chicago"], ("US", "FL")),
        ("Portland, Oregon", "US", ["America/Los_Angeles"], ("US", "OR")),
        ("Sacramento, CA, USA", None, ["America/Los_Angeles"], ("US", "CA")),
        ("Albany, New York 12207", "US", ["America/New_York"], ("US", "NY")),
        ("111 Wellington St, Ottawa, ON K1A 0A9", None, ["America/Toronto"], ("CA", "ON")),
        ("St. John's NL A1C 5M2, Canada", None, ["America/St_Johns", "America/Goose_Bay"], ("CA", "NL")),
        ("1 Macquarie St, Sydney NSW 2000", None, ["Australia/Sydney"], ("AU", "NSW")),
        ("Perth WA 6000, Australia", None, ["Australia/Perth"], ("AU", "WA")),
        ("10 Downing Street, London SW1A 2AA", None, ["Europe/London"], ("GB", None)),
        ("Hauptstra\u00dfe 5, 10827 Berlin, Germany", None, ["Europe/Berlin"], ("DE", None)),
        ("Rathausplatz 1, 80331 M\u00fcnchen, Deutschland", "US", ["Europe/Berlin"], ("DE", None)),
    ],
)
def test_what_is_sure(address: str, country: str | None, zones: list[str], where: tuple[str, str | None]) -> None:
    assert place_of_address(address, country) == Place(tuple(zones), *where)


@pytest.mark.parametrize(
    ("address", "country"),
    [
        ("", None),
        ("12 Main St", "US"),
        ("Sacramento, CA", None),  # California or Canada?
        ("Tbilisi, Georgia", None),  # the state or the country?
        ("Hauptstra\u00dfe 5, 10827 Berlin", None),  # five digits are a ZIP code as well
        ("Sydney, Australia", None),  # of several zones
        ("Madrid, Spain", None),
        ("USA", None),
    ],
)
def test_what_is_not_sure_is_left_to_the_number(address: str, country: str | None) -> None:
    assert place_of_address(address, country) is None


@given(st.text(max_size=300), st.sampled_from([None, "US", "DE"]))
def test_any_text_gives_a_place_or_none(text: str, country: str | None) -> None:
    place = place_of_address(text, country)
    assert place is None or place.zones
