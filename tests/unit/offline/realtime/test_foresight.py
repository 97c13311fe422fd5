"""An utterance is understood while it is not yet sure that it is over; whoever goes on is heard whole."""

import asyncio

import pytest

from opendeep.offline.realtime.foresight import PAUSE_MS
from opendeep.offline.realtime.line import BYTES_PER_MS
from opendeep.offline.speech.types import Recognition
from tests.unit.offline.realtime.harness import Bench, silence, tone
from tests.unit.offline.realtime.test_connection import FakeEngines, connected

TRANSCRIBED = "conversation.item.input_audio_transcription.completed"


class AttentiveEngines(FakeEngines):
    """Understands as many milliseconds as were spoken."""

    def __init__(self) -> None:
        super().__init__()
        self.heard_ms: list[int] = []
        self.broken_at: set[int] = set()

    async def recognize(
        self, pcm: bytes, *, sample_rate: int = 8_000, expects: str = "any", hints: tuple[str, ...] = ()
    ) -> Recognition:
        number = len(self.heard_ms)
        self.heard_ms.append(len(pcm) // BYTES_PER_MS)
        if number in self.broken_at:
            raise OSError("no ears")
        return Recognition(f"{len(pcm.rstrip(bytes(1))) // BYTES_PER_MS} ms of speech", 0.9, (), ())


def test_the_pause_at_the_end_is_looked_into_once_and_the_turn_ends_with_it() -> None:
    bench = Bench()
    bench.hear(silence(600) + tone(400) + silence(PAUSE_MS - 20))
    assert not bench.ahead
    bench.hear(silence(40))
    [ahead] = bench.ahead
    bench.hear(silence(500))
    [job] = bench.recognitions
    assert len(bench.ahead) == 1
    assert job.ahead
    assert job.pcm.startswith(ahead.pcm)
    assert (job.expects, job.hints) == (ahead.expects, ahead.hints)


def test_whoever_goes_on_after_a_pause_is_heard_whole() -> None:
    bench = Bench()
    bench.hear(tone(400) + silence(300) + tone(400) + silence(PAUSE_MS - 60) + tone(100) + silence(600))
    [job] = bench.recognitions
    assert len(bench.ahead) == 2
    assert job.ahead
    assert not job.pcm.startswith(bench.ahead[0].pcm + silence(PAUSE_MS))
    assert job.pcm.startswith(bench.ahead[1].pcm)


def test_speech_between_the_look_and_the_end_makes_the_look_worthless() -> None:
    quick = {"type": "server_vad", "silence_duration_ms": 300}
    bench = Bench(audio={"input": {"turn_detection": quick}})
    bench.hear(tone(400) + silence(260))
    bench.hear(tone(100) + silence(320), piece_ms=420)  # in one piece: no room for another look
    [job] = bench.recognitions
    assert len(bench.ahead) == 1
    assert not job.ahead


def test_a_turn_that_the_client_commits_is_not_taken_from_a_look() -> None:
    bench = Bench()
    bench.hear(tone(400) + silence(300))
    bench.send("input_audio_buffer.commit")
    [job] = bench.recognitions
    assert not job.ahead


async def test_an_utterance_is_decoded_once_when_nothing_follows_it() -> None:
    engines = AttentiveEngines()
    async with connected(engines) as (socket, _):
        socket.client_sends("response.create")
        await socket.done()
        socket.client_speaks(tone(400) + silence(600))
        await socket.done(2)
    assert len(engines.heard_ms) == 1
    assert engines.heard_ms[0] < 900  # without the silence that ends the turn
    [said] = socket.of(TRANSCRIBED)
    assert said["transcript"].endswith("ms of speech")


async def test_of_an_utterance_with_a_pause_only_the_whole_counts() -> None:
    engines = AttentiveEngines()
    async with connected(engines) as (socket, _):
        socket.client_sends("response.create")
        await socket.done()
        socket.client_speaks(tone(400) + silence(300) + tone(400) + silence(600))
        await socket.done(2)
    [said] = socket.of(TRANSCRIBED)
    assert int(said["transcript"].split()[0]) >= 1_000


@pytest.mark.parametrize("broken_at", [{0}, {0, 1}])
async def test_a_look_that_breaks_down_costs_nothing(broken_at: set[int]) -> None:
    engines = AttentiveEngines()
    engines.broken_at = broken_at
    async with connected(engines) as (socket, _):
        socket.client_sends("response.create")
        await socket.done()
        socket.client_speaks(tone(400) + silence(600))
        await socket.done(2)
    assert len(engines.heard_ms) == 2
    assert len(socket.of(TRANSCRIBED)) == (1 if broken_at == {0} else 0)


async def test_a_session_that_ends_leaves_no_look_behind() -> None:
    engines = AttentiveEngines()
    before = asyncio.all_tasks()
    async with connected(engines) as (socket, _):
        socket.client_speaks(tone(400) + silence(300))
        await socket.until(lambda event: event["type"] == "input_audio_buffer.speech_started")
    assert asyncio.all_tasks() <= before
