"""The pace keeps its beat whatever the wake-ups; the ticker's subscribers do not disturb each other."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.audio_processing_service.ticker import MAX_CATCH_UP, PERIOD_S, PHASES, Beat, Pace, Ticker


def test_on_time_one_frame_each() -> None:
    pace = Pace(100.0)
    assert [pace.due(100.0 + n * PERIOD_S) for n in range(1, 6)] == [1] * 5
    assert pace.deadline_s == pytest.approx(100.12)


def test_a_late_wake_up_is_made_up_for_and_the_beat_stays() -> None:
    pace = Pace(0.0)
    assert pace.due(0.021) == 1
    assert pace.due(0.085) == 3
    assert pace.deadline_s == pytest.approx(0.100)
    assert pace.due(0.099) == 0


def test_after_a_long_stall_the_rest_is_given_up_and_the_beat_stays() -> None:
    pace = Pace(0.0)
    assert pace.due(5.005) == MAX_CATCH_UP
    assert pace.resyncs == 1
    assert pace.deadline_s == pytest.approx(5.02)
    assert pace.due(5.02) == 1


@given(st.lists(st.floats(0.0, 0.19), max_size=200))
def test_late_wake_ups_never_add_up(lateness: list[float]) -> None:
    pace, now, frames = Pace(0.0), 0.0, 0
    for late in lateness:
        now = max(now, pace.deadline_s + late)
        frames += pace.due(now)
    assert pace.resyncs == 0
    assert frames in (int(now / PERIOD_S), int(now / PERIOD_S + 1e-3))


async def test_a_subscriber_that_fails_is_dropped_and_the_others_go_on() -> None:
    ticker = Ticker()
    beats = 0
    enough = asyncio.Event()

    def good(frames: int) -> None:
        nonlocal beats
        beats += frames
        if beats >= 5:
            enough.set()

    def bad(frames: int) -> None:
        raise RuntimeError("one call's mistake")

    ticker.add(bad)
    ticker.add(good)
    ticker.add(good)
    assert len(ticker) == 2
    task = asyncio.create_task(ticker.run(), name="ticker")
    await asyncio.wait_for(enough.wait(), 5)
    assert (ticker.failures, len(ticker)) == (1, 1)
    ticker.remove(good)
    ticker.remove(good)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_subscribers_are_spread_over_the_period_and_a_successor_keeps_the_phase() -> None:
    """Every beat of one period comes in as many wake-ups of the loop as there are phases."""
    ticker = Ticker()
    loop = asyncio.get_running_loop()
    beats: dict[int, list[float]] = {number: [] for number in range(2 * PHASES)}
    enough = asyncio.Event()

    def subscriber(number: int) -> Beat:
        def beat(frames: int) -> None:
            beats[number].append(loop.time())
            if len(beats[number]) >= 3:
                enough.set()

        return beat

    first = subscriber(0)
    ticker.add(first)
    for number in range(1, 2 * PHASES):
        ticker.add(subscriber(number))
    ticker.replace(first, subscriber(0))
    assert len(ticker) == 2 * PHASES
    task = asyncio.create_task(ticker.run(), name="ticker")
    await asyncio.wait_for(enough.wait(), 5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    order = sorted((times[0], number % PHASES) for number, times in beats.items() if times)
    assert [phase for _, phase in order] == [phase for phase in range(PHASES) for _ in range(2)]


def test_a_successor_of_nobody_is_added() -> None:
    ticker = Ticker()
    first: list[int] = []
    second: list[int] = []
    ticker.replace(first.append, second.append)
    ticker.replace(second.append, first.append)
    assert len(ticker) == 1
