"""The plain way to do a live call, as a reference in the same run: what everybody writes first.

The openai SDK's own connection, a StreamReader per line, a task that sleeps 20 ms between frames, asyncio's own loop.
Fed by the same load generator as `benchmarks.media`, at a number of calls that it can carry
(`OPENDEEP_BENCH_PLAIN_CALLS`, 20). Also what one message over loopback costs, to compare days and machines.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psutil
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from benchmarks.figures import Figure, percentile
from benchmarks.media_parent import load_generator, read, write
from opendeep.audio_processing_service.g711 import Law

CALIBRATION_ROUNDS = 20_000
CALIBRATION_TRIES = 5
FRAME = 160  # G.711 bytes of 20 ms
HEADER = b"\x10\x01\x40"


def run() -> Iterator[Figure]:
    calls = int(os.environ.get("OPENDEEP_BENCH_PLAIN_CALLS", "20"))
    seconds = float(os.environ.get("OPENDEEP_BENCH_SECONDS", "20"))
    yield calibration()
    yield from asyncio.run(_measure(calls, seconds))


def calibration() -> Figure:
    """CPU time to send 323 bytes over a loopback TCP connection and receive them, in one thread: the best of some."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as near:
        far, _ = server.accept()
        with far:
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            best = min(_send_and_receive(near, far) for _ in range(CALIBRATION_TRIES))
    conditions: dict[str, object] = {"bytes": 323, "rounds": CALIBRATION_ROUNDS, "tries": CALIBRATION_TRIES}
    return Figure("calibration.tcp_send_recv_us", round(best, 2), "us of CPU", conditions)


def _send_and_receive(near: socket.socket, far: socket.socket) -> float:
    message = bytes(323)
    began = time.process_time()
    for _ in range(CALIBRATION_ROUNDS):
        near.send(message)
        far.recv(1024)
    return (time.process_time() - began) / CALIBRATION_ROUNDS * 1e6


async def _measure(calls: int, seconds: float) -> list[Figure]:
    async with load_generator() as load:
        port = (await read(load))["realtime_port"]
        ids = [str(uuid4()) for _ in range(calls)]
        numbers = {UUID(call_id).bytes: number for number, call_id in enumerate(ids)}
        sdk = AsyncOpenAI(api_key="bench", base_url=f"http://127.0.0.1:{port}/v1", max_retries=0)

        async def line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _hold_call(sdk, numbers, reader, writer)

        server = await asyncio.start_server(line, "127.0.0.1", 0)
        order = {"port": server.sockets[0].getsockname()[1], "calls": ids, "rounds": 1, "seconds": seconds}
        write(load, order)
        while (await read(load))["phase"] != "steady_begins":
            pass
        process = psutil.Process()
        cpu, wall = sum(process.cpu_times()[:2]), time.perf_counter()
        write(load, {})
        steady = await read(load)
        cpu, wall = sum(process.cpu_times()[:2]) - cpu, time.perf_counter() - wall
        server.close()
        return _figures(calls, cpu, wall, steady)


def _figures(calls: int, cpu_s: float, wall_s: float, steady: dict[str, Any]) -> list[Figure]:
    conditions: dict[str, object] = {
        "calls": calls,
        "seconds": round(wall_s, 1),
        "python": sys.version.split()[0],
        "loop": "asyncio",
        "recording": False,
        "load_avg_1m": round(os.getloadavg()[0], 2),
        "delivered_in": round(steady["delivered_in"], 3),
        "delivered_out": round(steady["delivered_out"], 3),
    }
    return [
        Figure("media.plain.cpu_per_call_pct", round(cpu_s / wall_s / calls * 100, 4), "% of a core", conditions),
        Figure("media.plain.gap_p99_ms", round(percentile(steady["gaps_ms"], 0.99), 2), "ms", conditions),
    ]


async def _hold_call(
    sdk: AsyncOpenAI, numbers: dict[bytes, int], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    number = numbers[(await reader.readexactly(19))[3:]]
    queue = bytearray()
    async with sdk.realtime.connect(model="bench") as session:
        await session.session.update(
            session={"type": "realtime", "instructions": json.dumps({"name": f"line-{number}"}, separators=(",", ":"))}
        )
        await session.response.create()
        speaking = asyncio.create_task(_speak(queue, writer), name=f"plain:{number}:speak")
        listening = asyncio.create_task(_listen(session, queue), name=f"plain:{number}:listen")
        try:
            while True:
                frame = await reader.readexactly(323)
                await session.input_audio_buffer.append(audio=b64encode(Law.ULAW.encode(frame[3:])).decode())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the load generator has finished
        finally:
            speaking.cancel()
            listening.cancel()
            await asyncio.gather(speaking, listening, return_exceptions=True)
            writer.close()


async def _listen(session: AsyncRealtimeConnection, queue: bytearray) -> None:
    async for event in session:
        if event.type == "response.output_audio.delta":
            queue += b64decode(event.delta)
        elif event.type == "input_audio_buffer.speech_started":
            queue.clear()


async def _speak(queue: bytearray, writer: asyncio.StreamWriter) -> None:
    while True:
        frame = bytes(queue[:FRAME]).ljust(FRAME, Law.ULAW.silence)
        del queue[:FRAME]
        writer.write(HEADER + Law.ULAW.decode(frame))
        await writer.drain()
        await asyncio.sleep(0.020)
