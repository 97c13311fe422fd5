"""G.711: reference values, round trips, both laws."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.offline import g711

SAMPLES = st.lists(st.integers(-32_768, 32_767), max_size=200)


def pack(samples: list[int]) -> bytes:
    return struct.pack(f"<{len(samples)}h", *samples)


@pytest.mark.parametrize(
    ("code", "sample"), [(0xFF, 0), (0x7F, 0), (0x80, 32_124), (0x00, -32_124), (0xFE, 8), (0xF0, 120), (0xEF, 132)]
)
def test_ulaw_reference_values(code: int, sample: int) -> None:
    """Values of the decoding table in ITU-T G.711, scaled to 16 bits."""
    assert struct.unpack("<h", g711.ulaw_to_linear(bytes([code]))) == (sample,)


@pytest.mark.parametrize(("code", "sample"), [(0xD5, 8), (0x55, -8), (0xAA, 32_256), (0x2A, -32_256), (0xD4, 24)])
def test_alaw_reference_values(code: int, sample: int) -> None:
    assert struct.unpack("<h", g711.alaw_to_linear(bytes([code]))) == (sample,)


def test_every_code_survives_the_way_through_linear() -> None:
    codes = bytes(range(256))
    back = g711.linear_to_ulaw(g711.ulaw_to_linear(codes))
    assert [code for code, again in zip(codes, back, strict=True) if code != again] == [0x7F]  # minus zero
    assert g711.linear_to_alaw(g711.alaw_to_linear(codes)) == codes


def test_silence() -> None:
    assert g711.linear_to_ulaw(bytes(4)) == g711.ULAW_SILENCE * 2
    assert g711.linear_to_alaw(bytes(4)) == g711.ALAW_SILENCE * 2


@given(SAMPLES)
def test_the_error_stays_within_half_a_step(samples: list[int]) -> None:
    for encode, decode, floor in (
        (g711.linear_to_ulaw, g711.ulaw_to_linear, 8),
        (g711.linear_to_alaw, g711.alaw_to_linear, 16),
    ):
        back = struct.unpack(f"<{len(samples)}h", decode(encode(pack(samples))))
        for sample, again in zip(samples, back, strict=True):
            assert abs(sample - again) <= max(floor, abs(sample) / 16, 644 if abs(sample) > 32_000 else 0)


@given(SAMPLES)
def test_louder_stays_louder(samples: list[int]) -> None:
    ordered = np.array(sorted(samples), dtype="<i2").tobytes()
    for encode, decode in ((g711.linear_to_ulaw, g711.ulaw_to_linear), (g711.linear_to_alaw, g711.alaw_to_linear)):
        back = np.frombuffer(decode(encode(ordered)), dtype="<i2").astype(int)
        assert (np.diff(back) >= 0).all()


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of element size"):
        g711.linear_to_ulaw(b"\x00")
