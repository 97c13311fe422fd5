"""The shipped callees with the real speech engines: they understand what a caller says, and are understood.

Both directions go over the switch's AMI and AudioSocket. The clock stands still while an engine works, so that a slow
machine hears the same conversation.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from opendeep.audio_processing_service.line_sound import SoundMeter
from opendeep.audio_processing_service.music_detection import MusicDetector
from opendeep.audio_processing_service.tone_detection import Signal, ToneDetector
from opendeep.offline.speech import Recognition, SpeechEngineMissing, SpeechEngines
from tests.support import services, sound
from tests.unit.simulation.support import FRAME, PeerCall, World, world

QUESTION = (
    "This is an AI assistant calling on behalf of Maria Keller. I am calling to arrange the yearly boiler inspection. "
    "Does Tuesday at ten work for you?"
)
FAREWELL = "Thank you for your time. Have a nice day. Goodbye."
DEADLINE_S = 60.0


class PausingEngines:
    """The real engines; `rest` waits until none of them works."""

    def __init__(self, engines: SpeechEngines) -> None:
        self._engines = engines
        self._working = 0
        self._changed = asyncio.Condition()

    async def synthesize(self, text: str, *, voice: str | None = None, sample_rate: int = 8000) -> bytes:
        await self._count(1)
        try:
            return await self._engines.synthesizer.synthesize(text, voice=voice, sample_rate=sample_rate)
        finally:
            await self._count(-1)

    async def recognize(
        self, pcm: bytes, *, sample_rate: int = 8000, expects: str = "any", hints: tuple[str, ...] = ()
    ) -> Recognition:
        await self._count(1)
        try:
            return await self._engines.recognizer.recognize(pcm, sample_rate=sample_rate, expects=expects, hints=hints)
        finally:
            await self._count(-1)

    async def _count(self, change: int) -> None:
        async with self._changed:
            self._working += change
            self._changed.notify_all()

    async def rest(self) -> None:
        await asyncio.sleep(0)
        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(lambda: self._working == 0)
        await asyncio.sleep(0)


@pytest_asyncio.fixture
async def engines() -> AsyncIterator[PausingEngines]:
    try:
        async with SpeechEngines(workers=1) as found:
            yield PausingEngines(found)
    except SpeechEngineMissing as error:
        services.require("speech engines", available=False, reason=str(error))


class Caller:
    """The caller's side of one call: speaks sentences, and tells what it heard."""

    def __init__(self, place: World, engines: PausingEngines, call: PeerCall) -> None:
        self._place, self._engines, self._call = place, engines, call

    async def say(self, text: str) -> str:
        return await self._pass(await self._engines.synthesize(text))

    async def listen(self, ms: int) -> str:
        return await self._pass(bytes(ms * 16))

    async def hear(self, ms: int) -> bytes:
        """What comes while nothing is said."""
        return await self.hear_while(bytes(ms * 16))

    async def hear_while(self, pcm: bytes) -> bytes:
        """What comes while this is said."""
        heard = bytearray()
        for offset in range(0, len(pcm), FRAME):
            heard += await self._place.talk(self._call, pcm[offset : offset + FRAME])
            await self._engines.rest()
        return bytes(heard)

    async def understand(self, heard: bytes) -> str:
        return (await self._engines.recognize(sound.telephone(heard))).text if any(heard) else ""

    async def _pass(self, pcm: bytes) -> str:
        return await self.understand(await self.hear_while(pcm))


async def call(place: World, engines: PausingEngines, number: str) -> tuple[str, Caller]:
    call_id = await place.dial(f"Local/{number}@opendeep-out/n")
    await engines.rest()
    while place.switch.calls()[0].phase != "up":
        place.ticker.advance(20)
    await place.peer.wait(lambda: place.peer.calls and place.peer.calls[-1].call_id is not None)
    return call_id, Caller(place, engines, place.peer.calls[-1])


@pytest.mark.natural_voice
async def test_a_person_accepts_and_says_goodbye(engines: PausingEngines) -> None:
    async with world(speech=(engines, engines)) as place:
        call_id, caller = await call(place, engines, "+12025550101")
        assert "hello" in await caller.listen(3500)
        assert await caller.say(QUESTION) == ""
        answer = await caller.listen(4500)
        assert "yes" in answer
        assert "tuesday" in answer
        await caller.say(FAREWELL)
        await caller.listen(8000)
        await place.ami.wait(lambda: place.ami.events("HangupRequest", call_id))


