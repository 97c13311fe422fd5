"""The recording is a valid WAV at every moment, aligned to the tick, and bounded."""

import asyncio
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from uuid import UUID

import numpy as np

from opendeep.audio_processing_service.recorder import MAX_WAITING_BLOCKS, Recorder, RecordingDisk

LEFT, RIGHT = b"\x01\x02" * 160, b"\x03\x04" * 160
ID = UUID(int=1)


def read(path: Path) -> np.ndarray[tuple[int, int], np.dtype[np.int16]]:
    with wave.open(str(path)) as recording:
        assert (recording.getnchannels(), recording.getsampwidth(), recording.getframerate()) == (2, 2, 8_000)
        return np.frombuffer(recording.readframes(recording.getnframes()), "<i2").reshape(-1, 2)


async def test_it_plays_while_the_call_runs_and_to_its_last_frame(tmp_path: Path) -> None:
    disk = RecordingDisk(tmp_path)
    recorder = disk.recorder(ID, ID)
    assert recorder.path is None
    for number in range(75):
        if number % 2:
            recorder.hear(LEFT)
        recorder.tick(RIGHT if number >= 50 else None)
        if number == 60:
            await asyncio.get_running_loop().run_in_executor(disk._thread, lambda: None)  # what was handed over is out
            assert len(read(tmp_path / f"recordings/{ID}/{ID}.wav")) == 8_000
    await recorder.close()
    stereo = read(tmp_path / str(recorder.path))
    disk.close()
    assert len(stereo) == 75 * 160
    assert not stereo[: 50 * 160, 1].any()
    assert (stereo[50 * 160 :, 1] == 0x0403).all()
    assert (stereo[160:320, 0] == 0x0201).all()
    assert not stereo[:160, 0].any()


async def test_a_slow_disk_costs_audio_but_not_time_and_then_the_recording(tmp_path: Path) -> None:
    release = Event()
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(release.wait, 30)
        recorder = Recorder(tmp_path, "slow.wav", thread)
        for _ in range((MAX_WAITING_BLOCKS + 2) * 50):
            recorder.tick(RIGHT)
        assert recorder.dropped_blocks == 2
        release.set()
        await recorder.close()
        stereo = read(tmp_path / "slow.wav")
        assert len(stereo) == (MAX_WAITING_BLOCKS + 2) * 8_000
        assert not stereo[-16_000:, 1].any()

        again = Event()
        thread.submit(again.wait, 30)
        stuck = Recorder(tmp_path, "stuck.wav", thread)
        for _ in range((2 * MAX_WAITING_BLOCKS + 5) * 50):
            stuck.tick(RIGHT)
        again.set()
        await stuck.close()
        assert stuck.path is None
