"""A talking callee whose engines fail or hang: the call goes on."""

from __future__ import annotations

import asyncio

from opendeep.simulation.audiosocket_wire import SILENCE_FRAME
from opendeep.simulation.callee_loader import parse_callee
from opendeep.simulation.sound import tone
from opendeep.simulation.talking_callee import Engines, TalkingCallee
from tests.unit.simulation.support import FakeEngines, Understood

PERSON = parse_callee(
    """
name: one
title: One
voice: special
script:
  person:
    talk:
      enter: [{say: hello}]
      rules:
        - {heard: "bye", do: [{hang_up: true}]}
        - {ai_turn: {min_ms: 500}, do: [{say: fine}, {press: "5"}]}
""",
    "one.yaml",
)
SPEECH = tone(400, 20)


class Stubborn(FakeEngines):
    """Knows no voices but its own, and cannot recognise."""

    def __init__(self, speaks: bool) -> None:
        super().__init__()
        self.speaks = speaks
        self.recognised = asyncio.Event()

    async def synthesize(self, text: str, *, voice: str | None = None, sample_rate: int = 8000) -> bytes:
        self.voices.append(voice)
        if voice is not None or not self.speaks:
            raise RuntimeError("no such voice")
        return self.speech(text)

    async def recognize(
        self, pcm: bytes, *, sample_rate: int = 8000, expects: str = "any", hints: tuple[str, ...] = ()
    ) -> Understood:
        self.recognised.set()
        raise RuntimeError("the recogniser broke")


async def settle(callee: TalkingCallee) -> None:
    async with asyncio.timeout(60):
        while callee._tasks:
            await asyncio.wait(callee._tasks)
            await asyncio.sleep(0)


def run(callee: TalkingCallee, heard: bytes, ms: int, now_ms: int) -> bytes:
    return b"".join(callee.exchange(heard, now_ms + at) for at in range(20, ms + 20, 20))


async def test_an_unknown_voice_falls_back_to_the_default_one() -> None:
    engines = Stubborn(speaks=True)
    callee = TalkingCallee(PERSON, "u", Engines(engines, engines))
    await settle(callee)
    callee.answer()
    assert engines.spoken(run(callee, SILENCE_FRAME, 1000, 0)) == ["hello"]
    assert engines.voices[:2] == ["special", None]
    callee.end()


async def test_a_recogniser_that_breaks_means_nothing_was_understood() -> None:
    engines = Stubborn(speaks=True)
    callee = TalkingCallee(PERSON, "u", Engines(engines, engines))
    await settle(callee)
    callee.answer()
    run(callee, SILENCE_FRAME, 1000, 0)
    run(callee, SPEECH, 1000, 1000)
    run(callee, SILENCE_FRAME, 1000, 2000)
    await settle(callee)
    assert engines.recognised.is_set()
    assert engines.spoken(run(callee, SILENCE_FRAME, 1000, 3000)) == ["fine"]
    assert callee.take_digits() == ["5"]
    callee.end()


async def test_a_callee_that_cannot_speak_at_all_still_presses_and_ends() -> None:
    engines = Stubborn(speaks=False)
    callee = TalkingCallee(PERSON, "u", Engines(engines, engines))
    await settle(callee)
    callee.answer()
    said = run(callee, SILENCE_FRAME, 40_000, 0)
    assert not any(said)
    assert callee.hung_up
    callee.end()


async def test_the_end_of_the_call_cancels_its_engine_work() -> None:
    class Slow(FakeEngines):
        async def synthesize(self, text: str, *, voice: str | None = None, sample_rate: int = 8000) -> bytes:
            await asyncio.Event().wait()
            raise AssertionError("never reached")

    engines = Slow()
    callee = TalkingCallee(PERSON, "u", Engines(engines, engines))
    await asyncio.sleep(0)
    tasks = set(callee._tasks)
    callee.end()
    await asyncio.wait(tasks, timeout=5)
    assert all(task.cancelled() for task in tasks)
