"""Remarks by rules, each with the turn that proves it."""

import pytest

from opendeep.offline.minds.learned_facts import learned_facts


@pytest.mark.parametrize(
    ("said", "key", "text"),
    [
        ("we're closed on wednesdays", "closed_on", "Closed on Wednesdays"),
        ("sorry we are closed on saturday and sunday", "closed_on", "Closed on Saturday and Sunday"),
        ("we are open from nine to five", "opening_hours", "Open from nine to five"),
        (
            "we're open monday to friday from 8 am until 6 pm",
            "opening_hours",
            "Open Monday to Friday from 8 am until 6 pm",
        ),
        ("please call me in the morning", "best_time", "Call in the morning"),
        ("mornings are better", "best_time", "Mornings are better"),
        ("i prefer afternoons", "best_time", "Prefers afternoons"),
        ("please ask for ms weber next time", "ask_for", "Ask for Ms Weber"),
        ("you should speak with Dr. Meyer about that", "ask_for", "Ask for Dr. Meyer"),
    ],
)
def test_simple_remarks_are_found(said: str, key: str, text: str) -> None:
    assert learned_facts([{"turn": 4, "text": said}]) == [{"key": key, "text": text, "turns": [4], "quote": said}]


@pytest.mark.parametrize(
    "said", ["good morning", "yes tuesday at ten works", "are you closed on tuesday", "<script>alert(1)</script>", ""]
)
def test_other_talk_teaches_nothing(said: str) -> None:
    assert learned_facts([{"turn": 1, "text": said}]) == []


def test_the_same_remark_is_told_once() -> None:
    turns = [{"turn": number, "text": "call me in the morning"} for number in (2, 5)]
    assert [fact["turns"] for fact in learned_facts(turns)] == [[2]]
