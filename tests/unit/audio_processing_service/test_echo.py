"""Our own voice that comes back, told from somebody who speaks. Voices are real synthesised speech."""

import numpy as np
import pytest

from opendeep.audio_processing_service.echo import ECHO_AT, HEARD_BYTES, PLAYED_BYTES, echo_likeness
from tests.support import sound
from tests.support.audio import mulaw_decode, mulaw_encode
from tests.support.voices import spoken

OURS = "Hello, this is an AI assistant calling on behalf of Maria Keller about the boiler inspection on Tuesday."
THEIRS = "No wait, please stop, that does not work for me, I am on holiday next week until Friday."
STEP_MS = 250


def returned(pcm: bytes, *, loss_db: float, delay_ms: int) -> bytes:
    """What a line makes of our voice: later, softer, filtered, with noise, through G.711."""
    late = np.concatenate((np.zeros(delay_ms * 8), sound.samples_of(pcm)))
    filtered = np.convolve(late, [0.2, 0.7, 0.3, -0.2, 0.1], "same") * 10 ** (-loss_db / 20)
    noise = np.random.default_rng(1).normal(0, 0.0002, len(filtered))
    return mulaw_decode(mulaw_encode(sound.pcm_of(filtered + noise)))


def likenesses(ours: bytes, theirs: bytes) -> list[float]:
    """Over the whole sound, where the other side is audible."""
    found = []
    for end in range(PLAYED_BYTES, min(len(ours), len(theirs)), STEP_MS * 16):
        heard = theirs[end - HEARD_BYTES : end]
        if sound.rms_dbfs(heard) > -54.0:
            found.append(echo_likeness(ours[end - PLAYED_BYTES : end], heard))
    return found


@pytest.mark.parametrize("loss_db", [6.0, 20.0, 30.0])
@pytest.mark.parametrize("delay_ms", [40, 200, 500])
@pytest.mark.parametrize("voice", ["slt", "rms"])
def test_an_echo_is_known(voice: str, delay_ms: int, loss_db: float) -> None:
    ours = spoken(OURS, voice)
    found = likenesses(ours, returned(ours, loss_db=loss_db, delay_ms=delay_ms))
    assert len(found) >= 10
    assert sum(likeness >= ECHO_AT for likeness in found) >= 0.9 * len(found)


@pytest.mark.parametrize("ours", ["slt", "rms", "awb"])
@pytest.mark.parametrize("theirs", ["slt", "rms", "awb"])
def test_another_voice_is_no_echo(ours: str, theirs: str) -> None:
    found = likenesses(spoken(OURS, ours), spoken(THEIRS, theirs))
    assert len(found) >= 5
    assert max(found) < ECHO_AT


def test_silence_is_like_nothing() -> None:
    ours = spoken(OURS, "slt")
    assert echo_likeness(ours, bytes(HEARD_BYTES)) == 0.0
    assert echo_likeness(bytes(PLAYED_BYTES), ours) < ECHO_AT
    assert echo_likeness(b"", b"") == 0.0
