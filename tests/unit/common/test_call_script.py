"""The script of a plan: what follows from the plan, what a user's edits become, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from opendeep.common.call_script import CallScript, Engine, ScriptLines, changed, filled
from opendeep.common.campaign_plan import AssistantTurn, CampaignPlan, QuestionType, brief_for, derive_script
from opendeep.common.plan_problems import plan_problems
from opendeep.common.script_edits import carried, edits_of
from opendeep.common.script_problems import MAX_SENTENCE_CHARS, script_problems
from opendeep.common.script_wording import IS_RIGHT
from tests.support.database import sample_plan

NUMBER = "+12025550101"
ASKED: dict[str, dict[str, Any]] = {
    "yes_no": {"ask": "Will you come?"},
    "choice": {"ask": "Which size?", "options": ["small", "large"]},
    "date": {"ask": "Which day?"},
    "time": {"ask": "What time?"},
    "datetime": {"ask": "When?"},
    "number": {"ask": "How many people?"},
    "text": {"ask": "Anything else?"},
}


def plan(**changes: Any) -> CampaignPlan:
    return sample_plan([NUMBER], **({"engine": "scripted"} | changes))


def question(kind: str, key: str = "q") -> dict[str, Any]:
    return {"key": key, "type": kind, **ASKED[kind]}


# -- derivation


@pytest.mark.parametrize(
    ("kind", "again", "keys"),
    [
        ("yes_no", "You can say: yes, that is right", "press one for yes, or two for no. Nine means no more calls."),
        ("choice", "You can say: small, or: large.", "1 for small, 2 for large."),
        ("date", "Please say a day", "day and month with two digits each"),
        ("time", "Please say a time", "the time with four digits"),
        ("datetime", "a day and a time", "day, month, hour and minute"),
        ("number", "only the number", "Please type the number on your phone, without pauses."),
        ("text", "once more, slowly", "in a few words"),
    ],
)
def test_each_answer_type_has_its_other_words_and_its_keys(kind: str, again: str, keys: str) -> None:
    (asked,) = derive_script(plan(questions=[question(kind)])).questions
    assert (asked.type, asked.ask) == (QuestionType(kind), ASKED[kind]["ask"])
    assert asked.again.startswith(asked.ask)
    assert again in asked.again
    assert keys in asked.keys
    assert not plan_problems(plan(questions=[question(kind)]))


def test_the_script_is_the_plans_own_sentences_in_their_order() -> None:
    script = derive_script(plan())
    assert script.disclosure == "This is an AI assistant calling on behalf of Maria Keller."
    assert script.purpose == "I am calling to book the yearly boiler inspection."
    assert script.questions[0].again.endswith("You can say: yes, that works, or: no, another time.")
    assert (script.is_right, script.lines) == ("", ScriptLines())  # a yes or no alone is not asked about again
    assert derive_script(plan(questions=[question("number")])).is_right == IS_RIGHT


def test_a_contact_with_questions_of_its_own_has_a_script_of_its_own() -> None:
    whole = plan(tasks=[{"contact_name": "Ann", "phone_number": NUMBER, "questions": [question("date", "day")]}])
    whole = whole.model_copy(update={"script": changed(derive_script(whole), {"farewell": "So long."})})
    brief = brief_for(whole, whole.tasks[0])
    assert brief.script is not None
    assert [asked.key for asked in brief.script.questions] == ["day"]
    assert brief.script.farewell == "So long."
    assert brief.engine is Engine.SCRIPTED


def test_calls_that_are_held_freely_have_no_script() -> None:
    brief = brief_for(plan(engine="realtime"), plan().tasks[0])
    assert (brief.engine, brief.script) == (Engine.REALTIME, None)


def test_no_model_is_asked_for_a_script() -> None:
    assert "script" not in AssistantTurn.model_json_schema()["$defs"]["CampaignPlan"]["properties"]


def test_the_version_is_the_content() -> None:
    one, same = derive_script(plan()), derive_script(plan())
    assert one.version == same.version
    assert CallScript.model_validate_json(one.model_dump_json()).version == one.version
    assert changed(one, {"lines.goodbye": "Bye."}).version != one.version


# -- placeholders and edits


def test_placeholders_are_filled_once_and_values_stay_as_they_are() -> None:
    assert filled("Is {name} there? {odd}", name="{answer}") == "Is {answer} there? {odd}"
    script = derive_script(plan(opening="I call for {principal} about {name}.")).with_names("Ann", "Maria {name}")
    assert script.purpose == "I call for Maria {name} about Ann."


PATHS = [path for path, _ in derive_script(plan()).sentences()]


@given(st.dictionaries(st.sampled_from(PATHS), st.text(max_size=40).map(str.strip)))
def test_edits_are_exactly_what_differs(texts: dict[str, str]) -> None:
    derived = derive_script(plan())
    script = changed(derived, texts)
    assert dict(script.sentences()) == dict(derived.sentences()) | texts
    assert changed(derived, edits_of(script, derived)) == script
    assert carried(script, derived, derived) == script


def test_an_edit_survives_the_plan_as_long_as_the_plan_says_the_same_there() -> None:
    before, after = derive_script(plan()), derive_script(plan(opening="I am calling about the roof."))
    script = changed(before, {"purpose": "My own purpose.", "farewell": "So long."})
    assert carried(script, before, after).purpose == "I am calling about the roof."
    assert carried(script, before, after).farewell == "So long."


# -- the gate


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"questions": [{"key": "size", "ask": "Which size?"}]}, "“Which size?” (size) has no answer type"),
        ({"questions": [question("choice") | {"options": ["small"]}]}, "needs at least two options"),
        ({"questions": [question("choice") | {"options": [str(n) for n in range(10)]}]}, "has 10 options"),
        ({"questions": [question("date"), question("time")]}, "Two questions have the key q"),
        ({"language": "de"}, "knows English only, not “de”"),
        ({"opening": "x" * (MAX_SENTENCE_CHARS + 1)}, "“purpose” is longer than"),
        ({"opening": "Your surprise party is on Friday.", "must_not_say": ["surprise party."]}, "must not be told"),
        ({"opening": "I call {somebody}."}, "has {somebody}"),
        ({"questions": [question("number") | {"ask": "What is your PIN?"}]}, "asks for “PIN”"),
        ({"questions": [question("date", f"q{n}") for n in range(12)], "max_call_minutes": 1}, "may last 1."),
    ],
)
def test_what_cannot_be_held_word_for_word_is_refused_by_name(changes: dict[str, Any], words: str) -> None:
    problems = plan_problems(plan(**changes))
    assert any(words in problem for problem in problems), problems
    assert not plan_problems(plan(**changes).model_copy(update={"engine": Engine.REALTIME}))


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("farewell", "", "“farewell” is empty"),
        ("lines.opt_out", "", "“opt out” is empty"),
        ("lines.will_call", "I will call.", "must contain {when}"),
        ("noted", "Noted.", "must contain {answers}"),
        ("disclosure", "This is Maria.", "must say that an AI is calling"),
        ("hello", "Hello, is that {name}?", ""),
        ("is_right", "", ""),
    ],
)
def test_an_edited_sentence_is_looked_at_too(path: str, text: str, words: str) -> None:
    script = changed(derive_script(plan()), {path: text})
    problems = script_problems(script, "en", [], 10)
    assert (words in " ".join(problems)) if words else problems == []


def test_what_stands_against_one_contacts_script_names_the_contact() -> None:
    task = {"contact_name": "Ann", "phone_number": NUMBER, "questions": [{"key": "w", "ask": "What?"}]}
    assert any(problem.startswith("Ann: The question “What?”") for problem in plan_problems(plan(tasks=[task])))


def test_a_script_with_a_field_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValidationError, match="extra"):
        CallScript.model_validate({"disclosure": "An AI.", "purpose": "x", "farwell": "y"})
