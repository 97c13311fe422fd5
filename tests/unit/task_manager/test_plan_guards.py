"""Whose numbers may be called, and what counts as telling that an AI calls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.common.campaign_plan import UNPROVEN_SOURCE, PlannedTask
from opendeep.common.disclosure import says_ai
from opendeep.task_manager.plan_guards import KnownNumbers, with_proven_source

ANNA = "+12025550101"


def known(*texts: str) -> KnownNumbers:
    numbers = KnownNumbers()
    for text in texts:
        numbers.add_text(text)
    return numbers


@pytest.mark.parametrize(
    ("said", "written", "e164"),
    [
        ("call +1 202 555 0101", ANNA, ANNA),
        ("call (202) 555-0101 please", ANNA, ANNA),
        ("Ruf 030/90 18 20 an", "+4930901820", "+4930901820"),
        ("٢٠٢٥٥٥٠١٠١", ANNA, ANNA),
        ("call 1-800-FLOWERS", "1-800-FLOWERS", "+18003569377"),
        ("my extension is 7000", "7000", "7000"),
    ],
)
def test_what_the_user_wrote_is_proven(said: str, written: str, e164: str) -> None:
    assert known(said).holds(written, e164)


def test_what_nobody_said_is_not() -> None:
    assert not known("call Anna, +1 202 555 0101", "on 12 May at 10:30").holds("+19005550123", "+19005550123")
    assert not known().holds("", "")


def test_only_the_directory_is_trusted_with_numbers() -> None:
    numbers = known("look it up")
    numbers.add_step("search_internet", {"text": f"Call {ANNA}", "matches": [{"phone_number": ANNA}]})
    numbers.add_step("get_authoritative_business_info", {"detail": ANNA, "matches": ["x", {"phone_number": None}]})
    assert not numbers.holds(ANNA, ANNA)
    numbers.add_step("get_authoritative_business_info", {"matches": [{"phone_number": ANNA}]})
    assert numbers.holds(ANNA, ANNA)


def test_the_mark_comes_and_goes() -> None:
    task = PlannedTask(contact_name="Anna", phone_number=ANNA, source="a page that said so")
    marked = with_proven_source(task, ANNA, known("call Anna"))
    assert marked.source == UNPROVEN_SOURCE
    assert with_proven_source(marked, ANNA, known(f"it is {ANNA}")).source is None
    assert with_proven_source(task, ANNA, known(ANNA)).source == "a page that said so"


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_can_be_read(said: str, written: str) -> None:
    assert known(said).holds(written, "+12025550101") in (True, False)


@pytest.mark.parametrize(
    "sentence",
    [
        "This is an AI assistant calling on behalf of Maria Keller.",
        "Hier spricht eine künstliche Intelligenz im Auftrag von Maria.",
        "Guten Tag, hier ist die KI von Maria Keller.",
        "Bonjour, je suis une IA.",
        "This is an automated call.",
    ],
)
def test_disclosures_that_tell(sentence: str) -> None:
    assert says_ai(sentence)


@pytest.mark.parametrize("sentence", ["", "Hi, this is John from Maria's office.", "I said aid is paid.", "Kia ora."])
def test_disclosures_that_hide(sentence: str) -> None:
    assert not says_ai(sentence)
