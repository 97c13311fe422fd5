"""Numbers in national and international writings, and what must never be taken for one."""

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opendeep.common.errors import InvalidPhoneNumber
from opendeep.common.phone import NUMBER_TYPES, Objection, is_emergency, mask, objection, parse_number


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


# -- emergency numbers


def _three_digits() -> list[str]:
    return [f"{n:0{length}}" for length in (2, 3) for n in range(10**length)]


def _emergencies() -> list[tuple[str, str]]:
    """Every region's emergency numbers of two or three digits, by the tables of libphonenumber."""
    return [
        (region, digits)
        for region in sorted(phonenumbers.SUPPORTED_SHORT_REGIONS)
        for digits in _three_digits()
        if phonenumbers.is_emergency_number(digits, region)
    ]


def _refused(written: str, home: str, extensions: tuple[str, ...] = ()) -> bool:
    try:
        number = parse_number(written, home, extensions)
    except InvalidPhoneNumber:
        return True
    return objection(number, None) is not None


WRITINGS = [
    "{n}",
    " {n} ",
    "tel:{n}",
    "{spaced}",
    "{dashed}",
    "{wide}",
    "\u200f{n}\u200e",
    "({n})",
    "{n}#",
    "*31#{n}",
    "{n} ext 5",
    "{n},,1",
    "{n}/1",
    "+{code}{n}",
    "+{code} ({n})",
    "+{code} {wide}",
    "{n}abc",
]
ABROAD = {"DE": "00{code}{n}", "US": "011{code}{n}"}


def test_every_regions_emergency_numbers_are_refused_in_every_writing_and_from_everywhere() -> None:
    dialled = _emergencies()
    assert len(dialled) > 600
    for region, digits in dialled:
        parts = {
            "n": digits,
            "code": phonenumbers.country_code_for_region(region),
            "spaced": " ".join(digits),
            "dashed": "-".join(digits),
            "wide": "".join(chr(0xFF10 + int(digit)) for digit in digits),
        }
        written = [(region, writing) for writing in WRITINGS]
        written += [(home, writing) for home, abroad in ABROAD.items() for writing in ("{n}", "+{code}{n}", abroad)]
        for home, writing in written:
            assert _refused(writing.format(**parts), home), (writing.format(**parts), home)


@pytest.mark.parametrize("digits", ["911", "112", "999", "110", "000", "9 1 1", "\uff11\uff11\uff12"])
def test_no_extension_makes_an_emergency_number_callable(digits: str) -> None:
    assert _refused(digits, "US", (digits, digits.strip()))
    assert is_emergency(digits)


@settings(deadline=None)  # a region's tables are loaded when they are first asked
@given(st.sampled_from(sorted(phonenumbers.SUPPORTED_SHORT_REGIONS)), st.text("0123456789 -.()+*#\u200f", max_size=12))
def test_what_is_accepted_is_no_emergency_number_where_it_is_dialled(home: str, written: str) -> None:
    try:
        number = parse_number(written, home)
    except InvalidPhoneNumber:
        return
    if objection(number, None) is None:
        assert not phonenumbers.is_emergency_number(number.e164.removeprefix("+"), home)
        assert number.e164.startswith("+")
        assert len(number.e164) > 6


# -- kinds that cost, and other traps


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("+1 900 555 0101", "premium_rate"),
        ("+1 202 976 1234", "premium_rate"),
        ("+44 909 879 0000", "premium_rate"),
        ("+49 900 1 123456", "premium_rate"),
        ("+979 123456789", "premium_rate"),
        ("+49 180 1 234567", "shared_cost"),
        ("+881 612 345 678", "satellite"),
        ("+870 773 111 632", "satellite"),
        ("+882 16 1234567", "satellite"),
    ],
)
def test_what_costs_more_than_a_call_is_never_called(written: str, kind: str) -> None:
    number = parse_number(written)
    assert number.kind == kind
    against = objection(number, None, NUMBER_TYPES)
    assert against is not None
    assert against[0] is Objection.NUMBER_TYPE_NOT_ALLOWED


def test_countries_and_types_can_be_narrowed() -> None:
    mobile = parse_number("+49 1511 2345678")
    assert objection(mobile, ("DE",), ("mobile",)) is None
    assert objection(mobile, ("DE",), ("fixed_line",)) is not None
    freephone = parse_number("+800 1234 5678")
    against = objection(freephone, ("US",))
    assert against is not None
    assert "numbers of no country" in against[1]


@pytest.mark.parametrize(
    ("written", "region", "e164"),
    [
        ("\u202a+1 202 555 0101\u202c", None, "+12025550101"),
        ("\ufeff+1\u200b202\u00a0555\u20110101", None, "+12025550101"),
        ("\uff0b\uff11 202 555 0101", None, "+12025550101"),
        ("\u0662\u0660\u0662\u0665\u0665\u0665\u0660\u0661\u0660\u0661", "US", "+12025550101"),
        ("+49 (0)30 123456", None, "+4930123456"),
        ("030/123456", "DE", "+4930123456"),
        ("Tel. 202-555-0101", "US", "+12025550101"),
        ("1-800-FLOWERS", "US", "+18003569377"),
        ("8 (495) 123-45-67", "RU", "+74951234567"),
        ("06 12 34 56 78", "FR", "+33612345678"),
        ("(02) 9374 4000", "AU", "+61293744000"),
        ("03-1234-5678", "JP", "+81312345678"),
        ("+39 06 1234 5678", "IT", "+390612345678"),  # the zero stays in Italy
    ],
)
def test_national_writings(written: str, region: str | None, e164: str) -> None:
    assert parse_number(written, region).e164 == e164


@pytest.mark.parametrize(
    ("written", "region", "says"),
    [
        ("+1 202 555 0101 x12", None, "extension"),
        ("+12025550101;ext=12", None, "extension"),
        ("+12025550101,,12", None, "extension"),
        ("030 123456/7", "DE", "two numbers"),
        ("+49 30 12345 Anna", None, "letters"),
        ("+49 30 123456 p12", None, "letters"),
        ("40404", "US", "short code"),
        ("2.02555E+09", "US", "country code"),
        ("2025550101 or 2025550102", "US", "country code"),
        ("*31#+12025550101", None, "country code"),
        ("+49 110", None, "Emergency"),
        ("0110", "DE", "short code"),
    ],
)
def test_each_trap_has_its_own_sentence(written: str, region: str | None, says: str) -> None:
    with pytest.raises(InvalidPhoneNumber, match=says):
        parse_number(written, region)


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_a_number_or_a_clear_refusal(text: str) -> None:
    refusal = ""
    try:
        number = parse_number(text, "US")
    except InvalidPhoneNumber as refused:
        refusal = str(refused)
    assert len(refusal) > 20 or number.e164.startswith("+")
