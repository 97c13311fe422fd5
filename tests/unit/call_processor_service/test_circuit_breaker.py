"""The breaker's table, row by row, and what holds for every sequence."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from opendeep.call_processor_service import circuit_breaker as cb
from opendeep.common.trunk_values import Breaker, BreakerState

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=cb.WAIT_FIRST_S)


def after(outcomes: str) -> Breaker:
    breaker = Breaker()
    for outcome in outcomes:
        breaker = cb.fail(breaker, NOW, "503") if outcome == cb.FAULT else cb.prove(breaker)
    return breaker


@pytest.mark.parametrize(
    ("outcomes", "opens"),
    [
        ("xx", False),
        ("xxx", True),
        ("xx.xx.xx", True),  # 5 of 6 or more
        ("x.x.x.x", False),  # 4 only
        ("x.x.x.x.x", True),  # 5 of 9
        ("...........x.x.x.x.x", False),  # 5 of 20
        ("................xxx", True),  # three in a row, however good the day was
        ("x.x.x.x.............x", False),  # old ones leave the window
    ],
)
def test_when_it_opens(outcomes: str, opens: bool) -> None:
    assert (after(outcomes).state is BreakerState.OPEN) is opens


def test_an_open_breaker_lets_one_call_through_at_its_time() -> None:
    breaker = after("xxx")
    assert not cb.may_call(breaker, NOW)
    assert cb.may_call(breaker, LATER)
    trial = cb.let_through(breaker, LATER)
    assert trial.state is BreakerState.HALF_OPEN
    assert not cb.may_call(trial, LATER)
    assert cb.may_call(trial, LATER + timedelta(seconds=cb.TRIAL_S))  # its node has vanished


def test_a_clock_that_is_put_back_does_not_keep_it_open() -> None:
    """The longest wait there is, and not the hour that the clock was wrong."""
    breaker = cb.force_open(Breaker(), NOW, "503")
    assert not cb.may_call(breaker, NOW - timedelta(seconds=60))
    assert cb.may_call(breaker, NOW - timedelta(hours=1))


def test_a_trial_that_succeeds_closes_it_and_forgets() -> None:
    assert cb.prove(cb.let_through(after("xxx"), LATER)) == Breaker()


def test_a_trial_that_fails_doubles_the_wait_up_to_a_limit() -> None:
    breaker, waits = after("xxx"), []
    for _ in range(12):
        assert breaker.until is not None
        now = breaker.until
        breaker = cb.fail(cb.let_through(breaker, now), now, "503 again")
        assert breaker.until is not None
        waits.append((breaker.until - now).total_seconds())
    assert waits[:4] == [30, 60, 120, 240]
    assert waits[-1] == cb.WAIT_MAX_S
    assert breaker.reason == "503 again"


def test_a_call_from_before_the_opening_changes_nothing() -> None:
    breaker = after("xxx")
    assert cb.fail(breaker, LATER, "late") == breaker


@given(st.text("x.", max_size=60))
def test_it_opens_only_for_faults(outcomes: str) -> None:
    if after(outcomes).state is BreakerState.OPEN:
        assert outcomes.count("x") >= cb.IN_A_ROW
    assert len(after(outcomes).recent) <= cb.WINDOW


class AnyOrder(RuleBasedStateMachine):
    """Calls start, end and get lost in any order, time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker()
        self.now = NOW
        self.trials_at: list[datetime] = []

    @rule(seconds=st.integers(0, 700))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: cb.may_call(self.breaker, self.now))
    @rule()
    def call(self) -> None:
        if self.breaker.state is not BreakerState.CLOSED:
            self.trials_at.append(self.now)
        self.breaker = cb.let_through(self.breaker, self.now)

    @rule()
    def fault(self) -> None:
        self.breaker = cb.fail(self.breaker, self.now, "fault")

    @rule()
    def success(self) -> None:
        self.breaker = cb.prove(self.breaker)
        self.trials_at.clear()

    @invariant()
    def it_always_tries_again(self) -> None:
        if self.breaker.state is not BreakerState.CLOSED:
            assert self.breaker.until is not None
            assert (self.breaker.until - self.now).total_seconds() <= cb.WAIT_MAX_S
            assert self.breaker.reason

    @invariant()
    def trials_keep_their_distance(self) -> None:
        gaps = [b - a for a, b in zip(self.trials_at, self.trials_at[1:], strict=False)]
        assert all(gap.total_seconds() >= cb.WAIT_FIRST_S for gap in gaps)

    @invariant()
    def closed_means_nothing_is_held_against_it(self) -> None:
        if self.breaker.state is BreakerState.CLOSED:
            assert (self.breaker.openings, self.breaker.until) == (0, None)


TestAnyOrder = AnyOrder.TestCase
