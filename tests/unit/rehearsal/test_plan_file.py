"""A user's plan: YAML and JSON are read, each mistake is told with file, line and field."""

import json
from pathlib import Path

import pytest

from opendeep.rehearsal.plan_file import PlanFileError, parse_plan, read_plan

GOOD = """\
objective: Confirm the delivery.
on_behalf_of: Northwind
questions:
  - {key: at_home, ask: "Will you be at home?", type: yes_no}
"""


def test_yaml_and_json_say_the_same() -> None:
    plan = parse_plan(GOOD, "plan.yaml")
    assert plan.questions[0].key == "at_home"
    assert parse_plan(plan.model_dump_json(), "plan.json") == plan


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "plan.yaml:1: write a plan"),
        ("- a list\n", "plan.yaml:1: write a plan"),
        ("a: [1\n", "plan.yaml:2: is neither YAML nor JSON"),
        (GOOD + "objektive: x\n", "plan.yaml:5: objektive: there is no such field; there are: allowed_countries"),
        (GOOD.replace("yes_no", "maybe"), "plan.yaml:4: questions.0.type: Input should be 'yes_no'"),
        (GOOD.replace("at_home,", '"At Home",'), "plan.yaml:4: questions.0.key: String should match"),
        (GOOD.replace("objective: Confirm the delivery.\n", ""), "objective: say what the calls should achieve"),
        (GOOD.replace("Northwind", '""'), "plan.yaml:2: on_behalf_of: say on whose behalf is called"),
        (GOOD.partition("questions")[0], "questions: give at least one question"),
        (GOOD + "tasks:\n  - {contact_name: A, phone: '1'}\n", "plan.yaml:6: tasks.0.phone: there is no such field"),
        (GOOD + "a: &x 1\nb: *x\n", "aliases"),
    ],
)
def test_mistakes_have_their_place(text: str, told: str) -> None:
    with pytest.raises(PlanFileError) as error:
        parse_plan(text, "plan.yaml")
    assert told in str(error.value)


def test_all_mistakes_are_told_at_once() -> None:
    broken = GOOD.replace("yes_no", "maybe").replace("at_home,", '"At Home",')
    with pytest.raises(PlanFileError) as error:
        parse_plan(broken, "plan.yaml")
    assert len(str(error.value).splitlines()) == 2


def test_a_file_that_is_not_there_and_one_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(PlanFileError, match="cannot be read: No such file"):
        read_plan(tmp_path / "none.yaml")
    (tmp_path / "odd.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlanFileError, match="not UTF-8"):
        read_plan(tmp_path / "odd.yaml")
    path = tmp_path / "good.json"
    path.write_text(json.dumps({"objective": "A", "on_behalf_of": "B", "questions": [{"key": "a", "ask": "A?"}]}))
    assert read_plan(path).objective == "A"
