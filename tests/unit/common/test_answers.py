"""Values of answers by the question's type."""

import pytest

from opendeep.common.answers import allowed_values, normal_value
from opendeep.common.campaign_plan import Question, QuestionType


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


@pytest.mark.parametrize("kind", QuestionType)
def test_what_is_allowed_is_named_and_the_examples_are_taken(kind: QuestionType) -> None:
    question = Question(key="k", ask="?", type=kind, options=["tea", "coffee"])
    words = allowed_values(question)
    example = {"number": "4", "text": "soon"}.get(kind.value, words.split()[-1].removeprefix("of:"))
    assert normal_value(question, example) is not None
