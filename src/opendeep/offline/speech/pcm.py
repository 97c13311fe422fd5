"""Sound as numbers: conversions that both speech directions need. s16le mono everywhere; pure functions, no engine."""

import numpy as np
import numpy.typing as npt

FULL_SCALE = 32768.0
SPEECH_LEVEL_DBFS = -20.0
"""RMS of everything we synthesise, over the parts that are not silence."""
PEAK_LIMIT = 0.97
ACTIVE_FLOOR_DBFS = -50.0
LEVEL_WINDOW_S = 0.02

Samples = npt.NDArray[np.float32]


def from_s16(pcm: bytes) -> Samples:
    """s16le bytes to floats in [-1, 1); an odd last byte is dropped."""
    return np.frombuffer(pcm, dtype="<i2", count=len(pcm) // 2).astype(np.float32) / np.float32(FULL_SCALE)


def to_s16(samples: Samples) -> bytes:
    """Floats to s16le bytes, clamped at full scale."""
    whole: bytes = np.clip(np.rint(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype("<i2").tobytes()
    return whole


def interpolate(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """Straight lines between samples.

    On purpose not band-limited: the acoustic model was trained on wide-band speech and does better with the images
    above 4 kHz that linear interpolation leaves than with nothing there (measured).
    """
    if from_hz == to_hz or not len(samples):
        return samples
    count = round(len(samples) * to_hz / from_hz)
    at = np.arange(count, dtype=np.float64) * (from_hz / to_hz)
    return np.interp(at, np.arange(len(samples)), samples).astype(np.float32)


def normalise_level(samples: Samples, sample_rate: int, level_dbfs: float = SPEECH_LEVEL_DBFS) -> Samples:
    """Bring speech to `level_dbfs` (rms without its pauses); peaks that would clip are bent softly, not cut."""
    window = max(1, int(sample_rate * LEVEL_WINDOW_S))
    usable = len(samples) // window * window
    if usable == 0:
        return samples
    power = np.square(samples[:usable].astype(np.float64)).reshape(-1, window).mean(axis=1)
    active = power[power > 10 ** (ACTIVE_FLOOR_DBFS / 10)]
    if not len(active):
        return samples
    gain = 10 ** (level_dbfs / 20) / float(np.sqrt(active.mean()))
    return _bend_peaks(samples * np.float32(gain))


def _bend_peaks(samples: Samples) -> Samples:
    """Soft knee from half of full scale up to `PEAK_LIMIT`."""
    knee, room = 0.5, PEAK_LIMIT - 0.5
    size = np.abs(samples)
    bent = knee + room * np.tanh((size - knee) / room)
    return np.where(size > knee, np.sign(samples) * bent, samples).astype(np.float32)


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """Band-limited (soxr, high quality), for what people hear."""
    if from_hz == to_hz:
        return samples
    import soxr

    return np.asarray(soxr.resample(samples, from_hz, to_hz), dtype=np.float32)


def padded_with_noise(samples: Samples, pad: int, noise: float) -> Samples:
    """`pad` samples of faint white noise (rms `noise`) before and after, and the same noise underneath.

    The same input always gives the same output.
    """
    dither = np.random.default_rng(len(samples)).normal(0.0, noise, len(samples) + 2 * pad).astype(np.float32)
    dither[pad : pad + len(samples)] += samples
    return dither
