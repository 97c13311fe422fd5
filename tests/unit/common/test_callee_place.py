"""Where a callee is, by the contact, the address or the number."""

import pytest

from opendeep.common.callee_place import callee_place
from opendeep.common.phone import parse_number

HOME = "America/New_York"


def zones(number: str, timezone: str | None = None, address: str | None = None) -> list[str]:
    return [zone.key for zone in callee_place(parse_number(number, "US", ("7000",)), timezone, address, HOME).zones]


@pytest.mark.parametrize("number", ["+18002255288", "+15002345678", "+80012345678"])
def test_a_number_that_may_be_anywhere_tells_no_zone(number: str) -> None:
    """All zones from Guam to Newfoundland are open together for half an hour a day: the user is asked instead."""
    assert zones(number) == []
    assert zones(number, "America/Chicago") == ["America/Chicago"]
    assert zones(number, None, "233 S Wacker Drive, Chicago, IL 60606") == ["America/Chicago"]


def test_zones_that_are_near_each_other_all_hold() -> None:
    assert zones("+4930901820") == ["Europe/Berlin"]
    assert {"Australia/Perth", "Australia/Sydney"} <= set(zones("+61412345678"))  # a mobile phone may be anywhere there
    assert zones("7000") == [HOME]
