"""Ten thousand strangers who say nothing, while a call is live: nobody in it misses a frame, and the next call begins.

Counted, not timed: the callee answers each frame that it hears with one of its own, all different.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio
import uvloop

from opendeep.audio_processing_service.audiosocket_connection import ConnectionLimits
from opendeep.common.channels import node_calls
from tests.integration.audio_realtime import FakeRealtime, FakeSession, fake_realtime
from tests.integration.audio_world import NODE, SLIN8, FakeAsterisk, MediaWorld, add_call, media_world, until
from tests.support.audio import mulaw_decode, mulaw_encode

STRANGERS = 10_000
LIMITS = ConnectionLimits(name_s=2.0)
SPOKEN_S = 8
FRAME = 160  # µ-law


@pytest_asyncio.fixture
async def voice() -> AsyncIterator[FakeRealtime]:
    async with fake_realtime() as fake:
        yield fake


def noise(seconds: int, seed: int) -> bytes:
    """µ-law of which no two frames are alike; without the two zeros."""
    codes = [code for code in range(256) if code not in (0x7F, 0xFF)]
    return bytes(random.Random(seed).choices(codes, k=8_000 * seconds))


@dataclass
class Callee:
    """Answers each frame with one of its own."""

    line: FakeAsterisk
    said: bytes = b""

    async def talk(self) -> None:
        words = noise(60, seed=2)
        while len(self.said) < len(words):
            at = len(self.said)
            await self.line.wait(lambda: len(self.line.heard) > len(self.said) // FRAME)
            self.line.send(SLIN8, mulaw_decode(words[at : at + FRAME]))
            self.said = words[: at + FRAME]


async def test_ten_thousand_silent_connections_cost_a_live_call_nothing(voice: FakeRealtime, tmp_path: Path) -> None:
    await flood(voice, tmp_path)


def test_the_same_on_uvloop(tmp_path: Path) -> None:
    async def run() -> None:
        async with fake_realtime() as voice:
            await flood(voice, tmp_path)

    uvloop.run(run())


async def flood(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url, limits=LIMITS) as world:
        line = await world.answer()
        session = await voice.session()
        await session.begun()
        callee = Callee(line)
        talking = asyncio.create_task(callee.talk(), name="callee")
        answering = asyncio.create_task(answer(session), name="voice-ai")
        spoken = noise(SPOKEN_S, seed=1)
        await session.speak("r1", "A long story.", spoken, pieces=40)
        opened = await strangers(world)
        await line.wait(lambda: spoken in mulaw_encode(b"".join(line.heard)), 30)  # whole, and without a gap
        talking.cancel()
        answering.cancel()
        said = callee.said[:-FRAME]  # frames go on in twos: the last may wait for its neighbour
        await session.wait(lambda: bytes(session.audio[: len(said)]) == said)
        counters = world.server.counters
        assert counters["too_many_unnamed"] + counters["silent_peer"] == opened
        assert counters["too_many_unnamed"] > opened / 2
        assert counters["frame_dropped"] == 0
        assert not line.closed.is_set()


async def answer(session: FakeSession) -> None:
    """Whoever asks the voice AI to speak, because it is quiet meanwhile, gets an answer: the session lives on."""
    for number in itertools.count(2):
        await session.received_event("response.create", number, deadline_s=60)
        await session.begin_response(f"r{number}")
        await session.end_response(f"r{number}")


async def strangers(world: MediaWorld) -> int:
    """They come, another call begins in their midst, and all of them are shown out."""
    peers = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.silent_peers", str(world.server.port), str(STRANGERS)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert peers.stdout is not None
    await until(lambda: world.server.counters["too_many_unnamed"] > 100)
    call = await add_call(world.db, "+12025550177")
    await world.bell.ring(node_calls(NODE), {"type": "expect", "call_id": str(call.id)})
    another = await world.connect(call.id)
    await another.wait(lambda: len(another.heard) >= 10)
    opened = int(await peers.stdout.readline())
    assert opened == STRANGERS, f"the limit of open files allowed only {opened}"
    assert int(await peers.stdout.readline()) == opened
    await peers.wait()
    return opened
