"""From outcome to next state: the table, and what holds for every outcome."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.common.callee_place import CalleePlace
from opendeep.common.campaign_plan import TaskBrief, VoicemailPolicy, brief_for
from opendeep.common.data_models import CallStatus, Disposition, TaskStatus
from opendeep.common.task_states import check_transition
from opendeep.post_call_analyzer_service.next_steps import Decision, Outcome, claimed_disposition, decide, kept_promise
from tests.support.database import sample_plan

NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)
NOWHERE = CalleePlace(())
D = Disposition


def brief(policy: VoicemailPolicy = VoicemailPolicy.LEAVE_MESSAGE) -> TaskBrief:
    plan = sample_plan(["+12025550101"])
    found = brief_for(plan, plan.tasks[0])
    return found.model_copy(update={"voicemail": found.voicemail.model_copy(update={"policy": policy})})


def outcome(disposition: Disposition, attempts: int = 1, status: CallStatus = CallStatus.COMPLETED) -> Outcome:
    return Outcome(disposition, status, attempts, 3)


def step(found: Outcome, jitter: float = 0.0) -> Decision:
    return decide(found, brief(), "Anna", NOWHERE, NOW, jitter)


@pytest.mark.parametrize(
    ("disposition", "first", "last"),
    [
        (D.ACHIEVED, TaskStatus.COMPLETED, TaskStatus.COMPLETED),
        (D.DECLINED, TaskStatus.COMPLETED, TaskStatus.COMPLETED),
        (D.OPTED_OUT, TaskStatus.FAILED, TaskStatus.FAILED),
        (D.WRONG_NUMBER, TaskStatus.FAILED, TaskStatus.FAILED),
        (D.CALLBACK_REQUESTED, TaskStatus.SCHEDULED, TaskStatus.NEEDS_USER),
        (D.VOICEMAIL_LEFT, TaskStatus.SCHEDULED, TaskStatus.COMPLETED),
        (D.VOICEMAIL, TaskStatus.SCHEDULED, TaskStatus.FAILED),
        (D.INCONCLUSIVE, TaskStatus.SCHEDULED, TaskStatus.FAILED),
        (D.NO_ANSWER, TaskStatus.SCHEDULED, TaskStatus.FAILED),
        (D.BUSY, TaskStatus.SCHEDULED, TaskStatus.FAILED),
        (D.REJECTED, TaskStatus.SCHEDULED, TaskStatus.FAILED),
        (D.UNREACHABLE, TaskStatus.SCHEDULED, TaskStatus.FAILED),
        (D.FAILED, TaskStatus.SCHEDULED, TaskStatus.FAILED),
    ],
)
def test_each_disposition_has_its_next_state(disposition: Disposition, first: TaskStatus, last: TaskStatus) -> None:
    assert step(outcome(disposition, attempts=1)).status is first
    assert step(outcome(disposition, attempts=3)).status is last


@pytest.mark.parametrize("disposition", [D.VOICEMAIL, D.NO_ANSWER, D.BUSY, D.REJECTED])
def test_a_message_that_was_left_before_counts_at_the_end(disposition: Disposition) -> None:
    """Later calls hang up on mailboxes; the task still ends as what it reached."""
    found = replace(outcome(disposition, attempts=3), message_left=True)
    assert (step(found).status, step(found).disposition) == (TaskStatus.COMPLETED, D.VOICEMAIL_LEFT)
    assert step(replace(found, attempts=2)).status is TaskStatus.SCHEDULED


@pytest.mark.parametrize(("before", "after"), [(0, 0), (0, 1), (1, 1), (1, 2)])
def test_what_the_user_stopped_during_its_call_is_not_tried_again(before: int, after: int) -> None:
    """Whether the attempt was counted or forgiven: nothing is left of the budget then."""
    found = step(replace(outcome(D.FAILED, attempts=after), max_attempts=before))
    assert found.status is TaskStatus.FAILED
    assert "All 0" not in found.reason


def test_a_person_without_a_result_outweighs_the_message_left_before() -> None:
    found = replace(outcome(D.INCONCLUSIVE, attempts=3), message_left=True)
    assert (step(found).status, step(found).disposition) == (TaskStatus.FAILED, None)


def test_the_wait_doubles_and_a_busy_line_waits_less() -> None:
    waits = [step(outcome(D.NO_ANSWER, attempts)).next_attempt_at for attempts in (1, 2)]
    assert waits == [NOW + timedelta(minutes=30), NOW + timedelta(minutes=60)]
    assert step(outcome(D.BUSY)).next_attempt_at == NOW + timedelta(minutes=7.5)
    assert step(outcome(D.NO_ANSWER), jitter=1.0).next_attempt_at == NOW + timedelta(minutes=33)


def test_a_number_that_does_not_exist_is_not_tried_again() -> None:
    assert step(outcome(D.UNREACHABLE, status=CallStatus.UNALLOCATED)).status is TaskStatus.FAILED


@given(
    st.sampled_from(D), st.sampled_from(CallStatus), st.integers(0, 30), st.integers(1, 20), st.floats(-1, 1),
    st.sampled_from(["complete", "retry", "callback", "needs_user", "fail"]), st.sampled_from([None, "Well?"]),
)  # fmt: skip
def test_whatever_is_proposed_the_budget_and_the_state_table_hold(
    disposition: Disposition,
    status: CallStatus,
    attempts: int,
    budget: int,
    jitter: float,
    proposed: str,
    question: str | None,
) -> None:
    found = Outcome(disposition, status, attempts, budget, proposed, None, question)
    decision = decide(found, brief(), "Anna", NOWHERE, NOW, jitter)
    check_transition(TaskStatus.PENDING_ANALYSIS, decision.status)
    assert decision.reason
    if decision.status is TaskStatus.SCHEDULED:
        assert attempts < budget
        assert decision.next_attempt_at is not None
        assert decision.next_attempt_at > NOW
    if decision.status is TaskStatus.NEEDS_USER:
        assert decision.question
    if disposition is D.OPTED_OUT:
        assert decision.status is TaskStatus.FAILED


@pytest.mark.parametrize(
    ("judged", "answered", "left", "policy", "claimed"),
    [
        (D.ACHIEVED, True, False, VoicemailPolicy.LEAVE_MESSAGE, D.ACHIEVED),
        (D.ACHIEVED, False, False, VoicemailPolicy.LEAVE_MESSAGE, D.INCONCLUSIVE),
        (D.INCONCLUSIVE, True, False, VoicemailPolicy.LEAVE_MESSAGE, D.ACHIEVED),
        (D.VOICEMAIL_LEFT, False, True, VoicemailPolicy.LEAVE_MESSAGE, D.VOICEMAIL_LEFT),
        (D.VOICEMAIL_LEFT, False, False, VoicemailPolicy.LEAVE_MESSAGE, D.VOICEMAIL),
        (D.VOICEMAIL_LEFT, False, True, VoicemailPolicy.HANG_UP, D.VOICEMAIL),
    ],
)
def test_only_what_is_proved_is_claimed(
    judged: Disposition, answered: bool, left: bool, policy: VoicemailPolicy, claimed: Disposition
) -> None:
    found = claimed_disposition(judged, brief(policy), required_answered=answered, refused=False, message_left=left)
    assert found is claimed


@pytest.mark.parametrize("judged", D)
def test_a_promise_outranks_all_but_what_makes_it_needless_or_forbids_it(judged: Disposition) -> None:
    final = judged in (D.ACHIEVED, D.OPTED_OUT, D.WRONG_NUMBER)
    assert kept_promise(judged) is (judged if final else D.CALLBACK_REQUESTED)


def test_a_promise_is_kept_while_the_user_thinks() -> None:
    at = NOW + timedelta(hours=3)
    found = replace(outcome(D.CALLBACK_REQUESTED), callback_at=at, promised=True, question="They want a fee. Pay?")
    decision = step(found)
    assert (decision.status, decision.next_attempt_at, decision.promised) == (TaskStatus.SCHEDULED, at, True)
    assert decision.question == "They want a fee. Pay?"
    last = step(replace(found, attempts=3))
    assert (last.status, last.next_attempt_at) == (TaskStatus.NEEDS_USER, None)
    assert "once more" in (last.question or "")


@pytest.mark.parametrize("judged", [D.INCONCLUSIVE, D.FAILED, D.NO_ANSWER])
def test_a_call_that_the_user_stopped_is_not_made_again_unasked(judged: D) -> None:
    found = replace(outcome(judged), stopped_by_user=True)
    decision = step(found)
    assert decision.status is TaskStatus.NEEDS_USER
    assert "Shall I call again?" in (decision.question or "")
    assert step(replace(found, disposition=D.ACHIEVED)).status is TaskStatus.COMPLETED
    assert step(replace(found, disposition=D.DECLINED)).status is TaskStatus.COMPLETED


def test_whoever_was_put_through_to_a_person_is_not_called_again_unasked() -> None:
    found = replace(outcome(D.INCONCLUSIVE), put_through_to="reception")
    decision = step(found)
    assert decision.status is TaskStatus.NEEDS_USER
    assert "put through to reception" in (decision.question or "")
    assert step(replace(found, disposition=D.ACHIEVED)).status is TaskStatus.COMPLETED
    assert step(replace(found, disposition=D.VOICEMAIL)).status is TaskStatus.SCHEDULED
