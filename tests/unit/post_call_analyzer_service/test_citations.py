"""A finding counts only with words of the callee behind it."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.common.campaign_plan import Question, QuestionType
from opendeep.common.data_models import Speaker, TranscriptTurn
from opendeep.post_call_analyzer_service.analysis_schema import FieldFinding
from opendeep.post_call_analyzer_service.citations import check_findings, recorded_finding

CALL = UUID(int=1)


def turn(number: int, speaker: Speaker, text: str) -> TranscriptTurn:
    return TranscriptTurn(CALL, number, speaker, text, 0, 1)


TURNS = [
    turn(1, Speaker.AI, "Does Tuesday at ten work for you?"),
    turn(2, Speaker.CALLEE, "Yes, Tuesday at ten works for me."),
    turn(3, Speaker.CALLEE, "We are four people"),
]
QUESTIONS = [
    Question(key="slot_ok", ask="Does Tuesday work?", type=QuestionType.YES_NO),
    Question(key="people", ask="How many?", type=QuestionType.NUMBER),
]


def finding(key: str = "slot_ok", value: str = "yes", turns: tuple[int, ...] = (2,), quote: str = "") -> FieldFinding:
    return FieldFinding(key=key, value=value, turns=list(turns), quote=quote or "yes tuesday at ten works")


def test_case_spaces_and_punctuation_do_not_matter() -> None:
    checked = check_findings([finding(quote="YES  tuesday, at ten")], QUESTIONS, TURNS)
    assert checked.kept["slot_ok"].value == "yes"
    assert checked.dropped == ()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (finding(turns=()), "turns that do not exist"),
        (finding(turns=(2, 9)), "turns that do not exist"),
        (finding(turns=(1,), quote="does tuesday at ten"), "no words of the callee"),
        (finding(turns=(3,)), "not in the cited turns"),
        (finding(quote="es tues"), "not in the cited turns"),  # whole words only
        (finding(quote="..."), "not in the cited turns"),
        (finding(key="budget"), "not asked for"),
        (finding(value="maybe"), "is no yes_no"),
        (finding(key="people", value="four"), "is no number"),
    ],
)
def test_what_is_not_proved_is_dropped_with_its_reason(wrong: FieldFinding, reason: str) -> None:
    checked = check_findings([wrong], QUESTIONS, TURNS)
    assert checked.kept == {}
    assert reason in checked.dropped[0]


def test_the_first_of_two_findings_counts() -> None:
    checked = check_findings([finding(), finding(value="no")], QUESTIONS, TURNS)
    assert checked.kept["slot_ok"].value == "yes"
    assert checked.dropped == ("slot_ok: “no” differs from what was found first",)
    assert check_findings([finding(), finding(value="Y")], QUESTIONS, TURNS).dropped == ()


@pytest.mark.parametrize(
    ("said", "turns", "quote"),
    [
        ({"words": "Tuesday at ten works", "turn": 3}, [2], "Tuesday at ten works"),  # the words tell the turn
        ({"words": "something else", "turn": 2}, [2], "Yes, Tuesday at ten works for me."),
        ({"words": None, "turn": 2}, [2], "Yes, Tuesday at ten works for me."),
        ({"words": "something else", "turn": 1}, [], ""),  # a turn of ours proves nothing
        ({"words": "...", "turn": None}, [], ""),
    ],
)
def test_what_was_recorded_in_the_call_gets_its_proof(said: dict[str, object], turns: list[int], quote: str) -> None:
    found = recorded_finding({"key": "slot_ok", "value": "yes", **said}, TURNS)
    assert (found.turns, found.quote) == (turns, quote)
    assert bool(check_findings([found], QUESTIONS, TURNS).kept) == bool(turns)


@given(st.text(), st.text(), st.lists(st.integers()))
def test_no_finding_is_kept_without_its_words(value: str, quote: str, turns: list[int]) -> None:
    checked = check_findings(
        [FieldFinding(key="slot_ok", value=value, turns=turns[:20], quote=quote)], QUESTIONS, TURNS
    )
    for kept in checked.kept.values():
        assert kept.turns
        assert kept.quote.strip()
