"""G.711 for the offline voice: µ-law and A-law to and from 16-bit linear samples.

Owns the two companding laws, as tables computed from their formulas (ITU-T G.711). Shares nothing with the production
codec on purpose: a mistake in one must not be able to hide in the other. No framing, no resampling, no streams here.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

ULAW_BIAS: Final = 132  # added to the magnitude before the segment is taken, in 16-bit steps
ULAW_CLIP: Final = 32_635  # largest magnitude that still fits after the bias
ALAW_SEGMENT_ENDS: Final = (0x1F, 0x3F, 0x7F, 0xFF, 0x1FF, 0x3FF, 0x7FF, 0xFFF)  # 13-bit magnitudes
INVERT_ALL: Final = 0xFF  # µ-law bytes travel inverted
INVERT_EVEN: Final = 0x55  # A-law bytes travel with every second bit inverted

ULAW_SILENCE: Final = b"\xff"
ALAW_SILENCE: Final = b"\xd5"


def _ulaw_decode_table() -> NDArray[np.int16]:
    code = np.arange(256, dtype=np.int32) ^ INVERT_ALL
    exponent = (code >> 4) & 0x07
    magnitude = ((((code & 0x0F) << 3) + ULAW_BIAS) << exponent) - ULAW_BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _ulaw_encode_table() -> NDArray[np.uint8]:
    sample = np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int32)
    magnitude = np.minimum(np.abs(sample), ULAW_CLIP) + ULAW_BIAS
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    sign = np.where(sample < 0, 0x80, 0)
    code: NDArray[np.int32] = (sign | (exponent << 4) | mantissa) ^ INVERT_ALL
    return code.astype(np.uint8)


def _alaw_decode_table() -> NDArray[np.int16]:
    code = np.arange(256, dtype=np.int32) ^ INVERT_EVEN
    segment = (code >> 4) & 0x07
    step = ((code & 0x0F) << 4) + 8
    magnitude = np.where(segment == 0, step, (step + 0x100) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _alaw_encode_table() -> NDArray[np.uint8]:
    sample = np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int32) >> 3
    magnitude = np.where(sample >= 0, sample, -sample - 1)
    segment = np.searchsorted(np.array(ALAW_SEGMENT_ENDS), magnitude, side="left").astype(np.int32)
    mantissa = (magnitude >> np.maximum(segment, 1)) & 0x0F
    sign = np.where(sample >= 0, 0x80, 0)
    code: NDArray[np.int32] = (sign | (segment << 4) | mantissa) ^ INVERT_EVEN
    return code.astype(np.uint8)


_ULAW_TO_LINEAR: Final = _ulaw_decode_table()
_LINEAR_TO_ULAW: Final = _ulaw_encode_table()
_ALAW_TO_LINEAR: Final = _alaw_decode_table()
_LINEAR_TO_ALAW: Final = _alaw_encode_table()


def ulaw_to_linear(data: bytes) -> bytes:
    """µ-law bytes (one per sample) to s16le bytes (two per sample)."""
    return _ULAW_TO_LINEAR[np.frombuffer(data, dtype=np.uint8)].astype("<i2").tobytes()


def linear_to_ulaw(pcm: bytes) -> bytes:
    """s16le bytes to µ-law bytes. Raises ValueError on half a sample."""
    return _LINEAR_TO_ULAW[np.frombuffer(pcm, dtype="<i2").view(np.uint16)].tobytes()


def alaw_to_linear(data: bytes) -> bytes:
    """A-law bytes (one per sample) to s16le bytes (two per sample)."""
    return _ALAW_TO_LINEAR[np.frombuffer(data, dtype=np.uint8)].astype("<i2").tobytes()


def linear_to_alaw(pcm: bytes) -> bytes:
    """s16le bytes to A-law bytes. Raises ValueError on half a sample."""
    return _LINEAR_TO_ALAW[np.frombuffer(pcm, dtype="<i2").view(np.uint16)].tobytes()
