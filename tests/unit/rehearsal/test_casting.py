"""Who is called, under which number, with which plan: shipped callees, a plan of one's own, and bad wishes."""

from collections import Counter

import phonenumbers
import pytest

from opendeep.common.campaign_plan import CampaignPlan, PlannedTask, Question, QuestionType, Voicemail, VoicemailPolicy
from opendeep.common.data_models import Disposition
from opendeep.common.errors import ConfigurationError
from opendeep.common.plan_problems import plan_problems
from opendeep.rehearsal.casting import SECRET, cast, handful
from opendeep.rehearsal.checks import FACTS
from opendeep.rehearsal.kinds import kind_of
from opendeep.simulation import Fact, shipped_callees
from opendeep.simulation.callee_loader import parse_callee

SHIPPED = {callee.name: callee for callee in shipped_callees()}


def own_plan(*questions: Question, **fields: object) -> CampaignPlan:
    return CampaignPlan.model_validate(
        {
            "objective": "Confirm the delivery.",
            "on_behalf_of": "Northwind",
            "questions": [question.model_dump() for question in questions],
            "tasks": [PlannedTask(contact_name="A real customer", phone_number="+493012345678").model_dump()],
        }
        | fields
    )


YES_NO = Question(key="at_home", ask="Will you be at home on Friday?", type=QuestionType.YES_NO)


def test_all_shipped_callees_are_cast_each_with_a_number_that_belongs_to_nobody() -> None:
    cases, passed_over = cast(shipped_callees(), repeat=3)
    assert len(cases) == 3 * len(SHIPPED)
    assert passed_over == []
    assert len({case.number for case in cases}) == len(cases)
    assert len({case.callee.name for case in cases}) == len(cases)
    for case in cases:
        number = phonenumbers.parse(case.number)
        assert phonenumbers.is_valid_number(number), case.number
        assert str(number.national_number)[3:8] == "55501"
        assert case.callee.numbers == (case.number,)
        assert case.callee.prefixes == ()
        assert case.plan.tasks[0].phone_number == case.number
        assert plan_problems(case.plan, "US") == []


def test_a_file_can_bring_no_number_of_its_own_into_a_rehearsal() -> None:
    mine = parse_callee(
        "{name: mine, title: Mine, numbers: ['+493012345678'], prefixes: ['+44'], attempts: [{outcome: busy}],"
        " truth: {disposition: BUSY}}",
        "mine.yaml",
    )
    cases, _ = cast([mine])
    assert cases[0].number.startswith("+120255501")
    assert "+493012345678" not in repr(cases[0].callee) + cases[0].plan.model_dump_json()


def test_every_fact_that_a_truth_may_name_has_a_check() -> None:
    assert set(FACTS) == set(Fact)


def test_the_classes_of_the_shipped_callees_are_what_makes_them_hard() -> None:
    kinds = {name: kind_of(callee) for name, callee in SHIPPED.items()}
    expected = {
        "books_tuesday": "person", "voicemail": "mailbox", "voicemail_then_person": "mailbox", "nested_menus": "menu",
        "hold_music_then_person": "hold", "screening_lets_through": "screening", "opts_out": "refusal or opt-out",
        "declines": "refusal or opt-out", "wrong_person": "not the person", "call_me_later": "not the person",
        "interrupts": "interruptions", "hums_along": "interruptions", "noisy_street": "difficult line or voice",
        "speaks_fast": "difficult line or voice", "no_answer": "not reached", "rejects": "not reached",
        "silent": "nobody or a machine", "fax_machine": "not the person",
    }  # fmt: skip
    found = {name: kinds[name] for name in expected}
    expected["fax_machine"] = found["fax_machine"]  # it is many things
    assert found == expected
    assert min(Counter(kinds.values()).values()) >= 2


def test_the_standard_plan_asks_the_callee_s_own_questions_and_hides_a_secret() -> None:
    case = cast([SHIPPED["answers_two_at_once"]])[0][0]
    assert [question.key for question in case.questions] == ["accepts", "people"]
    assert SECRET in case.plan.must_not_say
    assert case.plan.calling_window.any_time
    assert case.plan.voicemail.message


def test_only_who_needs_a_second_attempt_gets_one_at_once() -> None:
    twice = cast([SHIPPED["busy_then_answers"]])[0][0].plan
    once = cast([SHIPPED["no_answer"]])[0][0].plan
    assert twice.retry_minutes < 1
    assert once.retry_minutes >= 30
    assert once.max_attempts > 1  # so that a plan for another call can be seen


# -- a plan of one's own


def test_answers_go_to_the_question_of_the_same_type_and_others_are_passed_over() -> None:
    cases, passed_over = cast(shipped_callees(), plan=own_plan(YES_NO))
    by_name = {case.name: case for case in cases}
    assert by_name["books_tuesday"].truth.fields == {"at_home": True}
    assert by_name["opts_out"].truth.disposition == (Disposition.OPTED_OUT,)
    assert "names_another_day" in passed_over
    assert "chooses" in passed_over
    assert {case.plan.on_behalf_of for case in cases} == {"Northwind"}
    assert all("A real customer" not in case.plan.model_dump_json() for case in cases)
    assert all("+493012345678" not in case.plan.model_dump_json() for case in cases)


def test_questions_of_a_contact_serve_where_the_plan_has_none() -> None:
    plan = own_plan(tasks=[{"contact_name": "A", "phone_number": "1", "questions": [YES_NO.model_dump()]}])
    cases, _ = cast([SHIPPED["books_tuesday"]], plan=plan)
    assert [question.key for question in cases[0].questions] == ["at_home"]


def test_a_plan_that_leaves_no_message_is_right_to_hang_up_on_mailboxes() -> None:
    plan = own_plan(YES_NO, voicemail=Voicemail(policy=VoicemailPolicy.HANG_UP).model_dump())
    truth = cast([SHIPPED["voicemail"]], plan=plan)[0][0].truth
    assert truth.disposition == (Disposition.VOICEMAIL,)
    assert Fact.MESSAGE_LEFT not in truth.must


# -- bad wishes


def test_unknown_names_are_told_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"--only: nobody is called nobody\. There are: .*books_tuesday"):
        cast(shipped_callees(), only=["nobody"])


def test_nobody_to_call_is_told() -> None:
    silent = parse_callee("{name: mine, title: Mine, attempts: [{outcome: busy}]}", "mine.yaml")
    with pytest.raises(ConfigurationError, match="Nobody is left to be called: no callee says in its file"):
        cast([silent])
    free = Question(key="story", ask="What happened?", type=QuestionType.TEXT)
    with pytest.raises(ConfigurationError, match="answers the plan's questions"):
        cast([SHIPPED["books_tuesday"]], plan=own_plan(free))


def test_too_many_calls_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="lower --repeat"):
        cast(shipped_callees(), repeat=100)


# -- a handful


def test_a_handful_has_one_of_each_telling_class_first() -> None:
    chosen = [case.name for case in handful(cast(shipped_callees())[0])]
    assert chosen[:5] == ["books_tuesday", "voicemail", "opts_out", "wrong_person", "interrupts"]
    assert len(chosen) == len({kind_of(SHIPPED[name]) for name in chosen}) == 6


def test_a_handful_of_few_is_all_of_them() -> None:
    cases, _ = cast([SHIPPED["declines"], SHIPPED["opts_out"]])
    assert {case.name for case in handful(cases)} == {"declines", "opts_out"}
