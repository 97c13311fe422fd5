"""Music with and without chords, fast and slow; what is not music."""

import pytest

from opendeep.audio_processing_service.line_sound import SoundMeter
from opendeep.audio_processing_service.music_detection import MusicDetector
from tests.support import line_signals, sound


def playing(pcm: bytes) -> list[int]:
    """The ends of the blocks (ms) after which music was said to play."""
    detector, found = MusicDetector(), []
    for block in SoundMeter().receive(pcm):
        detector.receive(block)
        if detector.playing:
            found.append(block.end_ms)
    return found


@pytest.mark.parametrize("chords", [False, True])
@pytest.mark.parametrize("decay_per_s", [0, 2, 6])
@pytest.mark.parametrize("note_ms", [150, 250, 400, 600])
def test_music_is_known_after_five_seconds_and_stays(note_ms: int, decay_per_s: float, chords: bool) -> None:
    tune = line_signals.music(1, note_ms=note_ms, decay_per_s=decay_per_s, chords=chords)
    found = playing(sound.telephone(tune, noise_snr_db=20))
    assert found[0] <= 5_000
    assert found == list(range(found[0], found[-1] + 100, 100))
    assert found[-1] >= 11_800


def test_music_ends_within_three_seconds_of_silence() -> None:
    tune = line_signals.music(2, note_ms=400, decay_per_s=2, chords=True)
    at_ms = len(tune) // 16
    found = playing(sound.telephone(tune + sound.silence(8_000), noise_snr_db=20))
    assert found[-1] <= at_ms + 3_000


@pytest.mark.parametrize(
    "pcm",
    [*line_signals.RINGBACK.values(), *line_signals.BUSY.values(), line_signals.FAX_ANSWERING * 3, sound.silence(9000)],
)
def test_tones_of_the_network_and_silence_are_not_music(pcm: bytes) -> None:
    assert playing(sound.telephone(pcm + sound.silence(500), noise_snr_db=20)) == []
