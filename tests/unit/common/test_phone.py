"""Numbers in national and international writings, and what must never be taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.common.errors import InvalidPhoneNumber
from opendeep.common.phone import mask, parse_number


@pytest.mark.parametrize(
    ("written", "region", "e164"),
    [
        ("+1 202 555 0101", None, "+12025550101"),
        ("(202) 555-0101", "US", "+12025550101"),
        ("030 123456", "DE", "+4930123456"),
        ("0049 30 123456", "DE", "+4930123456"),
        ("01 42 68 53 00", "FR", "+33142685300"),
        ("020 7946 0018", "GB", "+442079460018"),
        ("  +41 44 668 18 00 ", None, "+41446681800"),
        ("tel:+1-202-555-0101", None, "+12025550101"),
    ],
)
def test_writings_become_e164(written: str, region: str | None, e164: str) -> None:
    assert parse_number(written, region).e164 == e164


@pytest.mark.parametrize(
    "written", ["", "   ", "Anna", "12", "+1", "112", "911", "1" * 80, "+1 202 555 0101 ext. 5", "\r\n"]
)
def test_what_cannot_be_dialled_is_refused_with_advice(written: str) -> None:
    with pytest.raises(InvalidPhoneNumber) as refused:
        parse_number(written, "US")
    assert len(str(refused.value)) > 20


def test_an_extension_of_our_own_switch_is_taken_as_it_is() -> None:
    number = parse_number("7000", "US", ("7000",))
    assert (number.e164, number.kind, number.emergency) == ("7000", "extension", False)
    with pytest.raises(InvalidPhoneNumber):
        parse_number("7001", "US", ("7000",))


def test_the_number_tells_country_zone_and_kind() -> None:
    number = parse_number("+1 202 555 0101")
    assert (number.country, number.time_zones, number.valid) == ("US", ("America/New_York",), True)
    assert parse_number("+1 900 555 0101").kind == "premium_rate"


@given(st.text(max_size=30))
def test_masking_never_shows_a_whole_number(text: str) -> None:
    masked = mask(text)
    assert len(masked) == len(text.strip())
    if len(text.strip()) > 4:
        assert "•" in masked or len(text.strip()) == 4


def test_masking_keeps_both_ends() -> None:
    assert mask("+12025550123") == "+1202•••0123"
