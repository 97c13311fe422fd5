"""The pace keeps its beat whatever the wake-ups; the ticker's subscribers do not disturb each other."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.audio_processing_service.ticker import MAX_CATCH_UP, PERIOD_S, Pace, Ticker


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


def test_after_a_long_stall_the_beat_starts_anew() -> None:
    pace = Pace(0.0)
    assert pace.due(5.0) == MAX_CATCH_UP
    assert pace.resyncs == 1
    assert pace.deadline_s == pytest.approx(5.02)


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
