"""A wideband line of a real Asterisk to the product's own server, with a voice AI that knows only 24 kHz."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from opendeep.audio_processing_service.voice_format import VoiceFormat
from tests.integration.audio_realtime import fake_realtime
from tests.integration.audio_world import media_world
from tests.support.ami_wire import WireAmi
from tests.support.asterisk import RealAsterisk
from tests.support.audio import tone, tone_ms
from tests.support.callees import Callees

pytestmark = pytest.mark.asterisk

NUMBER = "+493087654377"
CHANNEL = RealAsterisk.channel_template.format(number=NUMBER)
AI_HZ, CALLEE_HZ = 440, 1_000
DEADLINE_S = 60.0


def every_third(pcm: bytes) -> bytes:
    return np.frombuffer(pcm[: len(pcm) // 6 * 6], "<i2")[::3].tobytes()


@pytest.mark.parametrize("application", ["AudioSocket", "Dial"])
async def test_24_khz_of_the_voice_ai_reaches_the_callee_and_back(
    callees: Callees, wire_ami: WireAmi, tmp_path: Path, application: str
) -> None:
    """`Dial` makes a channel of 24 kHz; the application has 8 kHz, and the sound is resampled."""
    async with fake_realtime() as voice, media_world(tmp_path, voice.url, audio=VoiceFormat.PCM24K) as world:
        phone = await callees.phone(NUMBER, on_answer_play=tone(CALLEE_HZ, 800))
        await world.expect()
        await world.tell("ringing")
        session = await voice.session()
        place = f"127.0.0.1:{world.server.port}"
        wide = f"AudioSocket/{place}/{world.call.id}/c(slin24)"
        data = wide if application == "Dial" else f"{world.call.id},{place}"
        headers = {"Channel": CHANNEL, "ChannelId": str(world.call.id), "Application": application, "Data": data}
        assert (await wire_ami.send("Originate", **headers, Timeout="5000", Async="true"))["Response"] == "Success"
        await session.begun()
        samples = 8_000 * np.sin(2 * np.pi * AI_HZ * np.arange(24_000) / 24_000)
        await session.speak("r1", "Hello.", samples.astype("<i2").tobytes(), pieces=5)
        await session.wait(lambda: tone_ms(every_third(bytes(session.audio)), CALLEE_HZ) >= 600)
        async with asyncio.timeout(DEADLINE_S):
            while tone_ms(phone.received(), AI_HZ) < 900:
                phone.rtp.sound_arrived.clear()
                await phone.rtp.sound_arrived.wait()
        await wire_ami.send("Hangup", Channel=str(world.call.id))
        await world.ended()
        assert world.server.counters["wrong_rate"] == world.server.counters["frame_dropped"] == 0
