"""Many calls at once through a real Asterisk, held for a minute: is a single frame lost? A part of `dialling`.

Callees (SIPp) echo every packet, a voice AI at the wire speaks without end into each call, the AudioSocket server is
the product's. Compared for each call, at the end of the minute: frames that our server wrote and got, and packets that
Asterisk says it sent and got on the telephone side (`CHANNEL(rtcp,…)`). What SIPp did not echo is the load generator's
loss and shown apart.
`OPENDEEP_BENCH_HELD` (150; 100 in the group `media`) and `OPENDEEP_BENCH_HELD_SECONDS` (60; 30) change the load.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import uvloop
from tests.support.asterisk import RealAsterisk, SippCallee
from tests.support.database import sqlite_url

from benchmarks.dialling_load import DiallingNode, beside, dialling_node, quiet_logs, surroundings
from benchmarks.figures import Figure, percentile
from opendeep.audio_processing_service import audio_socket_server
from opendeep.audio_processing_service.audiosocket_codec import CallNamed, Message
from opendeep.audio_processing_service.audiosocket_connection import AudioSocketConnection, Listener
from opendeep.call_processor_service.ami_action import AmiAction
from opendeep.common.channels import call_commands
from opendeep.common.workers import put_the_loop_first

CALLS = 150
SECONDS = 60.0
MEDIA_CALLS = 100
MEDIA_SECONDS = 30.0
PACE_PER_S = 10.0  # how quickly they begin: TRUNK_CALLS_PER_SECOND as it is by default
UP_S = 120.0  # until all calls are answered
FRAMES_PER_S = 50
FRAME_BYTES = 323  # AudioSocket, 8 kHz, 20 ms
READINGS = 5  # of a call whose frames do not add up yet
READ_AGAIN_S = 0.2
UNDER_WAY = 5  # frames of a call that may be between us and the other side of Asterisk while both are read


@dataclass(slots=True)
class Count:
    """One call as our server saw it."""

    written: int = 0
    refused: int = 0  # frames that we did not write because Asterisk did not read
    heard: int = 0
    gaps_ms: list[float] = field(default_factory=list)  # between frames heard, while held
    last_s: float | None = None


class CountingListener:
    """The call behind a connection; counts what it is given to hear, by whichever way the connection read it."""

    def __init__(self, call: Listener, count: Count) -> None:
        self.tick, self.digit, self.line_closed = call.tick, call.digit, call.line_closed
        self._call = call
        self._count = count

    def hear(self, pcm: bytes, rate_hz: int) -> None:
        count = self._count
        count.heard += 1
        if CountingConnection.holding:
            now = time.monotonic()
            if count.last_s is not None:
                count.gaps_ms.append((now - count.last_s) * 1_000)
            count.last_s = now
        self._call.hear(pcm, rate_hz)


class CountingConnection(AudioSocketConnection):
    """The product's connection; counts on the way through. `holding` switches the noting of gaps."""

    counts: dict[UUID, Count] = {}  # noqa: RUF012 - one for the whole benchmark
    holding = False
    count: Count | None = None

    def _receive(self, message: Message) -> None:
        if isinstance(message, CallNamed):
            self.count = self.counts.setdefault(message.call_id, Count())
        super()._receive(message)

    def adopt(self, listener: Listener) -> None:
        super().adopt(listener if self.count is None else CountingListener(listener, self.count))

    def send(self, frames: bytes) -> bool:
        written = super().send(frames)
        if self.count is not None:
            number = len(frames) // FRAME_BYTES
            self.count.written += number if written else 0
            self.count.refused += 0 if written else number
        return written


@dataclass(frozen=True, slots=True)
class Quality:
    """One call at one moment: our frames, and in packets what Asterisk says of its telephone side."""

    written: int
    heard: int
    refused: int
    sent: int
    received: int
    missing: int  # of the other side, by the gaps in its sequence numbers

    @property
    def difference(self) -> int:
        """Frames that one side of Asterisk has and the other has not, the worse direction."""
        return max(abs(self.written - self.sent), abs(self.received - self.heard))


async def quality(node: DiallingNode, call_id: UUID, count: Count) -> Quality | None:
    """Ask for `CHANNEL(rtcp,all)`: `ssrc=1;themssrc=2;lp=0;rxjitter=0.0;rxcount=3000;…`; None: the call has ended."""
    question = AmiAction("Getvar", (("Channel", str(call_id)), ("Variable", "CHANNEL(rtcp,all)")))
    answer = await node.ami.send_action(question)
    fields = dict(re.findall(r"(\w+)=([0-9.]+)", answer.headers.get("Value", "")))
    if not fields:
        return None
    sent, received, missing = (int(fields[name]) for name in ("txcount", "rxcount", "lp"))
    return Quality(count.written, count.heard, count.refused, sent, received, missing)


async def settled_quality(node: DiallingNode, call_id: UUID, count: Count) -> Quality | None:
    """The quality once what is under way has arrived: where more is missing it is read again, a loss stays one."""
    for _ in range(READINGS - 1):
        call = await quality(node, call_id, count)
        if call is None or call.difference <= UNDER_WAY:
            return call
        await asyncio.sleep(READ_AGAIN_S)
    return await quality(node, call_id, count)


def run() -> Iterator[Figure]:
    """`dial.concurrent_calls`, `dial.lost_frames`."""
    yield from _measured(CALLS, SECONDS, _figures)


def media() -> Iterator[Figure]:
    """What a call costs behind the real Asterisk: `media.asterisk.cpu_per_call_pct`, `media.asterisk.gap_p99_ms`."""
    yield from _measured(MEDIA_CALLS, MEDIA_SECONDS, _media_figures)


Judge = Callable[[dict[str, object], dict[str, float], list[Quality]], list[Figure]]


