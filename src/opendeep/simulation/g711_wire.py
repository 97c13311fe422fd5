"""G.711 µ-law for the simulation's own telephones, from its definition (ITU-T G.711), as two tables.

Shares nothing with the product's codec, so that one mistake cannot hide another. Samples are s16le.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

BIAS = 132  # 33 in the 14 bit of the standard
SILENCE = 0xFF
NEVER_SENT = 0x7F  # the second zero


@cache
def _decoded() -> NDArray[np.int16]:
    """The sample of each of the 256 codes."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    size = (((code & 0x0F) << 3) + BIAS << ((code & 0x70) >> 4)) - BIAS
    return np.where(code & 0x80, -size, size).astype(np.int16)


@cache
def _encoded() -> NDArray[np.uint8]:
    """The nearest code for each of the 65,536 samples, by the sample as unsigned."""
    values = _decoded().astype(np.int32)
    codes = np.delete(np.arange(256), NEVER_SENT)
    ordered = codes[np.argsort(values[codes])]
    levels = values[ordered]
    nearest = np.searchsorted((levels[1:] + levels[:-1]) / 2, np.arange(-32_768, 32_768))
    table = np.empty(65_536, np.uint8)
    table[np.arange(-32_768, 32_768).astype(np.uint16)] = ordered[nearest]
    return table


def mulaw_to_pcm(coded: bytes) -> bytes:
    return _decoded()[np.frombuffer(coded, np.uint8)].astype("<i2").tobytes()


def pcm_to_mulaw(pcm: bytes) -> bytes:
    return bytes(_encoded()[np.frombuffer(pcm, "<u2")].tobytes())
