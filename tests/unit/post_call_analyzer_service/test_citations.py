"""A finding counts only with words of the callee behind it."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.common.campaign_plan import Question, QuestionType
from opendeep.common.data_models import Speaker, TranscriptTurn
from opendeep.post_call_analyzer_service.analysis_schema import FieldFinding
from opendeep.post_call_analyzer_service.citations import check_findings, normal_value

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


@pytest.mark.parametrize(
    ("kind", "value", "normal"),
    [
        (QuestionType.YES_NO, "Yes", "yes"),
        (QuestionType.NUMBER, "4.0", "4"),
        (QuestionType.NUMBER, "2,5", "2.5"),
        (QuestionType.NUMBER, "inf", None),
        (QuestionType.DATE, "2026-11-24", "2026-11-24"),
        (QuestionType.DATE, "24.11.2026", None),
        (QuestionType.TIME, "10:30", "10:30"),
        (QuestionType.TIME, "25:00", None),
        (QuestionType.DATETIME, "2026-11-24T10:00:00+01:00", "2026-11-24T10:00:00+01:00"),
        (QuestionType.CHOICE, "TEA", "tea"),
        (QuestionType.CHOICE, "milk", None),
        (QuestionType.TEXT, "  ", None),
    ],
)
def test_values_get_the_normal_form_of_their_type(kind: QuestionType, value: str, normal: str | None) -> None:
    question = Question(key="k", ask="?", type=kind, options=["tea", "coffee"])
    assert normal_value(question, value) == normal


@given(st.text(), st.text(), st.lists(st.integers()))
def test_no_finding_is_kept_without_its_words(value: str, quote: str, turns: list[int]) -> None:
    checked = check_findings(
        [FieldFinding(key="slot_ok", value=value, turns=turns[:20], quote=quote)], QUESTIONS, TURNS
    )
    for kept in checked.kept.values():
        assert kept.turns
        assert kept.quote.strip()
