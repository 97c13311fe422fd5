"""What a talking call costs the offline voice, how soon it answers, and what it understands: the server as a process.

Callers of this process speak over G.711 sessions in real time, silence included, and answer when the voice has ended.
`OPENDEEP_BENCH_OFFLINE_CALLS` (4) and `OPENDEEP_BENCH_OFFLINE_SECONDS` (40) change the load. The CPU time is that of
the server and of its recogniser alone; the callers' is not in it.
"""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
import orjson
import psutil
from websockets.asyncio.client import ClientConnection, connect

from benchmarks import offline_answers
from benchmarks.figures import Figure, percentile
from opendeep.offline import g711
from opendeep.offline.speech.synthesizer import LocalSynthesizer, discover_engines

VOICE = "rms"
SENTENCES = (
    "yes tuesday at ten works for me",
    "no i would rather have thursday at half past nine",
    "please call me back tomorrow morning",
    "can you repeat that please",
)
APPEND_MS = 100
BYTES_PER_MS = 8  # µ-law
SILENCE_MS = 500  # of turn detection
PAUSE_S = 0.4  # before a caller answers
VOICED_LEVEL = 400
WARM_UP_S = 3.0
READY_S = 60.0
SESSION = {
    "type": "realtime",
    "audio": {
        "input": {
            "format": {"type": "audio/pcmu"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": SILENCE_MS},
        },
        "output": {"format": {"type": "audio/pcmu"}},
    },
}


def run() -> Iterator[Figure]:
    """The figures; raises when a call heard no answer."""
    calls = int(os.environ.get("OPENDEEP_BENCH_OFFLINE_CALLS", "4"))
    seconds = float(os.environ.get("OPENDEEP_BENCH_OFFLINE_SECONDS", "40"))
    yield from asyncio.run(_measure(calls, seconds))
    yield from offline_answers.run()


@dataclass(slots=True)
class Caller:
    """One call: what it has to say, and what it measured."""

    socket: ClientConnection
    sentences: list[bytes]
    answer_s: list[float] = field(default_factory=list)
    """From the end of the speech, as sent, to the first sound of the answer."""
    think_s: list[float] = field(default_factory=list)
    """The same from `speech_stopped` on: without the silence that ends a turn."""
    _wire: bytearray = field(default_factory=bytearray)
    _ended_s: float | None = None
    _stopped_s: float | None = None
    _talks_until_s: float = 0.0

    async def speak(self) -> None:
        """Send `APPEND_MS` of sound each `APPEND_MS`: the next sentence when it is our turn, silence otherwise."""
        clock = asyncio.get_running_loop().time
        due_s, said = clock(), 0
        size = APPEND_MS * BYTES_PER_MS
        while True:
            if not self._wire and self._ended_s is None and clock() >= self._talks_until_s:
                self._wire += self.sentences[said % len(self.sentences)]
                said += 1
            speaking = bool(self._wire)
            piece = bytes(self._wire[:size]).ljust(size, g711.ULAW_SILENCE)
            del self._wire[:size]
            event = {"type": "input_audio_buffer.append", "audio": base64.b64encode(piece).decode()}
            await self.socket.send(orjson.dumps(event).decode())
            if speaking and not self._wire:
                self._ended_s = clock()
            due_s += APPEND_MS / 1_000
            await asyncio.sleep(max(0.0, due_s - clock()))

    async def listen(self) -> None:
        """Note when answers begin, and let the voice talk for as long as its sound is."""
        clock = asyncio.get_running_loop().time
        async for raw in self.socket:
            event = orjson.loads(raw)
            kind = event["type"]
            if kind == "input_audio_buffer.speech_stopped":
                self._stopped_s = clock()
            elif kind == "response.output_audio.delta":
                self._hear(clock(), len(base64.b64decode(event["delta"])) / BYTES_PER_MS / 1_000)
            elif kind in ("error", "response.done") and '"failed"' in str(raw):
                raise RuntimeError(f"the offline voice failed: {str(raw)[:400]}")

    def _hear(self, now_s: float, sound_s: float) -> None:
        if self._ended_s is not None:
            self.answer_s.append(now_s - self._ended_s)
            if self._stopped_s is not None:
                self.think_s.append(now_s - self._stopped_s)
            self._ended_s = self._stopped_s = None
            self._talks_until_s = now_s + PAUSE_S
        self._talks_until_s += sound_s


@asynccontextmanager
async def server_process() -> AsyncIterator[tuple[psutil.Process, str]]:
    """The offline server with one recogniser, and the address of its Realtime socket."""
    command = (sys.executable, "-m", "opendeep.offline", "--port", "0", "--log-level", "ERROR")
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        if child.stdout is None:
            raise RuntimeError("the server has no output")
        async with asyncio.timeout(READY_S):
            line = (await child.stdout.readline()).decode()
        yield psutil.Process(child.pid), line.split()[-1].replace("http://", "ws://") + "/realtime"
    finally:
        if child.returncode is None:
            child.terminate()
        await child.wait()


async def sentences() -> list[bytes]:
    """What callers say, as µ-law, without the silence around it."""
    voice = LocalSynthesizer(await asyncio.to_thread(discover_engines), voice=VOICE)
    spoken = [await voice.synthesize(text) for text in SENTENCES]
    await voice.close()
    return [g711.linear_to_ulaw(_trimmed(pcm)) for pcm in spoken]


def _trimmed(pcm: bytes) -> bytes:
    voiced = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2").astype(int)) > VOICED_LEVEL)
    return pcm[2 * int(voiced[0]) : 2 * (int(voiced[-1]) + 1)]


async def _measure(calls: int, seconds: float) -> list[Figure]:
    spoken = await sentences()
    async with server_process() as (server, url):
        sockets = [await connect(url) for _ in range(calls)]
        for socket in sockets:
            await socket.send(orjson.dumps({"type": "session.update", "session": SESSION}).decode())
        callers = [
            Caller(socket, spoken[at % len(spoken) :] + spoken[: at % len(spoken)]) for at, socket in enumerate(sockets)
        ]
        async with asyncio.TaskGroup() as group:
            tasks = []
            for at, caller in enumerate(callers):
                tasks += [
                    group.create_task(caller.listen(), name=f"listen-{at}"),
                    group.create_task(caller.speak(), name=f"speak-{at}"),
                ]
                await asyncio.sleep(WARM_UP_S / calls)
            cpu_before, started_s = _cpu_s(server), asyncio.get_running_loop().time()
            await asyncio.sleep(seconds)
            wall_s, cpu = asyncio.get_running_loop().time() - started_s, _cpu_s(server)
            rss = _rss_mb(server)
            for task in tasks:
                task.cancel()
        for socket in sockets:
            await socket.close()
    if any(not caller.answer_s for caller in callers):
        raise RuntimeError("a call heard no answer; give it more seconds")
    used = {name: (cpu[name] - cpu_before[name]) / wall_s / calls * 100 for name in cpu}
    return _figures(calls, wall_s, used, rss, callers)


def _cpu_s(server: psutil.Process) -> dict[str, float]:
    recognisers = server.children(recursive=True)
    return {
        "server": sum(server.cpu_times()[:2]),
        "recogniser": sum(sum(child.cpu_times()[:2]) for child in recognisers),
    }


def _rss_mb(server: psutil.Process) -> float:
    return sum(process.memory_info().rss for process in (server, *server.children(recursive=True))) / 2**20


def _figures(calls: int, wall_s: float, used: dict[str, float], rss_mb: float, callers: list[Caller]) -> list[Figure]:
    answers = [value * 1_000 for caller in callers for value in caller.answer_s]
    thinking = [value * 1_000 for caller in callers for value in caller.think_s]
    base: dict[str, object] = {
        "calls": calls,
        "seconds": round(wall_s, 1),
        "turns": len(answers),
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
        "codec": "audio/pcmu",
        "recogniser": "pocketsphinx, 1 process",
        "voice": "flite or eSpeak, cached sentences are spoken again",
        "load_avg_1m": round(os.getloadavg()[0], 2),
        "real_time_priority": os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR),
    }
    shares = {f"{name}_pct": round(value, 2) for name, value in used.items()}
    silence = {"silence_duration_ms": SILENCE_MS, "append_ms": APPEND_MS}
    return [
        Figure("offline.cpu_per_talking_call_pct", round(sum(used.values()), 2), "% of a core", base | shares),
        Figure("offline.rss_mb", round(rss_mb, 1), "MB", base),
        *(
            Figure(f"offline.{name}_p{share}_ms", round(percentile(values, share / 100), 1), "ms", base | silence)
            for name, values in (("end_of_speech_to_sound", answers), ("endpoint_to_sound", thinking))
            for share in (50, 95)
        ),
    ]
