"""A plan and its script: how the script follows from each version of the plan, and what a user's edits change. Pure.

The plan's disclosure, opening and questions are the script's too: an edit of those sentences changes the plan itself.
All other sentences are the script's alone, and stay as edited as long as the plan gives the same ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from opendeep.common.call_script import CallScript, Engine, changed
from opendeep.common.campaign_plan import CampaignPlan, Question, derive_script
from opendeep.common.errors import UserMistake
from opendeep.common.question_types import QuestionType
from opendeep.common.script_edits import carried
from opendeep.database.store_people import StoredPlan


@dataclass(frozen=True, slots=True)
class ScriptEdits:
    """`sentences` by their paths (`CallScript.sentences`), `types` by the questions' keys; what is not given stays."""

    sentences: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, QuestionType] = field(default_factory=dict)


def with_script(plan: CampaignPlan, before: StoredPlan | None) -> CampaignPlan:
    """The plan with the script that follows from it, and the edits of the version `before`. No model writes scripts."""
    if plan.engine is not Engine.SCRIPTED:
        return plan.model_copy(update={"script": None})
    derived = derive_script(plan)
    old = _readable(before)
    script = carried(old.script, derive_script(old), derived) if old and old.script else derived
    return plan.model_copy(update={"script": script})


def plan_for_model(document: Mapping[str, Any]) -> dict[str, Any]:
    """A stored plan as the model sees it: without the script, which is not its business."""
    return {name: value for name, value in document.items() if name != "script"}


def edited(plan: CampaignPlan, edits: ScriptEdits) -> CampaignPlan:
    """A scripted plan with these edits. Raises `UserMistake` for a sentence or question that the script does not have,
    and for one that is too long to be kept."""
    script = plan.script or derive_script(plan)
    known = dict(script.sentences())
    for path in edits.sentences:
        if path not in known:
            raise UserMistake(f"The script has no sentence “{path[:80]}”. Please load the page again.")
    keys = {question.key for question in script.questions}
    for key in edits.types:
        if key not in keys:
            raise UserMistake(f"The script has no question “{key[:80]}”. Please load the page again.")
    texts = {path: " ".join(text.split()) for path, text in edits.sentences.items()}
    fresh = {path: text for path, text in texts.items() if text != known[path]}
    try:
        wanted = _with_types(CallScript.model_validate(changed(script, fresh).model_dump()), edits.types)
        newer = CampaignPlan.model_validate(plan.model_dump() | _shared(plan, fresh, edits.types))
    except ValidationError as error:
        raise UserMistake(f"This cannot be kept: {error.errors()[0]['msg']}.") from error
    derived = derive_script(newer)
    following = _with_types(carried(script, derive_script(plan), derived), {q.key: q.type for q in wanted.questions})
    return newer.model_copy(update={"script": changed(following, fresh)})


def _shared(plan: CampaignPlan, fresh: Mapping[str, str], types: Mapping[str, QuestionType]) -> dict[str, Any]:
    """What the edits change in the plan itself."""
    names = {"disclosure": "disclosure", "purpose": "opening"}
    own: dict[str, Any] = {names[path]: text for path, text in fresh.items() if path in names}
    return own | {"questions": [_question(question, fresh, types) for question in plan.questions]}


def _question(question: Question, fresh: Mapping[str, str], types: Mapping[str, QuestionType]) -> dict[str, Any]:
    document = question.model_dump()
    document["ask"] = fresh.get(f"questions.{question.key}.ask", question.ask)
    document["type"] = types.get(question.key, question.type)
    return document


def _with_types(script: CallScript, types: Mapping[str, QuestionType | None]) -> CallScript:
    """A question without a type stays without one until it gets one."""
    questions = tuple(
        question.model_copy(update={"type": types[question.key]}) if question.key in types else question
        for question in script.questions
    )
    return script.model_copy(update={"questions": questions})


def _readable(stored: StoredPlan | None) -> CampaignPlan | None:
    """An older plan, unless it is of a time whose plans cannot be read any more."""
    try:
        return CampaignPlan.model_validate({**stored.plan, "tasks": []}) if stored else None
    except ValidationError:
        return None
