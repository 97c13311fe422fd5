"""A call that is put on hold: the AI hears and says nothing until somebody is back. (World: `audio_world`.)"""

import functools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from opendeep.audio_processing_service.hold_watch import HoldLimits
from tests.integration.audio_realtime import FakeRealtime, FakeSession, fake_realtime
from tests.integration.audio_world import FakeAsterisk, MediaWorld, media_world
from tests.support import line_signals, sound
from tests.support.voices import spoken

BYTES_PER_MS = 8  # G.711
PRE_ROLL_MS = 3_000
BACK = "Hello, thank you for waiting, this is Anna."


@pytest.fixture
async def voice() -> AsyncIterator[FakeRealtime]:
    async with fake_realtime() as server:
        yield server


async def talk(line: FakeAsterisk, pcm: bytes) -> None:
    """As people do: a frame for each frame that comes."""
    begun = len(line.heard)
    for number, at in enumerate(range(0, len(pcm) - 319, 320)):
        await line.wait(functools.partial(_heard_more_than, line, begun + number))
        line.speak(pcm[at : at + 320])


def _heard_more_than(line: FakeAsterisk, frames: int) -> bool:
    return len(line.heard) > frames


def notes(session: FakeSession) -> list[str]:
    """What the AI was told in role system."""
    items = [event["item"] for event in session.received if event["type"] == "conversation.item.create"]
    return [item["content"][0]["text"] for item in items if item.get("role") == "system"]


def music(seconds: int = 12) -> bytes:
    return line_signals.music(1, note_ms=400, decay_per_s=1.0, chords=True, seconds=seconds)


async def noted(world: MediaWorld, kind: str) -> dict[str, object]:
    """The data of the first line of this kind, when it is written."""
    while not (found := await world.events(kind)):
        await world.db.get_call_by_id(world.call.id)
    return dict(found[0].data)


async def on_hold(world: MediaWorld, voice: FakeRealtime) -> tuple[FakeAsterisk, FakeSession]:
    line = await world.answer()
    session = await voice.session()
    await session.begun()
    await session.speak("r1", "Hello.", b"\x80" * 480)
    line.speak(music())
    await noted(world, "call.on_hold")
    return line, session


async def test_nothing_is_heard_on_hold_until_somebody_is_back(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        line, session = await on_hold(world, voice)
        before = len(session.audio)
        line.speak(music(30))
        back = spoken(BACK)
        await talk(line, back)
        await session.wait(lambda: len(session.audio) - before >= PRE_ROLL_MS * BYTES_PER_MS)
        assert len(session.audio) - before <= PRE_ROLL_MS * BYTES_PER_MS + len(back) // 2  # not the thirty seconds
        asked = sum(event["type"] == "response.create" for event in session.received)
        await session.callee_starts("u1", 100)
        await session.callee_stops("u1", 2_500, BACK)
        line.speak(sound.silence(1_500))  # and then waits
        await session.wait(lambda: any("was on hold" in note for note in notes(session)))
        await session.received_event("response.create", asked + 1)
        await line.hang_up()
        await world.ended()
        [off] = await world.events("call.off_hold")
        assert off.data["given_up"] is False
        assert (await world.row()).usage["held_ms"] > 0
        assert BACK in [turn.text for turn in await world.turns()]


async def test_the_words_of_a_waiting_line_are_no_person(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        line, session = await on_hold(world, voice)
        before = len(session.audio)
        await talk(line, spoken("Your call is important to us. All agents are busy. Please hold the line."))
        await session.wait(lambda: len(session.audio) > before)
        asked = sum(event["type"] == "response.create" for event in session.received)
        await session.callee_starts("u1", 100)
        await session.callee_stops("u1", 2_500, "Your call is important to us. Please hold the line.")
        line.speak(music(12))
        await talk(line, spoken(BACK, "rms"))
        await session.callee_starts("u2", 5_000)
        await session.callee_stops("u2", 7_500, BACK)
        line.speak(sound.silence(1_500))
        await session.received_event("response.create", asked + 1)
        created = [event for event in session.received if event["type"] == "response.create"]
        assert len(created) == asked + 1
        await line.hang_up()
        await world.ended()
        assert len(await world.events("call.off_hold")) == 1


async def test_waiting_has_an_end(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url, hold=HoldLimits(longest_ms=500)) as world:
        line, _ = await on_hold(world, voice)
        assert (await world.ended())["reason"] == "hold_too_long"
        assert line.closed.is_set()
        [off] = await world.events("call.off_hold")
        assert off.data["given_up"] is True


async def test_waiting_may_cost_only_so_much(voice: FakeRealtime, tmp_path: Path) -> None:
    limits = HoldLimits(price_per_minute=60.0, most_spend=0.5)
    async with media_world(tmp_path, voice.url, hold=limits) as world:
        await on_hold(world, voice)
        assert (await world.ended())["reason"] == "hold_too_dear"


async def test_who_answered_is_noted_and_a_machine_is_told_to_the_ai(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        line = await world.answer()
        session = await voice.session()
        await session.begun()
        line.speak(
            sound.silence(500)
            + spoken(
                "For billing, press one. For anything else, press two.",
            ),
        )
        await session.callee_starts("u1", 500)
        await session.callee_stops("u1", 4_000, "For billing, press one. For anything else, press two.")
        await session.wait(lambda: any("keypad menu" in note for note in notes(session)))
        await line.hang_up()
        await world.ended()
        told = [event.data["answered_by"] for event in await world.events("call.answered_by")]
        assert told[-1] == "ivr"
