"""G.711 held to the reference implementation's fingerprints, to the other codecs of the repository, and to itself."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.audio_processing_service.bridge_tone import bridge_tone
from opendeep.audio_processing_service.g711 import Law
from opendeep.offline import g711 as offline
from tests.support import audio

EVERY_SAMPLE = np.arange(-32_768, 32_768, dtype="<i2").tobytes()
EVERY_CODE = bytes(range(256))

# SHA-256 of what CPython's audioop (Sun's reference code, up to 3.12) makes of every sample and of every code.
REFERENCE = {
    Law.ULAW: (
        "81d633c9e6972a18c74a58720b96cb8ca0bdd096d4060b646dd708c3b846019a",
        "3dab54339e520bb2c924826e3b72a917a2b612e9fd12fc867500f1d983a75827",
    ),
    Law.ALAW: (
        "38488f6fd710f4686360edc4d38639f96c491595ef93f8eb8d62d5e07ca6ce7b",
        "e04788d110e58ff8c70c93b8480190d973e3b67876b6119abbaec766cc75c174",
    ),
}


@pytest.mark.parametrize("law", Law)
def test_every_value_as_the_reference_has_it(law: Law) -> None:
    encoded, decoded = REFERENCE[law]
    assert hashlib.sha256(law.encode(EVERY_SAMPLE)).hexdigest() == encoded
    assert hashlib.sha256(law.decode(EVERY_CODE)).hexdigest() == decoded


def test_the_independent_codecs_decode_alike() -> None:
    assert Law.ULAW.decode(EVERY_CODE) == offline.ulaw_to_linear(EVERY_CODE) == audio.mulaw_decode(EVERY_CODE)
    assert Law.ALAW.decode(EVERY_CODE) == offline.alaw_to_linear(EVERY_CODE)


@given(st.binary(max_size=400))
def test_codes_survive_the_way_to_samples_and_back(codes: bytes) -> None:
    again = Law.ULAW.encode(Law.ULAW.decode(codes))
    assert again == codes.replace(b"\x7f", b"\xff")  # µ-law has two zeros
    assert Law.ALAW.encode(Law.ALAW.decode(codes)) == codes


def test_silence_is_zero() -> None:
    assert Law.ULAW.decode(Law.ULAW.silence) == bytes(2)
    assert abs(int(np.frombuffer(Law.ALAW.decode(Law.ALAW.silence), "<i2")[0])) <= 8
    with pytest.raises(ValueError, match="buffer"):
        Law.ULAW.encode(b"odd")


def test_the_bridge_tone_is_short_soft_and_ends_quietly() -> None:
    samples = np.frombuffer(Law.ULAW.decode(bridge_tone()), "<i2").astype(np.int32)
    assert 400 <= len(samples) / 8 <= 800
    assert 2_000 < np.abs(samples).max() < 8_000
    assert np.abs(samples[-8:]).max() < 500
