"""The clock that paces all calls, and the stereo recorder."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import numpy as np
import pytest

from opendeep.simulation.recording import FLUSH_BYTES, StereoRecorder
from opendeep.simulation.ticker import MAX_CATCH_UP_TICKS, ManualTicker, PacingTicker


async def test_the_pacing_ticker_ticks_until_it_is_stopped() -> None:
    ticker, seen, enough = PacingTicker(), list[int](), asyncio.Event()

    def on_tick(now_ms: int) -> None:
        seen.append(now_ms)
        if len(seen) == 5:
            ticker.stop()
            enough.set()

    ticker.start(on_tick)
    async with asyncio.timeout(60):
        await enough.wait()
    assert seen == [20, 40, 60, 80, 100]


async def test_a_late_wake_up_is_made_up_for_and_a_very_late_one_is_skipped() -> None:
    ticker, seen = PacingTicker(), list[int]()
    ticker.start(seen.append)
    ticker._deadline_s -= 0.1
    ticker._wake()
    assert len(seen) == 5 + (len(seen) - 5) <= 7
    count = len(seen)
    ticker._deadline_s -= 100
    ticker._wake()
    assert len(seen) - count <= MAX_CATCH_UP_TICKS + 1
    assert ticker.skipped_ticks > 4000
    assert seen == list(range(20, 20 * len(seen) + 20, 20))
    ticker.stop()


async def test_a_handler_that_raises_is_reported_and_the_clock_goes_on() -> None:
    reported: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(str(context["exception"])))
    ticker, enough, seen = PacingTicker(), asyncio.Event(), list[int]()

    def on_tick(now_ms: int) -> None:
        seen.append(now_ms)
        if len(seen) == 3:
            ticker.stop()
            enough.set()
        raise ValueError(f"at {now_ms}")

    ticker.start(on_tick)
    async with asyncio.timeout(60):
        await enough.wait()
    await asyncio.sleep(0)
    assert reported[:2] == ["at 20", "at 40"]


def test_the_manual_ticker_moves_when_told() -> None:
    ticker, seen = ManualTicker(), list[int]()
    ticker.start(seen.append)
    ticker.advance(60)
    ticker.stop()
    ticker.advance(60)
    assert (seen, ticker.now_ms) == ([20, 40, 60], 120)


@pytest.mark.parametrize("call_id", ["0191e0a5", "../../etc/passwd", "", "...", "a/b\x00c"])
def test_a_recording_stays_in_its_folder_and_keeps_both_sides(tmp_path: Path, call_id: str) -> None:
    folder = tmp_path / "recordings"
    recorder = StereoRecorder(folder, call_id)
    frames = FLUSH_BYTES // 320 + 3
    for _ in range(frames):
        recorder.write(b"\x01\x00" * 160, b"\x02\x00" * 160)
    recorder.close()
    assert recorder.path.parent == folder
    with wave.open(str(recorder.path)) as file:
        assert file.getnframes() == frames * 160
        samples = np.frombuffer(file.readframes(frames * 160), dtype="<i2")
    assert set(samples[0::2]) == {1}
    assert set(samples[1::2]) == {2}
