"""What the sound of calls costs before anybody looks at it: the same sockets, messages and beat, and no product.

Two connections per call over loopback: a line (323 bytes, 50 a second each way) and a voice AI (25 messages a second
out, 10 in). The far ends are another process, as for `benchmarks.media`; the CPU time is this process's own, with the
kernel's. Whatever a media path in Python on one event loop does, it does on top of this.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from typing import cast

import uvloop

from benchmarks.figures import Figure

LINE_HZ, LINE_BYTES = 50.0, 323  # both ways
APPEND_HZ, APPEND_BYTES = 25.0, 510  # 40 ms of G.711 in base64 and JSON
DELTA_HZ, DELTA_BYTES = 10.0, 1_250  # 100 ms
PHASES = 4
SETTLE_S = 2.0


class _End(asyncio.Protocol):
    """Reads and forgets."""

    def __init__(self, made: list[asyncio.Transport], awaited: int = 0, complete: asyncio.Event | None = None) -> None:
        self._made, self._awaited, self._complete = made, awaited, complete

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._made.append(cast(asyncio.Transport, transport))
        if self._complete is not None and len(self._made) == self._awaited:
            self._complete.set()

    def data_received(self, data: bytes) -> None: ...


def run(calls: int = 150) -> Iterator[Figure]:
    seconds = float(os.environ.get("OPENDEEP_BENCH_SECONDS", "20"))
    percent = uvloop.run(_near(calls, seconds))
    conditions: dict[str, object] = {
        "calls": calls,
        "seconds": seconds,
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
        "loop": "uvloop",
        "load_avg_1m": round(os.getloadavg()[0], 2),
    }
    yield Figure("calibration.media_sockets_cpu_per_call_pct", round(percent, 4), "% of a core", conditions)


def _beat(ends: list[asyncio.Transport], message: bytes, per_s: float, groups: int) -> None:
    """Send `message` on each of `ends` `per_s` times a second, in `groups` bursts spread over the period."""
    loop = asyncio.get_running_loop()

    def start(number: int) -> None:
        due_s, mine = loop.time() + number / groups / per_s, ends[number::groups]

        def send() -> None:
            nonlocal due_s
            due_s += 1 / per_s
            loop.call_at(due_s, send)
            for end in mine:
                if not end.is_closing():
                    end.write(message)

        loop.call_at(due_s, send)

    for number in range(groups):
        start(number)


async def _near(calls: int, seconds: float) -> float:
    """The side that stands for the product; its CPU time in percent of a core per call."""
    made: list[asyncio.Transport] = []
    complete = asyncio.Event()
    server = await asyncio.get_running_loop().create_server(lambda: _End(made, 2 * calls, complete), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    far = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.media_floor", str(port), str(calls))
    try:
        async with asyncio.timeout(30):
            await complete.wait()
        _beat(made[:calls], bytes(LINE_BYTES), LINE_HZ, PHASES)
        _beat(made[calls:], bytes(APPEND_BYTES), APPEND_HZ, PHASES)
        await asyncio.sleep(SETTLE_S)
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        await asyncio.sleep(seconds)
        return (time.process_time() - cpu_s) / (time.perf_counter() - wall_s) / calls * 100
    finally:
        far.kill()
        await far.wait()
        server.close()


async def _far(port: int, calls: int) -> None:
    loop = asyncio.get_running_loop()
    made: list[asyncio.Transport] = []
    for _ in range(2 * calls):
        await loop.create_connection(lambda: _End(made), "127.0.0.1", port)
    _beat(made[:calls], bytes(LINE_BYTES), LINE_HZ, calls)
    _beat(made[calls:], bytes(DELTA_BYTES), DELTA_HZ, calls)
    await loop.create_future()


if __name__ == "__main__":
    uvloop.run(_far(int(sys.argv[1]), int(sys.argv[2])))
