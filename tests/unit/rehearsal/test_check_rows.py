"""The checks that read rows: each is right on what is right, and wrong on what is wrong."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from opendeep.common.campaign_plan import Question, QuestionType
from opendeep.common.data_models import CallStatus, Disposition, FeedbackKind, TaskStatus
from opendeep.rehearsal import check_rows
from opendeep.rehearsal.evidence import CallEvidence
from opendeep.simulation.callee_truth import FieldValue
from opendeep.simulation.witness import Visit
from tests.unit.rehearsal.builder import ACCEPTS, CALLED_AT, asked, case, event, evidence, row, task, witness

NEW_YORK = ZoneInfo("America/New_York")


def test_any_of_the_true_outcomes_is_right_and_another_is_told_with_the_right_one() -> None:
    truth = case({"disposition": ["DECLINED", "INCONCLUSIVE"]})
    assert check_rows.outcome(evidence(of=truth, the_task=task(Disposition.DECLINED))).right
    wrong = check_rows.outcome(evidence(of=truth, the_task=task(Disposition.ACHIEVED)))
    assert not wrong.right
    assert "right is DECLINED/INCONCLUSIVE" in wrong.why
    assert not check_rows.outcome(evidence(of=truth, the_task=task(None))).right


def question(kind: QuestionType, *options: str) -> Question:
    return Question(key="q", ask="What?", type=kind, options=list(options))


@pytest.mark.parametrize(
    ("kind", "value", "truth", "right"),
    [
        (QuestionType.YES_NO, "yes", True, True),
        (QuestionType.YES_NO, "yes", False, False),
        (QuestionType.NUMBER, "4", 4, True),
        (QuestionType.NUMBER, "4.5", 4, False),
        (QuestionType.NUMBER, "four", 4, False),
        (QuestionType.CHOICE, "Morning", "morning", True),
        (QuestionType.CHOICE, "evening", "morning", False),
        (QuestionType.TEXT, "the grey cat", "a grey cat", True),
        (QuestionType.TEXT, "a dog", "a grey cat", False),
        (QuestionType.DATETIME, "2026-11-25T14:00:00", "wednesday at two in the afternoon", True),
        (QuestionType.DATETIME, "2026-11-25T14:00:00-05:00", "wednesday at two in the afternoon", True),
        (QuestionType.DATETIME, "2026-11-25T15:00:00", "wednesday at two in the afternoon", False),
        (QuestionType.DATETIME, "soon", "wednesday at two in the afternoon", False),
        (QuestionType.DATE, "2026-11-24", "tuesday", True),
        (QuestionType.DATE, "2026-11-25", "tuesday", False),
        (QuestionType.TIME, "10:00", "at ten", True),
        (QuestionType.TIME, "11:00", "at ten", False),
        (QuestionType.TIME, "10:00", "gibberish", False),
    ],
)
def test_answers_are_compared_by_the_type_of_their_question(
    kind: QuestionType, value: str, truth: FieldValue, right: bool
) -> None:
    assert check_rows.same_answer(question(kind), value, truth, CALLED_AT) is right


def test_each_answer_counts_for_its_share() -> None:
    people = Question(key="people", ask="How many people will be at home?", type=QuestionType.NUMBER)
    both = case({"fields": {"accepts": True, "people": 4}}, [ACCEPTS, people])
    found = {"accepts": {"value": "yes", "quote": "yes that works"}}
    half = check_rows.answers(evidence(of=both, the_task=task(result=found)))
    assert half is not None
    assert half.share == 0.5
    assert "“yes that works”" in half.why
    assert "people: nothing recorded, right is 4" in half.why
    all_of_it = check_rows.answers(evidence(of=both, the_task=task(result=found | {"people": {"value": "4"}})))
    assert all_of_it is not None
    assert all_of_it.right
    assert check_rows.answers(evidence()) is None  # nothing was to be learned


def test_who_answered_must_have_been_known() -> None:
    truth = case({"answered_by": "voicemail"})
    known = check_rows.answered_by(evidence(of=truth, events=[event("call.answered_by", answered_by="voicemail")]))
    guessed = check_rows.answered_by(evidence(of=truth, events=[event("call.answered_by", answered_by="human")]))
    assert known is not None
    assert known.right
    assert guessed is not None
    assert not guessed.right
    assert check_rows.answered_by(evidence()) is None


def test_keys_are_those_that_the_switch_saw() -> None:
    truth = case({"keys": "122"})
    right = check_rows.keys(evidence(of=truth, about={"keys": "122"}))
    wrong = check_rows.keys(evidence(of=truth, about={"keys": "1222"}))
    assert right is not None
    assert right.right
    assert wrong is not None
    assert not wrong.right


def test_attempts_are_counted() -> None:
    assert check_rows.attempts(evidence()).right
    assert not check_rows.attempts(evidence(of=case({"attempts": 2}))).right


@pytest.mark.parametrize(
    ("call", "about", "left", "right"),
    [
        ({}, {}, (), True),
        ({"status": CallStatus.IN_PROGRESS}, {}, (), False),
        ({}, {"ended": ""}, (), False),
        ({}, {}, ("1 line(s) of the product are still in use",), False),
    ],
)
def test_nothing_may_be_left_running(
    call: dict[str, Any], about: dict[str, Any], left: tuple[str, ...], right: bool
) -> None:
    assert check_rows.nothing_left(evidence(call=row(**call), about=about, left_running=left)).right is right


@pytest.mark.parametrize(("talk_ms", "right"), [(60_000, True), (60_500, False)])
def test_a_call_ends_in_time(talk_ms: int, right: bool) -> None:
    found = check_rows.within_time(evidence(of=case({"within_s": 60}), about={"talk_ms": talk_ms}))
    assert found is not None
    assert found.right is right


# -- facts


def test_another_call_is_one_that_was_made_or_one_that_is_planned() -> None:
    assert not check_rows.called_again(evidence())[0]
    later = task(status=TaskStatus.SCHEDULED, next_attempt_at=CALLED_AT + timedelta(hours=1))
    assert check_rows.called_again(evidence(the_task=later))[0]
    two = (CallEvidence(row(1), witness=witness()), CallEvidence(row(2), witness=witness()))
    assert check_rows.called_again(evidence(calls=two))[0]
    assert not check_rows.called_again(evidence(of=case({"attempts": 2}), calls=two))[0]


def test_a_call_back_is_at_the_time_that_was_named_in_the_zone_of_the_callee() -> None:
    truth = case({"callback": "tomorrow at three"})
    right = datetime(2026, 11, 24, 15, 0, tzinfo=NEW_YORK)

    def planned(at: datetime) -> bool:
        return check_rows.callback_planned(
            evidence(of=truth, the_task=task(status=TaskStatus.SCHEDULED, next_attempt_at=at))
        )[0]

    assert planned(right)
    assert not planned(right + timedelta(hours=1))
    assert not check_rows.callback_planned(evidence(of=truth))[0]


def test_the_user_was_asked_what_the_callee_wanted_to_know_in_the_call() -> None:
    truth = case({"question": "will the water be turned off during the visit"})
    assert check_rows.asked_the_user(evidence(of=truth, feedback=[asked("Will the water be turned off?")]))[0]
    assert not check_rows.asked_the_user(evidence(of=truth, feedback=[asked("What does it cost?")]))[0]
    late = asked("Will the water be turned off?", FeedbackKind.DECISION)
    assert not check_rows.asked_the_user(evidence(of=truth, feedback=[late]))[0]


def test_the_recording_of_who_refused_is_gone() -> None:
    assert not check_rows.recording_stopped(evidence())[0]
    assert check_rows.recording_stopped(evidence(call=row(recording_path=None)))[0]


@pytest.mark.parametrize(
    ("ended", "by_us"),
    [
        ("manager_hangup", True),
        ("caller_hangs_up", True),
        ("audiosocket_peer_closed", True),
        ("callee_hangs_up", False),
    ],
)
def test_the_switch_knows_who_hung_up(ended: str, by_us: bool) -> None:
    assert check_rows.ended_call(evidence(about={"ended": ended}))[0] is by_us


def test_a_hold_was_waited_through_when_the_call_came_behind_it() -> None:
    assert not check_rows.waited_on_hold(evidence())[0]
    visits = (Visit(0, "queue"), Visit(10_000, "behind"))
    assert check_rows.waited_on_hold(evidence(about={"visits": visits}))[0]


def test_the_list_and_the_beep_are_looked_up() -> None:
    assert check_rows.opt_out_listed(evidence(blocked=True))[0]
    assert not check_rows.opt_out_listed(evidence())[0]
    assert check_rows.spoke_before_beep(evidence(about={"spoke_before_beep": True}))[0]
    assert not check_rows.spoke_before_beep(evidence())[0]
    mailbox_first = CallEvidence(row(1), witness=replace(witness(), spoke_before_beep=True))
    assert check_rows.spoke_before_beep(evidence(calls=(mailbox_first, CallEvidence(row(2), witness=witness()))))[0]
