"""Never more than rate x t + burst in any interval, whoever asks when; and no token is lost either."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from opendeep.call_processor_service.token_bucket import Pace
from opendeep.common.trunk_values import Bucket

START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
paces = st.builds(
    Pace, st.one_of(st.floats(0.01, 50, allow_nan=False), st.sampled_from([1.0, 10.0, 1 / 3])), st.integers(1, 20)
)
# clocks of nodes differ: some askers come with an earlier time than the one before
steps = st.lists(st.tuples(st.floats(-2, 20, allow_nan=False), st.integers(1, 30)), max_size=40)


def taken_at(pace: Pace, steps: list[tuple[float, int]]) -> list[datetime]:
    bucket, now, taken = Bucket(), START, []
    for seconds, tries in steps:
        now += timedelta(seconds=seconds)
        for _ in range(tries):
            after = pace.take(bucket, now)
            if after is not None:
                bucket = after
                taken.append(max(now, bucket.at or now))
    return taken


@given(paces, steps)
def test_no_interval_has_more_than_rate_and_burst_allow(pace: Pace, steps: list[tuple[float, int]]) -> None:
    taken = taken_at(pace, steps)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            elapsed_s = (taken[last] - taken[first]).total_seconds()
            assert last - first + 1 <= pace.rate * elapsed_s + pace.burst + 1e-6


@given(paces, st.integers(1, 50))
def test_whoever_waits_as_told_gets_a_token(pace: Pace, calls: int) -> None:
    """And needs no longer than the rate asks for: nothing is lost to rounding."""
    bucket, now = Bucket(), START
    for _ in range(calls):
        now += timedelta(seconds=pace.wait_s(bucket, now) + 2e-6)  # a datetime counts microseconds
        after = pace.take(bucket, now)
        assert after is not None
        bucket = after
    expected_s = max(0.0, (calls - pace.burst) / pace.rate)
    assert (now - START).total_seconds() <= expected_s + calls * 5e-6 + 1e-3


@given(paces, steps, st.floats(0, 30, allow_nan=False))
def test_what_is_promised_within_a_time_can_be_taken_by_then(
    pace: Pace, steps: list[tuple[float, int]], within_s: float
) -> None:
    bucket, now = Bucket(), START
    for seconds, tries in steps:
        now += timedelta(seconds=abs(seconds))
        for _ in range(tries):
            bucket = pace.take(bucket, now) or bucket
    promised, got = pace.within(bucket, now, within_s), 0
    end = now + timedelta(seconds=within_s + 1e-5)
    while got < promised:
        now += timedelta(seconds=pace.wait_s(bucket, now) + 2e-6)
        if now > end + timedelta(seconds=promised * 5e-6):
            break
        bucket = pace.take(bucket, now) or bucket
        got += 1
    assert got == promised


def test_a_clock_that_goes_back_refills_nothing() -> None:
    pace = Pace(1.0, 1)
    bucket = pace.take(Bucket(), START)
    assert bucket is not None
    earlier = START - timedelta(seconds=30)
    assert pace.take(bucket, earlier) is None
    assert pace.wait_s(bucket, earlier) > 30
    assert pace.take(bucket, START + timedelta(seconds=1)) is not None


def test_a_clock_that_is_put_back_by_an_hour_does_not_hold_the_line_up() -> None:
    pace = Pace(1.0, 1)
    bucket = pace.take(Bucket(), START)
    assert bucket is not None
    earlier = START - timedelta(hours=1)
    assert pace.wait_s(bucket, earlier) == 0
    after = pace.take(bucket, earlier)
    assert after is not None
    assert pace.take(after, earlier) is None
    assert pace.take(after, earlier + timedelta(seconds=1)) is not None
