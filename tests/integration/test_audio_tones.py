"""Tones on the callee's line in a live call: the beep of a mailbox, a fax machine. (World: `audio_world`.)"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.audio_realtime import FakeRealtime, fake_realtime
from tests.integration.audio_world import media_world
from tests.support import line_signals, sound


@pytest.fixture
async def voice() -> AsyncIterator[FakeRealtime]:
    async with fake_realtime() as server:
        yield server


async def test_an_ai_that_waits_is_told_of_the_beep_once(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        line = await world.answer()
        session = await voice.session()
        await session.begun()
        await session.speak("r1", "Hello.", line_signals.tones(500, ms=60)[:480])
        await line.wait(lambda: len(line.loud()) >= 3)
        line.speak(sound.silence(400) + line_signals.tones(1000, ms=400) + sound.silence(800))
        item = (await session.received_event("conversation.item.create"))["item"]
        assert item["role"] == "system"
        assert "beep" in item["content"][0]["text"]
        await session.received_event("response.create", 2)
        await line.hang_up()
        await world.ended()
        [event] = await world.events("call.tone_heard")
        assert event.data["signal"] == "beep"
        assert abs(event.data["ms"] - 400) <= 20
        told = [e for e in session.received if e["type"] == "conversation.item.create"]
        assert len(told) == 1


async def test_an_ai_that_speaks_is_not_disturbed_by_a_beep(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        line = await world.answer()
        session = await voice.session()
        await session.begun()
        await session.begin_response("r1")
        line.speak(sound.silence(400) + line_signals.tones(1000, ms=400) + sound.silence(800))
        await line.hang_up()
        await world.ended()
        assert [event.data["signal"] for event in await world.events("call.tone_heard")] == ["beep"]
        assert not [e for e in session.received if e["type"] == "conversation.item.create"]


async def test_a_fax_machine_is_hung_up_on(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        line = await world.answer()
        session = await voice.session()
        await session.begun()
        await session.speak("r1", "Hello.", line_signals.tones(500, ms=60)[:480])
        line.speak(line_signals.FAX_ANSWERING)
        assert (await world.said("hangup"))["reason"] == "fax"
        assert (await world.ended())["reason"] == "fax"
        [event] = await world.events("call.tone_heard")
        assert event.data["signal"] == "fax_answering"
