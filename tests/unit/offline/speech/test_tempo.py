"""Speech gets shorter or longer, never higher or lower."""

import numpy as np
import pytest

from opendeep.offline.speech.tempo import at_speed
from tests.support import sound


def main_hz(pcm: bytes, rate: int) -> float:
    samples = sound.samples_of(pcm)
    return float(np.argmax(np.abs(np.fft.rfft(samples * np.hanning(len(samples))))) * rate / len(samples))


@pytest.mark.parametrize("rate", [8_000, 24_000])
@pytest.mark.parametrize("speed", [0.25, 0.7, 1.0, 1.3, 1.5])
def test_a_tone_keeps_its_pitch_and_level_and_changes_its_length(rate: int, speed: float) -> None:
    time = np.arange(2 * rate) / rate
    tone = (8_000 * np.sin(2 * np.pi * 220 * time)).astype("<i2").tobytes()
    changed = at_speed(tone, rate, speed)
    assert len(changed) / len(tone) == pytest.approx(1 / speed, abs=0.03)
    assert main_hz(changed, rate) == pytest.approx(220, abs=4)
    middle = changed[len(changed) // 4 // 2 * 2 : len(changed) // 2 // 2 * 2]
    assert sound.rms_dbfs(middle) == pytest.approx(sound.rms_dbfs(tone), abs=1.0)


def test_silence_stays_silent_and_crumbs_stay_as_they_are() -> None:
    assert not any(at_speed(bytes(16_000), 8_000, 1.2))
    assert at_speed(b"", 8_000, 1.2) == b""
    assert at_speed(bytes(100), 8_000, 1.2) == bytes(100)
    with pytest.raises(ValueError, match="times as fast"):
        at_speed(b"", 8_000, 0)
