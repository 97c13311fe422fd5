"""G.711: µ-law and A-law to and from s16le, by tables (ITU-T G.711). Pure; about a microsecond for 20 ms.

The 65,536-entry encoders follow the reference companding (13/14-bit magnitude, bias 132 for µ-law); a test holds them
to a fingerprint of the reference implementation and to the two other codecs of the repository.
"""

from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

_U8, _U16 = np.dtype(np.uint8), np.dtype("<u2")
_BIAS: Final = 0x84
_CLIP: Final = 0x7FFF - _BIAS


def _ulaw_decode_table() -> NDArray[np.int16]:
    code = 255 - np.arange(256, dtype=np.int32)
    magnitude = (((code & 15) * 8 + _BIAS) << (code >> 4 & 7)) - _BIAS
    return np.where(code > 127, -magnitude, magnitude).astype("<i2")


def _alaw_decode_table() -> NDArray[np.int16]:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment, step = code >> 4 & 7, (code & 15) * 16 + 8
    magnitude = np.where(segment > 0, (step + 256) << np.maximum(segment, 1) - 1, step)
    return np.where(code > 127, magnitude, -magnitude).astype("<i2")


def _ulaw_encode_table() -> NDArray[np.uint8]:
    sample = np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int32)
    # The reference encoder works on 14 bits: the two lowest bits go first, also for negative samples.
    biased = np.minimum(np.abs(sample >> 2) << 2, _CLIP) + _BIAS
    segment = np.searchsorted(np.array([1 << bit for bit in range(8, 15)]), biased, side="right")
    code = segment << 4 | biased >> (segment + 3) & 15
    table: NDArray[np.int64] = 255 - (code | np.where(sample < 0, 128, 0))
    return table.astype(np.uint8)


def _alaw_encode_table() -> NDArray[np.uint8]:
    sample = np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int32) >> 3
    magnitude = np.where(sample < 0, -sample - 1, sample)
    segment = np.searchsorted(np.array([1 << bit for bit in range(5, 12)]), magnitude, side="right")
    code = segment << 4 | magnitude >> np.maximum(segment, 1) & 15
    table: NDArray[np.int64] = (code | np.where(sample < 0, 0, 128)) ^ 0x55
    return table.astype(np.uint8)


class Law(Enum):
    """A companding law. `silence` is its byte for the sample 0."""

    ULAW = ("audio/pcmu", 0xFF, _ulaw_decode_table(), _ulaw_encode_table())
    ALAW = ("audio/pcma", 0xD5, _alaw_decode_table(), _alaw_encode_table())

    def __init__(
        self, mime: str, silence: int, decode_table: NDArray[np.int16], encode_table: NDArray[np.uint8]
    ) -> None:
        self.mime = mime
        self.silence = bytes((silence,))
        self._decode_table = decode_table
        self._encode_table = encode_table

    def decode(self, data: bytes) -> bytes:
        """G.711 bytes to s16le, two bytes for each."""
        return self._decode_table.take(np.frombuffer(data, _U8)).tobytes()

    def encode(self, pcm: bytes) -> bytes:
        """s16le to G.711 bytes, one for each sample. Raises `ValueError` for an odd number of bytes."""
        return self._encode_table.take(np.frombuffer(pcm, _U16)).tobytes()
