"""Which number is dialled, and through which channel."""

import pytest

from opendeep.call_processor_service.dial_strings import DialPlan, trunk_channel
from opendeep.common.errors import TelephonyMisuse

PLAN = DialPlan("PJSIP/{number}", ("7000",))


@pytest.mark.parametrize(
    ("template", "number", "channel"),
    [
        ("Local/{number}@opendeep-out/n", "+12025550123", "Local/+12025550123@opendeep-out/n"),
        ("PJSIP/{digits}@carrier", "+12025550123", "PJSIP/12025550123@carrier"),
        ("PJSIP/{national}@carrier", "+12025550123", "PJSIP/2025550123@carrier"),
        ("PJSIP/9{national}@carrier", "+493012345678", "PJSIP/903012345678@carrier"),
    ],
)
def test_channels_of_trunks(template: str, number: str, channel: str) -> None:
    assert trunk_channel(template, number) == channel


def test_an_extension_needs_no_trunk() -> None:
    assert PLAN.is_extension("7000")
    assert PLAN.extension_channel("7000") == "PJSIP/7000"
    assert not PLAN.is_extension("+12025550123")


@pytest.mark.parametrize(
    "number",
    ["112", "911", "7001", "12025550123", "+0123456789", "+1", "", "+1202555012٣", "+12025550123,1", "+1202555\n0123",
     "+12025550123456789", "PJSIP/7000", "+1202555${X}"],
)  # fmt: skip
@pytest.mark.parametrize("place", ["{number}", "{digits}", "{national}"])
def test_what_is_no_international_number_is_refused(place: str, number: str) -> None:
    with pytest.raises(TelephonyMisuse):
        trunk_channel(f"PJSIP/{place}@carrier", number)


@pytest.mark.parametrize(("redirect", "inside"), [("7000", True), ("7123", True), ("+4930123456", False)])
def test_test_mode_dials_one_phone_for_all(redirect: str, inside: bool) -> None:
    plan = DialPlan("PJSIP/{number}", ("7000",), redirect_to=redirect)
    for number in ("+12025550123", "112", "7000"):
        assert plan.number_for(number) == redirect
    assert plan.is_extension(redirect) is inside


@pytest.mark.parametrize("redirect", ["x", "7000@evil", "70 00", "911", "112", "999", "110"])
def test_a_redirect_that_is_no_phone_is_refused(redirect: str) -> None:
    plan = DialPlan("PJSIP/{number}", (), redirect_to=redirect)
    with pytest.raises(TelephonyMisuse):
        plan.extension_channel(redirect)


def test_without_test_mode_the_number_stays() -> None:
    assert PLAN.number_for("+12025550123") == "+12025550123"
