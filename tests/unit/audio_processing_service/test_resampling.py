"""Streams between sampling rates: no sample is missing, the telephone band is flat, nothing is mirrored into it."""

import numpy as np
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from opendeep.audio_processing_service.resampling import Resampler

RATES = [(8_000, 24_000), (24_000, 8_000), (16_000, 24_000), (24_000, 16_000), (48_000, 24_000), (12_000, 8_000)]
LATEST_MS = 3.1


def sine(hz: float, rate_hz: int, seconds: float = 1.0) -> bytes:
    at = np.arange(round(rate_hz * seconds)) / rate_hz
    return bytes((10_000 * np.sin(2 * np.pi * hz * at)).astype("<i2"))


def convert(pcm: bytes, from_hz: int, to_hz: int, piece: int | None = None) -> NDArray[np.float64]:
    stream = Resampler(from_hz, to_hz)
    size = piece or from_hz // 50 * 2
    pieces = [stream.convert(pcm[at : at + size]) for at in range(0, len(pcm), size)]
    return np.frombuffer(b"".join(pieces), "<i2").astype(np.float64)


def level_db(samples: NDArray[np.float64], reference: NDArray[np.float64]) -> float:
    return float(10 * np.log10((samples**2).mean() / (reference**2).mean()))


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_20_ms_in_are_20_ms_out_at_once(from_hz: int, to_hz: int) -> None:
    stream = Resampler(from_hz, to_hz)
    assert [len(stream.convert(bytes(from_hz // 50 * 2))) for _ in range(5)] == [to_hz // 50 * 2] * 5


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
@pytest.mark.parametrize("hz", [300, 1_000, 3_400])
def test_it_sounds_like_soxr_at_its_best(from_hz: int, to_hz: int, hz: int) -> None:
    """The same signal, later by the filter's half; away from the ends, which the two take differently."""
    ours = convert(sine(hz, from_hz), from_hz, to_hz)
    theirs = soxr.resample(np.frombuffer(sine(hz, from_hz), "<i2").astype(np.float64), from_hz, to_hz, "VHQ")
    late = round(LATEST_MS * to_hz / 1000)
    edge = to_hz // 10
    middle = theirs[edge:-edge]
    errors = [level_db(ours[edge + lag : lag - edge or None] - middle, middle) for lag in range(late + 1)]
    assert min(errors) < -45


@pytest.mark.parametrize("hz", [4_300, 5_000, 7_000, 11_000])
def test_what_the_lower_rate_cannot_carry_is_gone(hz: int) -> None:
    mirrored = convert(sine(hz, 24_000), 24_000, 8_000)[800:]
    assert level_db(mirrored, np.frombuffer(sine(1_000, 8_000), "<i2").astype(np.float64)) < -50


@given(st.sampled_from(RATES), st.lists(st.integers(1, 700), min_size=1, max_size=30))
def test_any_pieces_give_the_same_stream(rates: tuple[int, int], sizes: list[int]) -> None:
    pcm = np.random.default_rng(1).integers(-9_000, 9_000, 4_000, dtype="<i2").tobytes()[: sum(sizes)]
    whole = Resampler(*rates).convert(pcm)
    stream, parts, at = Resampler(*rates), [], 0
    for size in sizes:
        parts.append(stream.convert(pcm[at : at + size]))
        at += size
    joined = np.frombuffer(b"".join(parts), "<i2").astype(int)
    assert np.abs(joined - np.frombuffer(whole, "<i2")).max(initial=0) <= 1  # the last bit of a sum may differ
    assert len(joined) * rates[0] <= len(pcm) // 2 * rates[1]


def test_it_is_late_by_three_milliseconds_at_most() -> None:
    click = bytearray(16_000)
    click[8_000:8_002] = (20_000).to_bytes(2, "little")  # at 500 ms
    heard = convert(bytes(click), 8_000, 24_000)
    assert 500.0 <= np.abs(heard).argmax() / 24 <= 500.0 + LATEST_MS


def test_after_a_restart_nothing_of_before_is_heard() -> None:
    stream = Resampler(24_000, 8_000)
    stream.convert(sine(1_000, 24_000, 0.02) + b"\x01")
    stream.restart()
    assert not any(stream.convert(bytes(960)))
