"""Whose turn it is, on the wire: what Asterisk gets and what the Realtime server is told. (World: `audio_world`.)"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.audio_realtime import FakeRealtime, FakeSession, fake_realtime
from tests.integration.audio_world import FakeAsterisk, MediaWorld, media_world
from tests.support import line_signals
from tests.support.audio import mulaw_encode

FRAMES_UNDER_WAY = 1


@pytest.fixture
async def voice() -> AsyncIterator[FakeRealtime]:
    async with fake_realtime() as server:
        yield server


def words(ms: int) -> bytes:
    """Sound in G.711 that is like nothing else but itself."""
    tune = line_signals.music(7, note_ms=110, decay_per_s=4.0, chords=True)
    return mulaw_encode(tune[: ms * 16])


async def talking(world: MediaWorld, voice: FakeRealtime, ms: int, text: str) -> tuple[FakeAsterisk, FakeSession]:
    """The AI has said half a second of `ms`; the response is complete."""
    line = await world.answer()
    session = await voice.session()
    await session.begun()
    await session.speak("r1", text, words(ms))
    await line.wait(lambda: len(line.loud()) >= 25)
    return line, session


async def silent(line: FakeAsterisk, frames: int = 10) -> int:
    """Wait for so much silence in a row; how many frames of speech had come by then."""
    await line.wait(lambda: len(line.heard) >= frames and not any(any(frame) for frame in line.heard[-frames:]))
    return len(line.loud())


async def test_a_hum_holds_the_words_for_a_moment_and_nothing_is_lost(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        line, session = await talking(world, voice, 2_000, "Let me explain what this is about.")
        await session.callee_starts("u1", 500)
        said = await silent(line)
        await session.callee_stops("u1", 900, "Mm-hm.")
        await line.wait(lambda: len(line.loud()) > said)
        await line.wait(lambda: len(line.loud()) >= 99)  # a frame of the tune may happen to be silent
        await line.hang_up()
        await world.ended()
        assert [(turn.speaker.value, turn.interrupted) for turn in await world.turns()] == [
            ("ai", False),
            ("callee", False),
        ]
        kinds = [event["type"] for event in session.received]
        assert "conversation.item.truncate" not in kinds
        assert kinds.count("response.create") == 1
        assert (await world.row()).usage["interruptions"] == 0


async def test_speech_stops_the_ai_within_a_frame_and_then_takes_the_turn(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        line, session = await talking(world, voice, 4_000, "one two three four five six seven eight nine ten")
        await session.callee_starts("u1", 500)
        said = await silent(line)
        truncate = await session.received_event("conversation.item.truncate")
        assert abs(truncate["audio_end_ms"] - said * 20) <= 20 * FRAMES_UNDER_WAY
        await session.callee_stops("u1", 1_900, "No, wait a moment please.")
        await session.received_event("response.create", 2)
        assert len(line.loud()) == said


async def test_the_echo_of_our_own_words_stops_nothing(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        line, session = await talking(world, voice, 3_000, "Let me explain what this is about.")
        for frame in line.heard[-25:]:
            line.speak(frame)
        await session.wait(lambda: len(session.audio) >= 25 * 160 - 320)
        await session.callee_starts("u1", 500)
        await session.callee_stops("u1", 900, "explain what")
        deleted = await session.received_event("conversation.item.delete")
        assert deleted["item_id"] == "u1"
        await line.wait(lambda: len(line.loud()) >= 148)
        await line.hang_up()
        await world.ended()
        assert [turn.speaker.value for turn in await world.turns()] == ["ai"]
