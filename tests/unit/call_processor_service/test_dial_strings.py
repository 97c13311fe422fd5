"""Which number is dialled, and through which channel."""

import pytest

from opendeep.call_processor_service.dial_strings import DialPlan
from opendeep.common.errors import TelephonyMisuse

PLAN = DialPlan("Local/{number}@opendeep-out/n", "PJSIP/{number}", ("7000",))


@pytest.mark.parametrize(
    ("number", "channel"),
    [("+12025550123", "Local/+12025550123@opendeep-out/n"), ("7000", "PJSIP/7000")],
)
def test_channels(number: str, channel: str) -> None:
    assert PLAN.channel_for(number) == channel


@pytest.mark.parametrize(
    "number",
    ["112", "911", "7001", "12025550123", "+0123456789", "+1", "", "+1202555012٣", "+12025550123,1", "+1202555\n0123",
     "+12025550123456789", "PJSIP/7000", "+1202555${X}"],
)  # fmt: skip
def test_what_is_no_international_number_is_refused(number: str) -> None:
    with pytest.raises(TelephonyMisuse):
        PLAN.channel_for(number)


@pytest.mark.parametrize(
    ("redirect", "channel"), [("7000", "PJSIP/7000"), ("7123", "PJSIP/7123"), ("+4930123456", "T/+4930123456@t")]
)
def test_test_mode_dials_one_phone_for_all(redirect: str, channel: str) -> None:
    plan = DialPlan("T/{number}@t", "PJSIP/{number}", ("7000",), redirect_to=redirect)
    for number in ("+12025550123", "112", "7000"):
        assert plan.number_for(number) == redirect
    assert plan.channel_for(redirect) == channel


@pytest.mark.parametrize("redirect", ["x", "7000@evil", "70 00", "+49"])
def test_a_redirect_that_is_no_phone_is_refused(redirect: str) -> None:
    plan = DialPlan("T/{number}@t", "PJSIP/{number}", (), redirect_to=redirect)
    with pytest.raises(TelephonyMisuse):
        plan.channel_for(redirect)


def test_without_test_mode_the_number_stays() -> None:
    assert PLAN.number_for("+12025550123") == "+12025550123"