def _measured(calls: int, seconds: float, judge: Judge) -> list[Figure]:
    quiet_logs()
    put_the_loop_first()
    if not SippCallee.available():
        return []
    calls = int(os.environ.get("OPENDEEP_BENCH_HELD", str(calls)))
    seconds = float(os.environ.get("OPENDEEP_BENCH_HELD_SECONDS", str(seconds)))
    with tempfile.TemporaryDirectory() as folder, _counting():
        return uvloop.run(_measure(Path(folder), calls, seconds, judge))


@contextlib.contextmanager
def _counting() -> Iterator[None]:
    """The product's server makes connections that count."""
    CountingConnection.counts.clear()
    server: Any = audio_socket_server
    original, server.AudioSocketConnection = server.AudioSocketConnection, CountingConnection
    try:
        yield
    finally:
        server.AudioSocketConnection = original


async def _measure(folder: Path, calls: int, seconds: float, judge: Judge) -> list[Figure]:
    async with (
        beside("voice", BENCH_STREAM="1") as voice,
        SippCallee("answer") as callee,
        RealAsterisk(trunk=False, settings={"TRUNK_HOST": f"127.0.0.1:{callee.sip_port}"}) as asterisk,
        dialling_node(
            asterisk, sqlite_url(folder), folder, lines=calls, voice_port=voice.port, calls_per_second=PACE_PER_S
        ) as node,
    ):
        conditions = surroundings(asterisk)
        await node.dial(calls)
        up = await _all_up(calls)
        held = await _hold(calls, seconds)
        asked = [await settled_quality(node, call_id, count) for call_id, count in CountingConnection.counts.items()]
        qualities = [call for call in asked if call is not None]
        early = Counter(call.end_reason or call.status.value for call in await node.calls() if not call.live)
        await _end(node, calls)
        return judge(
            conditions
            | {
                "calls": calls,
                "seconds": seconds,
                "begun_per_s": PACE_PER_S,
                "came_up": up,
                "ended_early": dict(early),
            },
            held,
            qualities,
        )


async def _all_up(calls: int) -> int:
    """Until all were heard, at most `UP_S`; how many were. (Fewer where the machine cannot carry so many.)"""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(UP_S):
            while _heard() < calls:  # noqa: ASYNC110 - polled so that nothing is added to the product
                await asyncio.sleep(0.1)
    return _heard()


def _heard() -> int:
    return sum(count.heard > 0 for count in CountingConnection.counts.values())


async def _hold(calls: int, seconds: float) -> dict[str, float]:
    """Let them talk; the share of the frames that the time allows, and the gaps between those heard."""
    counts = tuple(CountingConnection.counts.values())
    before = [(count.written, count.heard) for count in counts]
    cpu, began = time.process_time(), time.monotonic()
    CountingConnection.holding = True
    await asyncio.sleep(seconds)
    CountingConnection.holding = False
    took_s = time.monotonic() - began
    after = [(count.written, count.heard) for count in counts]
    possible = took_s * FRAMES_PER_S * len(counts)
    gaps = [gap for count in counts for gap in count.gaps_ms] or [0.0]
    return {
        "delivered_out": round(sum(a[0] - b[0] for a, b in zip(after, before, strict=True)) / possible, 4),
        "delivered_in": round(sum(a[1] - b[1] for a, b in zip(after, before, strict=True)) / possible, 4),
        "gap_in_p50_ms": round(percentile(gaps, 0.5), 2),
        "gap_in_p99_ms": round(percentile(gaps, 0.99), 2),
        "gap_in_max_ms": round(max(gaps), 2),
        "our_cpu_per_call_pct": round((time.process_time() - cpu) / took_s / calls * 100, 3),
        "load_avg_1m_after": round(os.getloadavg()[0], 2),
    }


async def _end(node: DiallingNode, calls: int) -> None:
    for call_id in CountingConnection.counts:
        await node.bell.ring(call_commands(call_id), {"type": "hangup", "reason": "completed"})
    await node.all_ended(calls)


def _figures(conditions: dict[str, object], held: dict[str, float], qualities: list[Quality]) -> list[Figure]:
    lost_out = sum(max(0, call.written - call.sent - UNDER_WAY) for call in qualities)
    lost_in = sum(max(0, call.received - call.heard - UNDER_WAY) for call in qualities)
    refused = sum(call.refused for call in qualities)
    counted: dict[str, object] = {
        "frames_written": sum(call.written for call in qualities),
        "packets_sent": sum(call.sent for call in qualities),
        "packets_received": sum(call.received for call in qualities),
        "frames_heard": sum(call.heard for call in qualities),
        "lost_towards_the_callee": lost_out,
        "lost_from_the_callee": lost_in,
        "refused_by_backpressure": refused,
        "largest_difference_of_a_call": max((call.difference for call in qualities), default=0),
        "not_echoed_by_the_load_generator": sum(call.sent - call.received for call in qualities),
        "missing_by_sequence_number": sum(call.missing for call in qualities),
    }
    everything = conditions | held | counted
    return [
        Figure("dial.concurrent_calls", float(sum(call.heard > 0 for call in qualities)), "calls", everything),
        Figure("dial.lost_frames", float(lost_out + lost_in + refused), "frames", everything),
    ]


def _media_figures(conditions: dict[str, object], held: dict[str, float], qualities: list[Quality]) -> list[Figure]:
    everything = conditions | held | {"calls_measured": len(qualities)}
    return [
        Figure("media.asterisk.cpu_per_call_pct", held["our_cpu_per_call_pct"], "% of a core", everything),
        Figure("media.asterisk.gap_p99_ms", held["gap_in_p99_ms"], "ms", everything),
    ]
