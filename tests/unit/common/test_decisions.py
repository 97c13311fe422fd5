"""A plain no to "shall I go on?" must never lead to another call."""

import pytest

from opendeep.common.decisions import OPTIONS, STOP, TRY_AGAIN, means_stop


@pytest.mark.parametrize(
    "answer",
    [
        *(STOP, "stop", "STOP HERE.", "No", "no!", "No, thanks.", "Nein", "No. Stop.", "Please stop"),
        *("cancel it", "Never mind", "forget it", "Don\u2019t call again", "no, do not call them again please"),
        "don't call him any more",
    ],
)
def test_a_plain_no_stops(answer: str) -> None:
    assert means_stop(answer)


@pytest.mark.parametrize(
    "answer",
    [
        *(TRY_AGAIN, "yes", "No, offer Friday at ten instead.", "Stop by on Tuesday", "cancel the old appointment"),
        *("There is no hurry", "no problem, Thursday works", "Don't call before nine", "", "…"),
    ],
)
def test_an_instruction_goes_on(answer: str) -> None:
    assert not means_stop(answer)


def test_the_offered_options_part() -> None:
    assert [means_stop(option) for option in OPTIONS] == [False, True]
