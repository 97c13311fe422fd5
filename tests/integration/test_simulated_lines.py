"""Lines, queues and improvised people over the switch's real sockets: what arrives is measured, not assumed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from opendeep.audio_processing_service.line_sound import SoundMeter
from opendeep.audio_processing_service.music_detection import MusicDetector
from opendeep.simulation import Callee, CallSnapshot
from opendeep.simulation.callee_loader import parse_callee
from opendeep.simulation.callee_schema import SignalKind
from opendeep.simulation.speech_seam import SaidLine
from opendeep.simulation.tunes import signal
from tests.support import sound
from tests.unit.simulation.support import FRAME, PeerCall, World, world

NUMBER = "PJSIP/+12025550150@trunk"
LISTENER = "  person: {talk: {patience: {ask: null, ask_after_s: 100, hang_up_after_s: 120}}}\n"


def callee(script: str, **extra: object) -> Callee:
    head = "".join(f"{name}: {value}\n" for name, value in extra.items())
    return parse_callee(
        f'name: one\ntitle: One\nnumbers: ["+12025550150"]\nattempts: [{{ring_s: 0}}]\n{head}script:\n{script}',
        "one.yaml",
    )


async def prepared(place: World, call: PeerCall, ms: int) -> None:
    """Let the callee's engines come to rest while the call goes on."""
    for _ in range(ms // 20):
        await place.listen(call, 20)
        await asyncio.sleep(0)


async def arrivals(place: World, call: PeerCall, ticks: int) -> list[int]:
    """How many frames come in each tick. A round trip on the same loop: what was sent has arrived."""
    came = []
    for _ in range(ticks):
        before = len(call.frames)
        place.ticker.advance(20)
        await place.ami.send("Ping")
        came.append(len(call.frames) - before)
    return came


async def test_the_caller_hears_itself_from_a_line_with_an_echo() -> None:
    person = callee(LISTENER, line="{echo: {delay_ms: 180, level_db: -15}}")
    async with world([person]) as place:
        _, call = await place.answered(NUMBER)
        voice = signal(SignalKind.SPECIAL_INFORMATION)
        heard = await place.talk(call, voice + bytes(FRAME * 30))
        clean = await heard_without_echo(voice)
        # The switch's own jitter buffer delays both ways alike, with an echo or without one.
        assert sound.delay_ms(clean, heard) == pytest.approx(180, abs=1)
        assert sound.rms_dbfs(heard) - sound.rms_dbfs(clean) == pytest.approx(-15, abs=0.5)


async def heard_without_echo(voice: bytes) -> bytes:
    """The same words from a callee that repeats at once what it hears."""
    async with world([callee("  person: {talk: {enter: [{echo: true}]}}\n")]) as place:
        _, call = await place.answered(NUMBER)
        return await place.talk(call, voice + bytes(FRAME * 30))


async def test_noise_is_under_a_silent_callee() -> None:
    async with world([callee(LISTENER, line="{noise: {kind: street, level_dbfs: -35}}")]) as place:
        _, call = await place.answered(NUMBER)
        assert sound.rms_dbfs(await place.listen(call, 4000)) == pytest.approx(-35, abs=3)


async def test_a_line_that_loses_frames_sends_fewer_of_them_and_the_call_lives_on() -> None:
    async with world([callee(LISTENER, line="{loss: {share: 0.3, burst: 2}, mulaw: true}")]) as place:
        call_id, call = await place.answered(NUMBER)
        came = await arrivals(place, call, 500)
        assert set(came) == {0, 1}
        assert 300 < sum(came) < 400
        assert [one.call_id for one in place.switch.calls()] == [call_id]


async def test_late_frames_come_in_lumps_and_in_order() -> None:
    numbered = callee(
        "  person: {talk: {enter: [{music: {ms: 6000, level_dbfs: -20}}]}}\n", line="{jitter: {ms: 200, share: 0.3}}"
    )
    plain = callee("  person: {talk: {enter: [{music: {ms: 6000, level_dbfs: -20}}]}}\n")
    async with world([numbered]) as place:
        _, call = await place.answered(NUMBER)
        lumps = await arrivals(place, call, 250)
        late = call.pcm
    async with world([plain]) as place:
        _, call = await place.answered(NUMBER)
        straight = await place.listen(call, 4000)
    assert max(lumps) > 2
    assert 0 in lumps
    assert sound.find_sound(straight[FRAME * 5 : FRAME * 150], late).likeness > 0.99


async def test_hold_music_is_heard_as_music_and_then_somebody_speaks() -> None:
    queue = callee(
        "  queue: {hold: {say: please hold, for_s: 8, goto: person}}\n"
        "  person: {talk: {enter: [{say: thank you for waiting}]}}\n"
    )
    ended: list[CallSnapshot] = []
    async with world([queue], on_ended=ended.append) as place:
        call_id, call = await place.answered(NUMBER)
        await prepared(place, call, 200)
        heard = await place.listen(call, 9500)
        music = MusicDetector()
        playing = []
        for block in SoundMeter().receive(heard):
            music.receive(block)
            playing.append(music.playing)
        assert any(playing)
        assert place.engines.spoken(heard)[-1] == "thank you for waiting"
        await place.ami.send("Hangup", ("Channel", call_id))
        (end,) = ended
        assert end.visited == ("queue", "person")
        assert (end.call_id, end.phase, end.ended) == (call_id, "ended", "manager_hangup")


async def test_the_keys_that_were_pressed_are_known_at_the_end() -> None:
    menu = callee('  desk: {menu: {prompt: dial, choices: {"204": end}}}\n  end: {talk: {enter: [{hang_up: true}]}}\n')
    ended: list[CallSnapshot] = []
    async with world([menu], on_ended=ended.append) as place:
        call_id, call = await place.answered(NUMBER)
        for key in "204":
            await place.ami.send("PlayDTMF", ("Channel", call_id), ("Digit", key))
        await place.listen(call, 200)
        await place.ami.wait(lambda: place.ami.events("Hangup", call_id))
        (end,) = ended
        assert (end.keys, end.visited, end.ended) == ("204", ("desk", "end"), "callee_hangs_up")


async def test_a_call_that_nobody_answers_is_told_at_its_end_too() -> None:
    ended: list[CallSnapshot] = []
    async with world(on_ended=ended.append) as place:
        call_id = await place.dial("PJSIP/+12025550108@trunk")
        place.ticker.advance(300)
        await place.ami.wait(lambda: place.ami.events("Hangup", call_id))
        (end,) = ended
        assert (end.callee, end.visited, end.ended) == ("unallocated", (), "cause_1")


class Mind:
    """Answers from a list; an exception in it is raised."""

    def __init__(self, *replies: str | Exception) -> None:
        self.replies = list(replies)
        self.asked: list[tuple[str, tuple[SaidLine, ...]]] = []

    async def reply(self, persona: str, said: Sequence[SaidLine]) -> str:
        self.asked.append((persona, tuple(said)))
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply


IMPROVISED = """
  desk: {improvise: {persona: You are Anna., opening: good morning, otherwise: person}}
  person: {talk: {enter: [{say: the script goes on}]}}
"""


async def test_a_model_plays_the_callee_and_when_it_fails_the_script_goes_on() -> None:
    mind = Mind("yes tuesday works", RuntimeError("away"))
    async with world([callee(IMPROVISED)], mind=mind) as place:
        _, call = await place.answered(NUMBER)
        await prepared(place, call, 1000)
        await place.talk(call, place.engines.speech("does tuesday work", 1200))
        assert place.engines.spoken(await place.listen(call, 3000)) == ["yes tuesday works"]
        assert mind.asked[0][0] == "You are Anna."
        assert [line.text for line in mind.asked[0][1]] == ["good morning", "does tuesday work"]
        await place.talk(call, place.engines.speech("and wednesday", 1200))
        assert place.engines.spoken(await place.listen(call, 3000)) == ["the script goes on"]
