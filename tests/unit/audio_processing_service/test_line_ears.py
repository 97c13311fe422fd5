"""What becomes of tones: a line of the timeline, a beep told, a fax told, and an end of listening."""

import pytest

from opendeep.audio_processing_service.line_ears import LISTEN_MS, LineEars
from tests.support import line_signals, sound
from tests.support.line_signals import tones


class Heard:
    """Ears whose reports are kept in order."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.ears = LineEars(self._note, lambda: self.told.append("beep"), lambda: self.told.append("fax"))

    def _note(self, kind: str, detail: str, **data: object) -> None:
        self.told.append((kind, detail, data))

    def hear(self, pcm: bytes) -> None:
        for at in range(0, len(pcm), 320):
            self.ears.hear(pcm[at : at + 320])


def test_a_beep_is_noted_and_told() -> None:
    heard = Heard()
    heard.hear(sound.silence(1000) + tones(1000, ms=400) + sound.silence(1000))
    note = ("call.tone_heard", "A beep was heard (1000 Hz).", {"signal": "beep", "hz": 1000, "at_ms": 1000, "ms": 400})
    assert heard.told == [note, "beep"]


@pytest.mark.parametrize("pcm", [line_signals.FAX_ANSWERING, line_signals.FAX_CALLING])
def test_a_fax_machine_is_noted_and_told_once(pcm: bytes) -> None:
    heard = Heard()
    heard.hear(sound.silence(300) + pcm)
    assert len(heard.told) == 2
    assert heard.told[1] == "fax"


def test_a_busy_tone_is_only_noted() -> None:
    heard = Heard()
    heard.hear(line_signals.BUSY["US"])
    (note,) = heard.told
    assert isinstance(note, tuple)
    assert note[1] == "A busy tone was heard (620 Hz)."


def test_nothing_is_heard_after_the_beginning_of_the_call() -> None:
    heard = Heard()
    heard.hear(sound.silence(LISTEN_MS) + tones(1000, ms=400) + sound.silence(1000))
    assert heard.told == []
