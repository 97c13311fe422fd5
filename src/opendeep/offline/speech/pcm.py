"""Sound as numbers: conversions that both speech directions need. s16le mono everywhere; pure functions, no engine."""

import numpy as np
import numpy.typing as npt

FULL_SCALE = 32768.0
SPEECH_LEVEL_DBFS = -20.0
"""RMS of everything we synthesise, over the parts that are not silence."""
PEAK_LIMIT = 0.97
ACTIVE_FLOOR_DBFS = -50.0
LEVEL_WINDOW_S = 0.02

TELEPHONE_HZ = 8000
WIDE_HZ = 16000
VOICING_HZ = 1500.0
"""Below it is where vowels have their power."""
HISS_BAND_HZ = (2300.0, 3500.0)
"""The top of a telephone's band: loud here and quiet below means a fricative."""
HIGH_BAND_FROM_HZ = 3600.0
HIGH_BAND_GAIN = 2.0
HISS_EXPONENT = 2.0
ENVELOPE_SAMPLES = 81
"""10 ms at 8 kHz."""
NOISE_SEED = 5

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

    On purpose not band-limited: speech models trained on wide-band speech do better with the images above 4 kHz that
    linear interpolation leaves than with nothing there (measured).
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


def with_high_band(samples: Samples) -> Samples:
    """8 kHz telephone speech to 16 kHz, with the hiss above 3.6 kHz that the telephone cut off put back as noise.

    The acoustic model was trained on wide-band speech, where s, f, sh and th live up there. The noise follows the top
    of the telephone band, and follows it more the less power there is below `VOICING_HZ`. Word errors through
    300-3400 Hz went from 8 to 3 % (flite rms) and from 14 to 12 % (flite slt). The same input gives the same output.
    """
    count = len(samples)
    if not count:
        return samples
    spectrum, frequencies = np.fft.rfft(samples), np.fft.rfftfreq(count, 1 / TELEPHONE_HZ)
    low, high = HISS_BAND_HZ
    hiss = _envelope(np.fft.irfft(np.where((frequencies > low) & (frequencies < high), spectrum, 0), count))
    voice = _envelope(np.fft.irfft(np.where(frequencies < VOICING_HZ, spectrum, 0), count))
    level = hiss * (hiss / (hiss + voice + 1e-6)) ** HISS_EXPONENT
    wide = interpolate(samples, TELEPHONE_HZ, WIDE_HZ)
    follow = np.interp(np.arange(len(wide)) / 2, np.arange(count), level)
    return (wide + HIGH_BAND_GAIN * follow * _high_noise(len(wide))).astype(np.float32)


def _envelope(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    window = np.hanning(ENVELOPE_SAMPLES)
    smooth = np.convolve(np.square(samples), window / window.sum(), "full")
    start = ENVELOPE_SAMPLES // 2
    return np.sqrt(np.maximum(smooth[start : start + len(samples)], 0.0))


def _high_noise(count: int) -> npt.NDArray[np.float64]:
    """White noise of rms 1 above `HIGH_BAND_FROM_HZ`, at `WIDE_HZ`."""
    spectrum = np.fft.rfft(np.random.default_rng(NOISE_SEED).normal(0.0, 1.0, count))
    spectrum[np.fft.rfftfreq(count, 1 / WIDE_HZ) < HIGH_BAND_FROM_HZ] = 0
    noise = np.fft.irfft(spectrum, count)
    return noise / max(float(noise.std()), 1e-9)
