"""A spoken conversation end to end: simulated switch and callee, the media side, the offline voice. Real speech."""

from __future__ import annotations

import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from opendeep.config.prompt_transfer import briefing_instructions
from opendeep.offline.server import OfflineServer
from opendeep.offline.speech import SpeechEngineMissing, SpeechEngines
from opendeep.simulation import SimulatedSwitch
from tests.integration.audio_world import media_world
from tests.support import services
from tests.support.ami_wire import WireAmi
from tests.support.audio import mulaw_decode
from tests.support.sound import find_sound

CONVERSATION_DEADLINE_S = 100.0


@pytest_asyncio.fixture
async def engines() -> AsyncIterator[SpeechEngines]:
    try:
        async with SpeechEngines(workers=1) as found:
            yield found
    except SpeechEngineMissing as error:
        services.require("speech engines", available=False, reason=str(error))


@pytest.mark.natural_voice
async def test_a_spoken_conversation_reaches_its_end(engines: SpeechEngines, tmp_path: Path) -> None:
    switch = SimulatedSwitch(
        synthesizer=engines.synthesizer, recognizer=engines.recognizer, username="test", secret="secret"
    )
    await switch.start()
    try:
        async with OfflineServer(engines=engines, text_routes=()) as voice:
            url = voice.base_url.replace("http://", "ws://") + "/realtime"
            async with (
                media_world(tmp_path, url, timezone="America/New_York") as world,
                WireAmi(*switch.ami_address, "test", "secret") as ami,
            ):
                await world.expect()
                call_id = str(world.call.id)
                await ami.originate(f"Local/{world.call.phone_number}@opendeep-out/n", call_id, world.server.port)
                await ami.event("Newstate", ChannelStateDesc="Ringing")
                await world.tell("ringing")
                ended = await world.ended(CONVERSATION_DEADLINE_S)

                turns = await world.turns()
                said = [(turn.speaker.value, turn.text.lower()) for turn in turns]
                assert said[0][1].startswith("hello") or said[1][1].startswith("hello")
                assert any("maria keller" in text for speaker, text in said if speaker == "ai")
                assert any("yes" in text for speaker, text in said if speaker == "callee"), said
                assert any("goodbye" in text for speaker, text in said if speaker == "ai"), said
                assert [turn.turn for turn in turns] == sorted(turn.turn for turn in turns)
                assert all(turn.started_ms <= turn.ended_ms for turn in turns)
                [asked_to_end] = await world.events("call.end_requested")
                assert asked_to_end.data["reason"] == "completed"
                assert ended["reason"] == "completed"

                row = await world.row()
                assert row.usage["responses"] >= 3
                assert row.usage["realtime"]["total_tokens"] > 0
                assert row.recording_path is not None
                _check_recording(world.data_dir / row.recording_path, row.usage["line_ms"])
    finally:
        await switch.stop()


def _check_recording(path: Path, line_ms: int) -> None:
    """Both sides are in it, each on its own channel, as long as the call was."""
    with wave.open(str(path)) as recording:
        assert (recording.getnchannels(), recording.getsampwidth(), recording.getframerate()) == (2, 2, 8_000)
        stereo = np.frombuffer(recording.readframes(recording.getnframes()), "<i2").reshape(-1, 2)
    assert abs(len(stereo) / 8 - line_ms) <= 20
    for channel in (0, 1):
        loud = np.abs(stereo[:, channel].astype(np.int32)) > 1_000
        assert loud.mean() > 0.02


@pytest.mark.natural_voice
async def test_a_briefing_is_spoken_aside_and_the_callee_hears_none_of_it(
    engines: SpeechEngines, tmp_path: Path
) -> None:
    async with OfflineServer(engines=engines, text_routes=()) as voice:
        url = voice.base_url.replace("http://", "ws://") + "/realtime"
        async with media_world(tmp_path, url) as world:
            line = await world.answer()
            await line.wait(lambda: len(line.loud()) > 10)  # the hello
            [handler] = world.server._handlers.values()
            assert handler._brief is not None
            told = briefing_instructions(handler._brief, "They ask for the bill of October.")
            sound = mulaw_decode(await handler._fetching.aside.speak(told, 30.0))
            known = await engines.synthesizer.synthesize("They ask for the bill of October.")
            assert find_sound(known, sound).likeness > 0.5
            await line.hang_up()
            await world.ended()
            assert not [turn for turn in await world.turns() if "bill" in turn.text]
