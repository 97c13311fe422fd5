"""Conversions of sound."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.offline.speech import pcm
from tests.support import sound


@given(st.binary(max_size=200))
def test_sixteen_bits_survive_the_way_through_floats(data: bytes) -> None:
    assert pcm.to_s16(pcm.from_s16(data)) == data[: len(data) // 2 * 2]


@given(st.integers(0, 400), st.sampled_from([(8000, 16000), (8000, 24000), (24000, 16000), (8000, 8000)]))
def test_interpolation_keeps_the_duration(count: int, rates: tuple[int, int]) -> None:
    found = pcm.interpolate(np.ones(count, dtype=np.float32), *rates)
    assert len(found) == round(count * rates[1] / rates[0])
    assert np.all(found == 1.0)


@pytest.mark.parametrize("level", [-40.0, -20.0, -3.0])
def test_the_level_is_brought_to_minus_twenty(level: float) -> None:
    quiet = sound.silence(500) + sound.sine(440, 500, level_dbfs=level) + sound.silence(500)
    found = pcm.to_s16(pcm.normalise_level(pcm.from_s16(quiet), 8000))
    assert sound.rms_dbfs(found[8000:16000]) == pytest.approx(-20, abs=0.5)


def test_peaks_are_bent_and_not_clipped() -> None:
    spikes = np.zeros(8000, dtype=np.float32)
    spikes[::160] = 0.9
    found = pcm.normalise_level(spikes, 8000)
    assert float(np.max(np.abs(found))) <= pcm.PEAK_LIMIT
    assert sound.clipped_samples(pcm.to_s16(found)) == 0


def test_silence_stays_silence() -> None:
    assert not np.any(pcm.normalise_level(np.zeros(800, dtype=np.float32), 8000))


def test_hiss_gets_its_high_band_back_and_a_vowel_does_not() -> None:
    def high_share(samples: pcm.Samples) -> float:
        power = np.square(np.abs(np.fft.rfft(pcm.with_high_band(samples))))
        return float(power[len(power) // 2 :].sum() / power.sum())

    hiss = pcm.from_s16(sound.sine(3000, 500))
    vowel = pcm.from_s16(sound.sine(300, 500))
    assert high_share(hiss) > 0.3
    assert high_share(vowel) < 0.02


@pytest.mark.parametrize("count", [0, 1, 7, 81, 8000])
def test_the_high_band_doubles_the_length_whatever_it_is(count: int) -> None:
    found = pcm.with_high_band(np.full(count, 0.1, dtype=np.float32))
    assert len(found) == 2 * count
    assert np.all(np.isfinite(found))
