"""A recording as two rows of loudness: right for any length, kept beside it once the call has ended."""

import os
import wave
from pathlib import Path

import numpy as np
import orjson
import pytest

from opendeep.common.errors import NotFound
from opendeep.task_manager.call_sound_svc import BUCKETS, SUFFIX, _kept_peaks, read_peaks


def recording(path: Path, left: list[int], right: list[int], channels: int = 2) -> Path:
    samples = np.array([left, right], dtype="<i2").T if channels == 2 else np.array(left, dtype="<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(samples.tobytes())
    return path


def test_each_part_has_its_loudest_sample_of_each_side(tmp_path: Path) -> None:
    left = [0] * 4_000 + [-16_384] * 4_000
    right = [32_767] * 4_000 + [0] * 4_000
    peaks = read_peaks(recording(tmp_path / "a.wav", left, right))
    assert peaks["seconds"] == 1.0
    assert len(peaks["callee"]) == len(peaks["ai"]) == BUCKETS
    assert (peaks["callee"][0], peaks["callee"][-1]) == (0.0, 0.5)
    assert (peaks["ai"][0], peaks["ai"][-1]) == (1.0, 0.0)


@pytest.mark.parametrize("frames", [0, 1, BUCKETS - 1, BUCKETS + 1, 3 * BUCKETS - 1])
def test_no_length_loses_the_end(tmp_path: Path, frames: int) -> None:
    left = [0] * max(0, frames - 1) + [16_384] * min(frames, 1)
    peaks = read_peaks(recording(tmp_path / "a.wav", left, [0] * frames))
    assert len(peaks["callee"]) <= BUCKETS
    assert peaks["callee"][-1:] == ([0.5] if frames else [])


def test_the_loudest_negative_sample_is_full_scale(tmp_path: Path) -> None:
    assert read_peaks(recording(tmp_path / "a.wav", [-32_768], [0]))["callee"] == [1.0]


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no sound at all" * 10])
def test_what_is_no_recording_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(NotFound, match="cannot be drawn"):
        read_peaks(path)


def test_one_voice_is_no_recording_of_a_call(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="cannot be drawn"):
        read_peaks(recording(tmp_path / "a.wav", [1, 2], [], channels=1))


def test_peaks_are_kept_for_ended_calls_and_made_anew_when_the_recording_is_newer(tmp_path: Path) -> None:
    path = recording(tmp_path / "a.wav", [16_384], [0])
    kept = tmp_path / f"a.wav{SUFFIX}"
    assert _kept_peaks(path, keep=False)["callee"] == [0.5]
    assert not kept.exists()
    _kept_peaks(path, keep=True)
    kept.write_bytes(orjson.dumps({"seconds": 9.0, "callee": [], "ai": []}))
    assert _kept_peaks(path, keep=True)["seconds"] == 9.0
    recording(path, [0], [16_384])
    path_time = kept.stat().st_mtime_ns + 1_000_000_000
    os.utime(path, ns=(path_time, path_time))
    assert _kept_peaks(path, keep=True)["ai"] == [0.5]
    assert {one.name for one in tmp_path.iterdir()} == {path.name, kept.name}
