"""The tests' own ears: if these are wrong, no test of sound means anything."""

from __future__ import annotations

import numpy as np

from tests.support.audio import mulaw_decode, mulaw_encode, silence, tone, tone_ms


def test_mulaw_is_that_of_itu_g711() -> None:
    """Corner values of table 2a/G.711, scaled to 16 bit as every telephone library does."""
    known = {0x00: -32_124, 0x80: 32_124, 0x7F: 0, 0xFF: 0, 0xFE: 8, 0x7E: -8, 0xEF: 132, 0x0F: -16_764, 0x10: -15_996}
    decoded = np.frombuffer(mulaw_decode(bytes(known)), "<i2")
    assert decoded.tolist() == list(known.values())


def test_every_code_survives_decoding_and_encoding() -> None:
    codes = bytes(code for code in range(256) if code != 0x7F)  # 0x7F is the second zero
    assert mulaw_encode(mulaw_decode(codes)) == codes


def test_a_tone_is_found_where_it_is_and_nowhere_else() -> None:
    sound = silence(200) + tone(440, 400) + silence(100) + tone(1_000, 200)
    heard = mulaw_decode(mulaw_encode(sound))
    assert [tone_ms(heard, hz) for hz in (440, 1_000, 700)] == [400, 200, 0]
    assert tone_ms(silence(1_000), 440) == 0


def test_noise_is_no_tone() -> None:
    noise = np.random.default_rng(7).integers(-8_000, 8_000, 16_000).astype("<i2").tobytes()
    assert tone_ms(noise, 440) == 0
