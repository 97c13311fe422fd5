"""Sound between lines and voices of every kind: A-law, 24 kHz over a telephone line, and a wideband line end to end."""

from __future__ import annotations

import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from opendeep.audio_processing_service.g711 import Law
from opendeep.audio_processing_service.voice_format import VoiceFormat
from tests.integration.audio_realtime import FakeRealtime, fake_realtime
from tests.integration.audio_world import SLIN8, SLIN24, FakeAsterisk, media_world
from tests.support.audio import tone, tone_ms

AI_HZ, CALLEE_HZ, CED_HZ = 440, 1_000, 2_100
WIDE = VoiceFormat.PCM24K


@pytest_asyncio.fixture
async def voice() -> AsyncIterator[FakeRealtime]:
    async with fake_realtime() as fake:
        yield fake


def wide_tone(hz: float, ms: int) -> bytes:
    """s16le at 24 kHz, not periodic within a frame."""
    return bytes((8_000 * np.sin(2 * np.pi * (hz + 0.1) * np.arange(24 * ms) / 24_000)).astype("<i2"))


def every_third(pcm: bytes) -> bytes:
    """24 kHz to 8 kHz, good enough for a tone."""
    return np.frombuffer(pcm[: len(pcm) // 6 * 6], "<i2")[::3].tobytes()


def speak_wide(line: FakeAsterisk, pcm: bytes) -> None:
    for at in range(0, len(pcm), 960):
        line.send(SLIN24, pcm[at : at + 960])


def formats(update: dict[str, Any]) -> list[dict[str, Any]]:
    audio = update["session"]["audio"]
    return [audio["input"]["format"], audio["output"]["format"]]


async def test_a_law_both_ways(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url, audio=VoiceFormat.PCMA) as world:
        line = await world.answer()
        session = await voice.session()
        await session.begun()
        assert formats(await session.received_event("session.update")) == [{"type": "audio/pcma"}] * 2
        spoken = Law.ALAW.encode(tone(AI_HZ, 100))
        await session.speak("r1", "Hello.", spoken)
        await line.wait(lambda: Law.ALAW.decode(spoken) in b"".join(line.heard))
        heard = tone(CALLEE_HZ, 40)
        line.speak(heard)
        await session.wait(lambda: Law.ALAW.encode(heard) in bytes(session.audio))


async def test_a_voice_that_knows_only_24_khz_on_a_telephone_line(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url, audio=WIDE) as world:
        line = await world.answer()
        session = await voice.session()
        await session.begun()
        assert formats(await session.received_event("session.update")) == [{"type": "audio/pcm", "rate": 24_000}] * 2
        await session.speak("r1", "Hello.", wide_tone(AI_HZ, 400), pieces=7)
        await line.wait(lambda: tone_ms(b"".join(line.heard), AI_HZ) >= 380)
        assert set(line.kinds) == {SLIN8}
        line.speak(tone(CALLEE_HZ, 400))
        await session.wait(lambda: tone_ms(every_third(bytes(session.audio)), CALLEE_HZ) >= 360)


async def test_a_wideband_line_is_passed_on_bit_by_bit(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url, audio=WIDE) as world:
        line = await world.answer()
        session = await voice.session()
        await session.begun()
        heard = wide_tone(CALLEE_HZ, 400)
        speak_wide(line, heard)
        await session.wait(lambda: heard in bytes(session.audio))
        spoken = wide_tone(AI_HZ, 400)
        await session.speak("r1", "Hello.", spoken, pieces=3)
        await line.wait(lambda: spoken in b"".join(line.heard))
        assert line.kinds[-1] == SLIN24
        line.send(SLIN8, bytes(320))  # a line does not change its rate
        await line.hang_up()
        await world.ended()
        assert world.server.counters["wrong_rate"] == 1
        recording = (await world.row()).recording_path
        assert recording is not None
        with wave.open(str(tmp_path / recording)) as file:
            assert (file.getframerate(), file.getnchannels()) == (8_000, 2)
            both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
        assert tone_ms(both[:, 0].tobytes(), CALLEE_HZ) >= 160  # more came at once than may wait
        assert tone_ms(both[:, 1].tobytes(), AI_HZ) >= 360


async def test_what_was_said_before_a_line_turned_out_wideband_is_heard(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url, audio=WIDE) as world:
        line = await world.answer()
        session = await voice.session()
        await session.begun()
        await session.speak("r1", "Hello.", wide_tone(AI_HZ, 2_000))
        await line.wait(line.loud)
        speak_wide(line, bytes(960))
        await line.wait(lambda: line.kinds and line.kinds[-1] == SLIN24 and len(line.kinds) > 130)
        wide = b"".join(sound for kind, sound in zip(line.kinds, line.heard, strict=True) if kind == SLIN24)
        narrow = b"".join(sound for kind, sound in zip(line.kinds, line.heard, strict=True) if kind == SLIN8)
        assert tone_ms(narrow, AI_HZ) + tone_ms(every_third(wide), AI_HZ) >= 1_940


@pytest.mark.parametrize("audio", VoiceFormat)
async def test_the_ears_hear_on_a_wideband_line(voice: FakeRealtime, tmp_path: Path, audio: VoiceFormat) -> None:
    async with media_world(tmp_path, voice.url, audio=audio) as world:
        line = await world.answer()
        await (await voice.session()).begun()
        speak_wide(line, bytes(960) * 10 + wide_tone(CED_HZ, 2_000) + bytes(960) * 60)
        assert (await world.ended())["reason"] == "fax"