@pytest.mark.natural_voice
async def test_a_person_asks_back_and_waits_for_the_answer(engines: PausingEngines) -> None:
    async with world(speech=(engines, engines)) as place:
        _, caller = await call(place, engines, "+12025550105")
        await caller.listen(3500)
        await caller.say(QUESTION)
        assert "water" in await caller.listen(4500)
        await caller.say("One moment please, I will ask.")
        assert await caller.listen(15_000) == ""
        await caller.say("I have asked. The water stays on. Does Tuesday at ten work for you?")
        assert "tuesday" in await caller.listen(4500)


@pytest.mark.natural_voice
async def test_an_opt_out_is_understood(engines: PausingEngines) -> None:
    async with world(speech=(engines, engines)) as place:
        _, caller = await call(place, engines, "+12025550106")
        await caller.listen(3000)
        await caller.say(QUESTION)
        assert "stop calling" in await caller.listen(5000)


def music_part(heard: bytes) -> float:
    """The part of the sound during which the product's ears hear music."""
    detector, playing = MusicDetector(), list[bool]()
    for block in SoundMeter().receive(heard):
        detector.receive(block)
        playing.append(detector.playing)
    return sum(playing) / max(1, len(playing))


def rings_back(heard: bytes) -> bool:
    """Whether the product's ears hear ringing."""
    detector = ToneDetector()
    told = [detector.receive(block) for block in SoundMeter().receive(heard)]
    return any(one is not None and one.signal is Signal.RINGBACK for one in told)


@pytest.mark.natural_voice
async def test_music_plays_on_hold_and_a_person_comes_back(engines: PausingEngines) -> None:
    async with world(speech=(engines, engines)) as place:
        _, caller = await call(place, engines, "+12025550116")
        opening = await engines.synthesize("thank you for calling please hold the line", voice="rms")
        assert "hold" in await caller.listen(len(opening) // 16)  # then the music begins
        await caller.hear(6000)
        assert music_part(await caller.hear(8000)) > 0.5
        back = await caller.hear(11_000)
        assert music_part(back[-5000 * 16 :]) < 0.3
        greeting = await engines.synthesize("hello thank you for waiting how can i help you", voice="rms")
        assert sound.find_sound(greeting, back).likeness > 0.9
        await caller.say(QUESTION)
        assert "tuesday" in await caller.listen(4500)


@pytest.mark.natural_voice
async def test_a_screener_asks_rings_and_gives_to_the_person(engines: PausingEngines) -> None:
    async with world(speech=(engines, engines)) as place:
        _, caller = await call(place, engines, "+12025550162")
        assert "reason" in await caller.listen(7000)
        await caller.say("This is an assistant of Maria Keller, about the yearly boiler inspection.")
        rings = await caller.hear(17_000)
        assert rings_back(rings)
        assert place.switch.calls()[0].visited == ("screener", "rings", "person")
        await caller.say(QUESTION)
        assert "tuesday" in await caller.listen(4500)


@pytest.mark.natural_voice
async def test_short_words_come_while_the_caller_speaks(engines: PausingEngines) -> None:
    async with world(speech=(engines, engines)) as place:
        _, caller = await call(place, engines, "+12025550138")
        await caller.listen(3500)
        question = await engines.synthesize(QUESTION)
        heard = await caller.hear_while(question)
        assert sound.rms_dbfs(heard) > -45  # something was said
        assert max(gap.duration_ms for gap in sound.silence_gaps(heard)) > 1500  # but no answer
        assert {"yes", "ten", "work"} <= set((await caller.listen(4500)).replace("works", "work").split())


@pytest.mark.natural_voice
async def test_the_caller_hears_its_own_voice_on_a_loudspeaker(engines: PausingEngines) -> None:
    async with world(speech=(engines, engines)) as place:
        _, caller = await call(place, engines, "+12025550132")
        await caller.listen(3500)
        question = await engines.synthesize(QUESTION)
        heard = await caller.hear_while(question + bytes(16 * 600))
        found = sound.find_sound(question[: 4000 * 16], heard)
        assert found.likeness > 0.9
        assert 180 <= found.at_ms <= 280  # the echo, and the jitter buffer of the switch
        assert "tuesday" in await caller.listen(4500)
