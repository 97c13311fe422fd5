"""The plan document: limits, defaults, and what stands between a plan and its confirmation."""

import pytest
from pydantic import ValidationError

from opendeep.common.campaign_plan import CallingWindow, CampaignPlan, PlannedTask, Question, TaskBrief, brief_for
from opendeep.common.plan_problems import plan_problems


def plan(**changes: object) -> CampaignPlan:
    base = {
        "title": "Inspections",
        "objective": "Book the inspection.",
        "on_behalf_of": "Maria Keller",
        "tasks": [{"contact_name": "Anna", "phone_number": "+1 202 555 0101"}],
    }
    return CampaignPlan.model_validate(base | changes)


def test_a_good_plan_has_no_problems() -> None:
    assert plan_problems(plan(), "US") == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"objective": ""}, "what the calls should achieve"),
        ({"on_behalf_of": " "}, "on whose behalf"),
        ({"tasks": []}, "nobody to call"),
        ({"tasks": [{"contact_name": "Anna", "phone_number": "soon"}]}, "Anna: “soon” is not a telephone number"),
        ({"tasks": [{"contact_name": "", "phone_number": "+12025550101"}]}, "has no name"),
        (
            {
                "tasks": [
                    {"contact_name": "Anna", "phone_number": "+12025550101"},
                    {"contact_name": "Ben", "phone_number": "(202) 555-0101"},
                ]
            },
            "Ben and Anna have the same number",
        ),
        ({"tasks": [{"contact_name": "Help", "phone_number": "911"}]}, "Emergency numbers are never called"),
        ({"tasks": [{"contact_name": "Help", "phone_number": "+49 112"}]}, "Emergency numbers are never called"),
        ({"tasks": [{"contact_name": "Hot", "phone_number": "+1 900 555 0123"}]}, "Premium rate numbers are never"),
        ({"tasks": [{"contact_name": "Nobody", "phone_number": "+1 200 555 0101"}]}, "No such number can exist"),
        ({"tasks": [{"contact_name": "Kim", "phone_number": "+86 138 1234 5678"}]}, "Calls to CN are not allowed"),
        ({"calling_window": {"start": "20:00", "end": "09:00"}}, "window ends before it starts"),
        ({"calling_window": {"weekdays": []}}, "no weekdays"),
        ({"calling_window": {"breaks": [{"start": "08:00", "end": "24:00"}]}}, "leave nothing"),
        ({"calling_window": {"breaks": [{"start": "13:00", "end": "12:00"}]}}, "break at 13:00 ends before"),
        ({"not_after": "2026-05-01T18:00"}, "in which time zone the end"),
        (
            {"tasks": [{"contact_name": "Anna", "phone_number": "+12025550101", "not_before": "2026-05-01T18:00"}]},
            "in which time zone",
        ),
        (
            {
                "not_after": "2026-05-01T18:00Z",
                "tasks": [{"contact_name": "Anna", "phone_number": "+12025550101", "not_before": "2026-05-01T18:00Z"}],
            },
            "before the time at which the plan ends",
        ),
        ({"allowed_countries": ["DE"]}, "Calls to US are not allowed"),
    ],
)
def test_each_problem_is_named(changes: dict[str, object], words: str) -> None:
    assert any(words in problem for problem in plan_problems(plan(**changes), "US", (), ("US",)))


def test_a_task_falls_back_to_the_plan() -> None:
    question = Question(key="ok", ask="Does Tuesday work?")
    document = plan(questions=[question.model_dump()], may_say=["It is free."])
    brief = brief_for(document, PlannedTask(contact_name="Anna", phone_number="7000", may_say=["Ring twice."]))
    assert brief.questions == [question]
    assert brief.may_say == ["It is free.", "Ring twice."]
    assert brief.disclosure == "This is an AI assistant calling on behalf of Maria Keller."


@pytest.mark.parametrize(
    "task",
    [
        {"contact_name": "A", "phone_number": "1", "timezone": "Mars/Base"},
        {"contact_name": "A", "phone_number": "1", "timezone": "Europe"},  # a folder of the zone files
        {"contact_name": "A" * 300, "phone_number": "1"},
        {"contact_name": "A", "phone_number": "1", "questions": [{"key": "Not a key", "ask": "?"}]},
        {"contact_name": "A", "phone_number": "1", "contact_kind": "robot"},
        {"contact_name": "A", "phone_number": "1", "address": "x" * 301},
    ],
)
def test_documents_out_of_bounds_are_refused(task: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        plan(tasks=[task])


@pytest.mark.parametrize(
    "change",
    [
        {"calling_window": {"start": "09:00+02:00"}},  # whose wall clock would that be?
        {"number_types": ["premium_rate"]},
        {"allowed_countries": ["Germany"]},
        {"holidays": "sometimes"},
        {"max_spend": -1},
        {"retries": {"busy": 0}},
    ],
)
def test_plans_out_of_bounds_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        plan(**change)


def test_briefs_of_older_rows_stay_readable() -> None:
    document = plan()
    brief = brief_for(document, document.tasks[0]).model_dump(mode="json")
    for younger in ("holidays", "not_after", "allowed_countries", "number_types", "retries", "max_spend"):
        del brief[younger]
    del brief["calling_window"]["breaks"]
    assert TaskBrief.model_validate(brief) == brief_for(document, document.tasks[0])


def test_the_window_defaults_to_decent_hours() -> None:
    window = CallingWindow()
    assert (window.start.hour, window.end.hour, window.any_time) == (9, 20, False)
