"""What lines play is what the product's ears take it for: music, ringback, busy, special information, fax."""

from __future__ import annotations

import numpy as np
import pytest

from opendeep.audio_processing_service.line_sound import SoundMeter
from opendeep.audio_processing_service.music_detection import MusicDetector
from opendeep.audio_processing_service.tone_detection import ToneDetector
from opendeep.simulation.callee_loader import shipped_callees
from opendeep.simulation.callee_schema import SignalKind
from opendeep.simulation.impairments import through_mulaw
from opendeep.simulation.prepared_lines import tune_seeds
from opendeep.simulation.tunes import music, signal
from opendeep.simulation.voice_style import styled
from tests.support import sound

SEEDS = sorted({seed for callee in shipped_callees() for seed in tune_seeds(callee)} | {99, 12_345})


@pytest.mark.parametrize("seed", SEEDS)
def test_music_is_heard_as_music_soon_and_for_long(seed: int) -> None:
    detector, playing = MusicDetector(), list[bool]()
    for block in SoundMeter().receive(through_mulaw(music(16_000, -24.0, seed))):
        detector.receive(block)
        playing.append(detector.playing)
    assert playing.index(True) <= 50  # within 5 s
    assert sum(playing[50:]) / len(playing[50:]) > 0.9


def test_music_has_its_length_its_level_and_a_tune_for_each_seed() -> None:
    pcm = music(20_000, -30.0, 3)
    assert len(pcm) == 20_000 * 16
    assert sound.rms_dbfs(pcm) == pytest.approx(-30, abs=0.5)
    assert sound.clipped_samples(music(16_000, -20.0, 3)) == 0
    assert sound.find_sound(music(4_000, -30, 4)[: 2000 * 16], pcm).likeness < 0.9
    assert music(4_000, -30.0, 3) == pcm[: 4_000 * 16]


@pytest.mark.parametrize("kind", list(SignalKind))
def test_a_signal_is_heard_as_itself(kind: SignalKind) -> None:
    detector, heard = ToneDetector(), list[str]()
    for block in SoundMeter().receive(sound.silence(500) + signal(kind, 4) + sound.silence(2000)):
        if (told := detector.receive(block)) is not None:
            heard.append(told.signal.value)
    assert heard == [kind.value]


def test_a_signal_keeps_its_level() -> None:
    for kind in SignalKind:
        assert sound.peak_dbfs(signal(kind, 1, -10.0)) == pytest.approx(-10, abs=1.5)


@pytest.mark.parametrize("speed", [0.6, 0.8, 1.35])
def test_speed_changes_the_length_and_not_the_pitch(speed: float) -> None:
    pcm = sound.sine(500, 1500)
    changed = styled(pcm, speed=speed)
    assert len(changed) == pytest.approx(len(pcm) / speed, rel=0.02)
    assert strongest_hz(changed) == pytest.approx(500, abs=15)


@pytest.mark.parametrize("pitch", [0.8, 1.35])
def test_pitch_changes_the_pitch_and_not_the_length(pitch: float) -> None:
    pcm = sound.sine(500, 1500)
    changed = styled(pcm, pitch=pitch)
    assert len(changed) == pytest.approx(len(pcm), rel=0.02)
    assert strongest_hz(changed) == pytest.approx(500 * pitch, abs=20)


def test_a_plain_voice_is_left_alone_and_a_soft_one_is_softer() -> None:
    pcm = sound.sine(500, 300)
    assert styled(pcm) is pcm
    assert sound.rms_dbfs(styled(pcm, level_db=-10)) == pytest.approx(sound.rms_dbfs(pcm) - 10, abs=0.1)
    for short in (b"", b"\x01", b"\x01\x02" * 5):
        assert len(styled(short, speed=0.7, pitch=1.2)) <= len(short)


def strongest_hz(pcm: bytes) -> float:
    samples = sound.samples_of(pcm)
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * 8000 / len(samples))
