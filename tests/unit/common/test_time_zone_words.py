"""Time zones in people's words."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opendeep.common.time_zone_words import zone_from_words


@pytest.mark.parametrize(
    ("words", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("America/New York", "America/New_York"),
        ("Berlin", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("CET", "Europe/Berlin"),
        ("EST", "America/New_York"),  # with its summer time, unlike the zone of that name
        ("Pacific time", "America/Los_Angeles"),
        ("UTC+2", "Etc/GMT-2"),
        ("GMT -5:00", "Etc/GMT+5"),
        ("UTC", "Etc/UTC"),
        ("Germany", "Europe/Berlin"),
        ("California", "America/Los_Angeles"),
        ("They are in Lisbon, I think.", "Europe/Lisbon"),
        ("it's Tokyo time", "Asia/Tokyo"),
    ],
)
def test_what_is_understood(words: str, zone: str) -> None:
    assert zone_from_words(words) == zone


@pytest.mark.parametrize("words", ["", "no idea", "CST", "IST", "Texas", "Berlin or Tokyo", "UTC+99", "Mars/Base"])
def test_what_is_ambiguous_or_unknown_is_not_guessed(words: str) -> None:
    assert zone_from_words(words) is None


@settings(deadline=None)
@given(st.text(max_size=100))
def test_whatever_is_understood_is_a_zone(words: str) -> None:
    zone = zone_from_words(words)
    assert zone is None or ZoneInfo(zone)
