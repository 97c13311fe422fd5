"""The task's state machine as a table. Pure: who may go where, and nothing else.

A look-up that fails *is* the error. The diagram in docs/ is generated from this table.
"""

from opendeep.common.data_models import TaskStatus as S
from opendeep.common.errors import InvalidTransition

TERMINAL = frozenset({S.COMPLETED, S.FAILED, S.CANCELLED})
CANCELLABLE = (S.SCHEDULED, S.QUEUED_FOR_CALL, S.ON_HOLD, S.NEEDS_USER)  # not in a call, and not its analysis

TRANSITIONS: dict[S, frozenset[S]] = {
    S.SCHEDULED: frozenset({S.QUEUED_FOR_CALL, S.NEEDS_USER, S.ON_HOLD, S.COMPLETED, S.FAILED, S.CANCELLED}),
    S.QUEUED_FOR_CALL: frozenset({S.CALL_IN_PROGRESS, S.SCHEDULED, S.ON_HOLD, S.FAILED, S.CANCELLED}),
    S.CALL_IN_PROGRESS: frozenset({S.PENDING_ANALYSIS}),
    S.PENDING_ANALYSIS: frozenset({S.COMPLETED, S.FAILED, S.SCHEDULED, S.NEEDS_USER, S.ON_HOLD, S.CANCELLED}),
    S.NEEDS_USER: frozenset({S.SCHEDULED, S.ON_HOLD, S.COMPLETED, S.FAILED, S.CANCELLED}),
    S.ON_HOLD: frozenset({S.SCHEDULED, S.NEEDS_USER, S.COMPLETED, S.FAILED, S.CANCELLED}),
    S.COMPLETED: frozenset(),
    S.FAILED: frozenset({S.SCHEDULED}),  # the user redials
    S.CANCELLED: frozenset({S.SCHEDULED}),  # the user changes their mind
}


def check_transition(old: S, new: S) -> None:
    """Raise `InvalidTransition` unless the table allows `old -> new`."""
    if new not in TRANSITIONS[old]:
        raise InvalidTransition(f"A task cannot go from {old} to {new}.")
