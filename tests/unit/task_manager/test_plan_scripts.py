"""What a user's edits of a script change: the script, and the plan where a sentence is the plan's own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from opendeep.common.call_script import Engine
from opendeep.common.campaign_plan import CampaignPlan, QuestionType
from opendeep.common.data_models import PlanStatus
from opendeep.common.errors import UserMistake
from opendeep.common.plan_problems import plan_problems
from opendeep.database.store_people import StoredPlan
from opendeep.task_manager.plan_scripts import ScriptEdits, edited, plan_for_model, with_script
from tests.support.database import sample_plan

ID = UUID(int=7)


def scripted(**changes: Any) -> CampaignPlan:
    return with_script(sample_plan(["+12025550101"], engine="scripted", **changes), None)


def stored(plan: CampaignPlan) -> StoredPlan:
    return StoredPlan(ID, ID, PlanStatus.DRAFT, plan.model_dump(mode="json"))


def test_the_plans_own_sentences_change_the_plan_and_what_follows_from_them() -> None:
    texts = {
        "disclosure": "An AI assistant speaks for Maria.",
        "purpose": "I call about the boiler.",
        "questions.slot_ok.ask": "Is Friday good?",
        "farewell": "So  long.",
    }
    plan = edited(scripted(), ScriptEdits(texts))
    assert (plan.disclosure, plan.opening) == ("An AI assistant speaks for Maria.", "I call about the boiler.")
    assert plan.questions[0].ask == "Is Friday good?"
    assert plan.script is not None
    assert plan.script.questions[0].again.startswith("Is Friday good? You can say")
    assert plan.script.farewell == "So long."
    assert plan.tasks == scripted().tasks


def test_an_edit_stays_when_something_else_is_edited_and_when_the_chat_changes_the_plan() -> None:
    once = edited(scripted(), ScriptEdits({"lines.opt_out": "Gone for good. Goodbye."}))
    twice = edited(once, ScriptEdits({"farewell": "So long."}))
    assert twice.script is not None
    assert twice.script.lines.opt_out == "Gone for good. Goodbye."
    later = with_script(
        sample_plan(["+12025550101"], engine="scripted", opening="I call about the roof."), stored(twice)
    )
    assert later.script is not None
    assert (later.script.purpose, later.script.farewell) == ("I call about the roof.", "So long.")
    assert with_script(later.model_copy(update={"engine": Engine.REALTIME}), stored(later)).script is None


def test_a_question_gets_the_type_that_it_lacked() -> None:
    plan = scripted(questions=[{"key": "size", "ask": "How large?"}])
    assert "has no answer type" in " ".join(plan_problems(plan))
    again = edited(CampaignPlan.model_validate(plan.model_dump(mode="json")), ScriptEdits({"farewell": "Bye."}))
    assert "has no answer type" in " ".join(plan_problems(again)), "it is not forgotten by being stored"
    typed = edited(again, ScriptEdits(types={"size": QuestionType.NUMBER}))
    assert plan_problems(typed) == []
    assert typed.questions[0].type is QuestionType.NUMBER
    assert typed.script is not None
    assert typed.script.questions[0].keys.endswith("Please type the number on your phone, without pauses.")


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        (ScriptEdits({"lines.hurrah": "x"}), "no sentence “lines.hurrah”"),
        (ScriptEdits({"questions.other.ask": "x"}), "no sentence “questions.other.ask”"),
        (ScriptEdits(types={"other": QuestionType.DATE}), "no question “other”"),
        (ScriptEdits({"questions.slot_ok.ask": ""}), "cannot be kept"),
        (ScriptEdits({"disclosure": "x" * 2_001}), "cannot be kept"),
    ],
)
def test_edits_that_do_not_fit_are_refused(edits: ScriptEdits, words: str) -> None:
    with pytest.raises(UserMistake, match=words):
        edited(scripted(), edits)


def test_the_model_sees_the_plan_without_the_script() -> None:
    assert "script" not in plan_for_model(stored(scripted()).plan)


def test_an_older_plan_that_cannot_be_read_carries_no_edits() -> None:
    odd = StoredPlan(ID, ID, PlanStatus.DRAFT, {"questions": 7, "at": datetime(2026, 1, 1, tzinfo=UTC).isoformat()})
    assert with_script(scripted(), odd).script == scripted().script
