"""The table itself: complete, closed, and never a dead end except the terminal states."""

import pytest

from opendeep.common.data_models import TaskStatus
from opendeep.common.errors import InvalidTransition
from opendeep.common.task_states import TERMINAL, TRANSITIONS, check_transition


def test_every_status_has_a_row_and_every_target_exists() -> None:
    assert set(TRANSITIONS) == set(TaskStatus)


@pytest.mark.parametrize("status", sorted(set(TaskStatus) - TERMINAL))
def test_from_every_open_status_a_terminal_one_can_be_reached(status: TaskStatus) -> None:
    reached, frontier = {status}, [status]
    while frontier:
        new = TRANSITIONS[frontier.pop()] - reached
        reached |= new
        frontier.extend(new)
    assert reached >= TERMINAL


def test_a_call_in_progress_only_goes_to_analysis() -> None:
    assert TRANSITIONS[TaskStatus.CALL_IN_PROGRESS] == {TaskStatus.PENDING_ANALYSIS}


@pytest.mark.parametrize("old", TaskStatus)
@pytest.mark.parametrize("new", TaskStatus)
def test_the_check_follows_the_table(old: TaskStatus, new: TaskStatus) -> None:
    if new in TRANSITIONS[old]:
        check_transition(old, new)
    else:
        with pytest.raises(InvalidTransition, match=f"{old} to {new}"):
            check_transition(old, new)
