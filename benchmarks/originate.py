"""How quickly and how often the whole dialling path places calls through a real Asterisk. A part of `dialling`.

`dial.originate_ms`: an `Originate` is handed to the socket → its INVITE arrives at the carrier's side, which notes the
moment and says busy. `dial.calls_per_second`: from tasks that are due to ended calls with their rows written, with
callees (SIPp) that ring 300 ms, answer, stay 500 ms and hang up, and a voice AI that greets.
`OPENDEEP_BENCH_DIALS` (400) changes the number of calls.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import uvloop
from tests.support.asterisk import AsteriskUnavailableError, RealAsterisk, SippCallee, free_udp_range
from tests.support.database import sqlite_url
from tests.support.services import TemporaryPostgres, fresh_database

from benchmarks.dialling_load import beside, dialling_node, quiet_logs, surroundings
from benchmarks.figures import Figure, percentile

DIALS = 400
LINES = 100
AT_ONCE = (1, 20)  # lines while the overhead is measured
TALK_MS = 500


def run() -> Iterator[Figure]:
    """`dial.originate_ms_p50`, `dial.originate_ms_p99`, and `dial.calls_per_second` for each database."""
    quiet_logs()
    dials = int(os.environ.get("OPENDEEP_BENCH_DIALS", str(DIALS)))
    try:
        for lines in AT_ONCE:
            with tempfile.TemporaryDirectory() as folder:
                yield from uvloop.run(_overhead(Path(folder), dials, lines))
        if not SippCallee.available():
            return
        with tempfile.TemporaryDirectory() as folder:
            yield uvloop.run(_throughput(Path(folder), sqlite_url(Path(folder)), "sqlite", dials))
        if TemporaryPostgres.available():
            with (
                tempfile.TemporaryDirectory() as folder,
                TemporaryPostgres() as server,
                fresh_database(server, "bench_dialling") as url,
            ):
                yield uvloop.run(_throughput(Path(folder), url, "postgresql", dials))
    except AsteriskUnavailableError as error:
        raise RuntimeError(f"no Asterisk can be had on this machine: {error}") from error


async def _overhead(folder: Path, dials: int, lines: int) -> list[Figure]:
    port = free_udp_range(1)
    async with (
        beside("voice") as voice,
        beside("busy", BENCH_PORT=str(port)) as carrier,
        RealAsterisk(trunk=False, settings={"TRUNK_HOST": f"127.0.0.1:{port}"}) as asterisk,
        dialling_node(asterisk, sqlite_url(folder), folder, lines=lines, voice_port=voice.port) as node,
    ):
        conditions = surroundings(asterisk) | {"at_once": lines, "database": "sqlite"}
        await node.dial(dials)
        await node.all_ended(dials)
        told = await carrier.finish()
        arrived, late_ms = told["arrived"], told["late_ms"]
        took = [(arrived[called] - sent) * 1_000 for called, sent in node.ami.originated.items() if called in arrived]
    conditions |= {
        "dials": dials,
        "invites": len(took),
        "max_ms": round(max(took, default=0.0), 2),
        "machine_late_p99_ms": round(percentile(late_ms, 0.99), 2),
        "machine_late_max_ms": round(max(late_ms), 2),
    }
    if len(took) < dials:
        raise RuntimeError(f"only {len(took)} of {dials} calls reached the carrier")
    return [
        Figure(f"dial.originate_ms_p{percent}", round(percentile(took, percent / 100), 2), "ms", conditions)
        for percent in (50, 99)
    ]


async def _throughput(folder: Path, url: str, database: str, dials: int) -> Figure:
    async with (
        beside("voice") as voice,
        SippCallee("hang_up", talk_ms=TALK_MS) as callee,
        RealAsterisk(trunk=False, settings={"TRUNK_HOST": f"127.0.0.1:{callee.sip_port}"}) as asterisk,
        dialling_node(asterisk, url, folder, lines=LINES, voice_port=voice.port) as node,
    ):
        conditions = surroundings(asterisk)
        before = time.process_time()
        began = await node.dial(dials)
        await node.all_ended(dials)
        took_s = time.monotonic() - began
        conditions |= {
            "database": database,
            "dials": dials,
            "lines": LINES,
            "talk_ms": TALK_MS,
            "seconds": round(took_s, 1),
            "our_cpu_share": round((time.process_time() - before) / took_s, 2),
            "answered": sum(call.answered_at is not None for call in await node.calls()),
            "load_avg_1m_after": round(os.getloadavg()[0], 2),
        }
    return Figure("dial.calls_per_second", round(dials / took_s, 1), "1/s", conditions)
