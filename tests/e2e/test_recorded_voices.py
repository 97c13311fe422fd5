"""The ears on recordings of a real speaker: the announcements that come with Asterisk, turned into sound by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from opendeep.audio_processing_service.answer_watch import AnswerWatch
from opendeep.audio_processing_service.echo import ECHO_AT, HEARD_BYTES, PLAYED_BYTES, echo_likeness
from opendeep.audio_processing_service.line_ears import LineEars
from opendeep.audio_processing_service.shared_meter import measure_at_once
from opendeep.audio_processing_service.who_answered import AnsweredBy
from tests.support import sound
from tests.support.asterisk import RealAsterisk
from tests.support.audio import mulaw_decode, mulaw_encode

LONG = ("demo-instruct", "demo-congrats", "basic-pbx-ivr-main", "demo-echotest")
AUDIBLE_DBFS = -45.0


async def recorded(asterisk: RealAsterisk, name: str, folder: Path) -> bytes:
    """One announcement as s16le at 8 kHz."""
    target = folder / f"{name}.sln"
    await asterisk.cli("module load res_convert.so")
    said = await asterisk.cli(f"file convert {announcement(asterisk, name)} {target}")
    assert target.exists(), said
    return target.read_bytes()


def announcement(asterisk: RealAsterisk, name: str) -> Path:
    return min(Path(asterisk.program.data).glob(f"**/{name}.gsm"))


def windows(pcm: bytes) -> list[int]:
    """Where to look: every quarter of a second at which the last 0.4 s are audible."""
    ends = range(PLAYED_BYTES, len(pcm), 4_000)
    return [end for end in ends if sound.rms_dbfs(pcm[end - HEARD_BYTES : end]) > AUDIBLE_DBFS]


def echo_of(pcm: bytes, delay_ms: int, loss_db: float) -> bytes:
    late = np.concatenate((np.zeros(delay_ms * 8), sound.samples_of(pcm)))[: len(pcm) // 2]
    return mulaw_decode(
        mulaw_encode(sound.pcm_of(np.convolve(late, [0.2, 0.7, 0.3, -0.2], "same") * 10 ** (-loss_db / 20)))
    )


@pytest.mark.parametrize("name", LONG)
async def test_a_recorded_voice_is_known_as_its_own_echo_and_not_as_other_words_of_the_same_person(
    real_asterisk: RealAsterisk, tmp_path: Path, name: str
) -> None:
    ours = await recorded(real_asterisk, name, tmp_path)
    back = echo_of(ours, 180, 15.0)
    places = [end for end in windows(ours) if sound.rms_dbfs(back[end - HEARD_BYTES : end]) > AUDIBLE_DBFS]
    assert len(places) > 20
    known = [echo_likeness(ours[end - PLAYED_BYTES : end], back[end - HEARD_BYTES : end]) for end in places]
    assert sum(likeness >= ECHO_AT for likeness in known) >= 0.97 * len(known)
    other = await recorded(real_asterisk, LONG[LONG.index(name) - 1], tmp_path)
    both = [end for end in windows(ours) if end < len(other)]
    unlike = [echo_likeness(ours[end - PLAYED_BYTES : end], other[end - HEARD_BYTES : end]) for end in both]
    assert sum(likeness < ECHO_AT for likeness in unlike) >= 0.97 * len(unlike)


@pytest.mark.parametrize("name", LONG)
async def test_a_recorded_announcement_is_neither_music_nor_a_tone(
    real_asterisk: RealAsterisk, tmp_path: Path, name: str
) -> None:
    told: list[object] = []
    ears = LineEars(lambda *_, **__: None, told.append, measure_at_once)
    watch = AnswerWatch()
    heard = await recorded(real_asterisk, name, tmp_path)
    verdicts = []
    voice = 0
    for number, at in enumerate(range(0, min(len(heard), 16_000 * 40) - 319, 320)):
        ears.hear(heard[at : at + 320])
        facts = ears.facts
        assert facts is not None
        assert not facts.music
        voice += facts.voice
        if number % 5 == 0 and (verdict := watch.check(number * 20, facts)):
            verdicts.append(verdict.answered_by)
    assert told == []
    assert voice > 200
    assert AnsweredBy.HOLD not in verdicts
    assert AnsweredBy.SILENCE not in verdicts


async def test_a_recorded_menu_is_not_taken_for_a_person(real_asterisk: RealAsterisk, tmp_path: Path) -> None:
    ears = LineEars(lambda *_, **__: None, lambda _: None, measure_at_once)
    watch = AnswerWatch()
    menu = await recorded(real_asterisk, "basic-pbx-ivr-main", tmp_path)
    for number, at in enumerate(range(0, len(menu) - 319, 320)):
        ears.hear(menu[at : at + 320])
        if number % 5 == 0 and (facts := ears.facts):
            watch.check(number * 20, facts)
    watch.heard_words("For sales, press one. For technical support, press two.")
    facts = ears.facts
    assert facts is not None
    verdict = watch.check(60_000, facts)
    assert verdict is not None
    assert verdict.answered_by is AnsweredBy.IVR
