"""What a live call costs and how fast it reacts: the real server and handlers, real SQLite, load from another process.

`OPENDEEP_BENCH_CALLS` (150) and `OPENDEEP_BENCH_SECONDS` (20) change the load. Everything is on loopback; the process
under test is this one, so its CPU time and memory are exactly what is measured.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import structlog
import uvloop

from benchmarks import held_calls, media_floor, media_plain
from benchmarks.figures import Figure, percentile
from benchmarks.media_parent import load_generator, read, write
from opendeep.audio_processing_service.audio_socket_server import AudioSocketServer
from opendeep.audio_processing_service.openai_realtime_client import OpenAIRealtimeClient
from opendeep.audio_processing_service.realtime_protocol import RealtimeSettings
from opendeep.audio_processing_service.recorder import RecordingDisk
from opendeep.audio_processing_service.ticker import Ticker
from opendeep.audio_processing_service.voice_services import VoiceServices
from opendeep.common.campaign_plan import CampaignPlan, brief_for
from opendeep.common.channels import call_commands, node_calls
from opendeep.common.clock import SystemClock
from opendeep.common.data_models import CallCreate, TaskBase, TaskStatus
from opendeep.common.redis_client import InProcessDoorbell
from opendeep.common.workers import put_the_loop_first
from opendeep.database.db_manager import DatabaseManager

NODE = "bench"
ROUNDS = 3
READY_S = 30.0
TLS_FIGURES = ("media.tls.cpu_per_call_pct", "media.tls.rss_per_call_kb")


def run() -> Iterator[Figure]:
    """The figures; raises when calls were lost on the way."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    put_the_loop_first()
    calls = int(os.environ.get("OPENDEEP_BENCH_CALLS", "150"))
    seconds = float(os.environ.get("OPENDEEP_BENCH_SECONDS", "20"))
    with tempfile.TemporaryDirectory() as folder:
        yield from uvloop.run(_measure(Path(folder), calls, seconds))
    with tempfile.TemporaryDirectory() as folder:
        certificate = _certificate(Path(folder))
        figures = uvloop.run(_measure(Path(folder), calls, seconds, certificate))
        yield from (figure for figure in figures if figure.name in TLS_FIGURES)
    yield from media_plain.run()
    yield from media_floor.run(calls)
    yield from held_calls.media()


def _certificate(folder: Path) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key, as one PEM file. Needs the `openssl` command."""
    path = folder / "tls.pem"
    made = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]
    named = ["-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(["openssl", "req", *made, *named, "-keyout", path, "-out", path], check=True, capture_output=True)
    return path


async def _measure(folder: Path, calls: int, seconds: float, certificate: Path | None = None) -> list[Figure]:
    """`certificate`: the Realtime sessions run over TLS 1.3, and the figures say so in their names."""
    async with load_generator(*([str(certificate)] if certificate else [])) as load:
        return await _with_load(folder, calls, seconds, load, certificate)


async def _with_load(
    folder: Path, calls: int, seconds: float, load: asyncio.subprocess.Process, certificate: Path | None
) -> list[Figure]:
    port = (await read(load, READY_S))["realtime_port"]
    bell = InProcessDoorbell()
    db = DatabaseManager(f"sqlite+aiosqlite:///{folder / 'bench.db'}", bell)
    await db.upgrade()
    call_ids = await _calls(db, calls)
    server = _server(db, bell, port, folder, certificate)
    worker = asyncio.create_task(server.run(), name="audiosocket-server")
    await server.started.wait()
    try:
        await _ring(bell, call_ids[:1])
        process = psutil.Process()
        before_kb = process.memory_info().rss / 1024
        await _ring(bell, call_ids)
        await asyncio.sleep(3)  # all sessions are open, as after some seconds of ringing
        write(load, {"port": server.port, "calls": call_ids, "rounds": ROUNDS, "seconds": seconds})
        reactions = {}
        while (answer := await read(load))["phase"] != "steady_begins":
            reactions[answer["phase"]] = answer["values"]
        cpu_before, wall_before = sum(process.cpu_times()[:2]), time.perf_counter()
        write(load, {})
        steady = await read(load)
        cpu_s, wall_s = sum(process.cpu_times()[:2]) - cpu_before, time.perf_counter() - wall_before
        rss_kb = process.memory_info().rss / 1024 - before_kb
        if steady["closed_lines"] or server.live_calls != calls:
            raise RuntimeError(f"{steady['closed_lines']} of {calls} calls were lost: {dict(server.counters)}")
        write(load, {})
        return _figures("media.tls" if certificate else "media", calls, wall_s, cpu_s, rss_kb, reactions, steady)
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
        await db.close()


def _figures(
    stem: str,
    calls: int,
    wall_s: float,
    cpu_s: float,
    rss_kb: float,
    reactions: dict[str, list[float]],
    steady: dict[str, Any],
) -> list[Figure]:
    base: dict[str, object] = {
        "calls": calls,
        "seconds": round(wall_s, 1),
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
        "loop": "uvloop",
        "codec": "audio/pcmu",
        "both_directions_busy": True,
        "recording": True,
        "input_batch_ms": round(steady["append_ms"]),
        "load_avg_1m": round(os.getloadavg()[0], 2),
        "delivered_in": round(steady["delivered_in"], 3),
        "delivered_out": round(steady["delivered_out"], 3),
    }
    gaps, late = steady["gaps_ms"], steady["lateness_ms"]
    idle = {key: base[key] for key in ("calls", "cores", "python", "loop", "load_avg_1m")}
    figures = [
        Figure(f"{stem}.cpu_per_call_pct", round(cpu_s / wall_s / calls * 100, 4), "% of a core", base),
        Figure(f"{stem}.rss_per_call_kb", round(rss_kb / calls, 1), "kB", base),
        *(Figure(f"{stem}.gap_p{p}_ms", round(percentile(gaps, p / 100), 2), "ms", base) for p in (50, 99)),
        Figure(f"{stem}.gap_max_ms", round(max(gaps), 2), "ms", base),
        Figure(f"{stem}.load_generator_late_p99_ms", round(percentile(late, 0.99), 2), "ms", base),
        Figure(f"{stem}.load_generator_late_max_ms", round(max(late), 2), "ms", base),
    ]
    names = {"first_word_ms": "call.first_word_ms", "first_audio_ms": "media.first_audio_ms"}
    for phase, values in reactions.items():
        name = names.get(phase, f"media.{phase}").removesuffix("_ms")
        conditions = {**idle, "samples": len(values), "provider_think_ms": 0}
        figures += [
            Figure(f"{name}_p{p}_ms", round(percentile(values, p / 100), 2), "ms", conditions) for p in (50, 99)
        ]
    return figures


def _server(
    db: DatabaseManager, bell: InProcessDoorbell, port: int, folder: Path, certificate: Path | None
) -> AudioSocketServer:
    tls = ssl.create_default_context(cafile=certificate) if certificate else None
    scheme = "wss" if tls else "ws"
    settings = RealtimeSettings(f"{scheme}://127.0.0.1:{port}/v1/realtime", "bench", "marin", "bench")
    services = VoiceServices(
        db=db,
        bell=bell,
        clock=SystemClock(),
        ticker=Ticker(),
        realtime=lambda on_event, on_end: OpenAIRealtimeClient(settings, on_event, on_end, tls=tls),
        settings=settings,
        recordings=RecordingDisk(folder),
    )
    return AudioSocketServer("127.0.0.1", 0, NODE, services)


async def _calls(db: DatabaseManager, count: int) -> list[str]:
    """Live calls whose contacts are `line-0`, `line-1`, …"""
    plan = CampaignPlan(title="Bench", objective="Measure.", on_behalf_of="Nobody", max_call_minutes=60)
    async with db.transaction() as work:
        user = await work.users.get_or_create("Bench", {})
        plan_id = await work.plans.save(user.id, await work.chats.create(user.id), plan.model_dump(mode="json"))
        campaign = await work.campaigns.create(user.id, plan_id, plan.title, plan.objective)
        bases = [_task(plan, number) for number in range(count)]
        await work.tasks.add_many(user.id, campaign.id, bases)
        tasks = {task.contact_name: task for task in await work.tasks.of_campaign(user.id, campaign.id)}
        ids = []
        for number in range(count):
            task = tasks[f"line-{number}"]
            await work.tasks.transition(task.id, TaskStatus.QUEUED_FOR_CALL, "bench")
            await work.tasks.transition(task.id, TaskStatus.CALL_IN_PROGRESS, "bench")
            create = CallCreate(user.id, campaign.id, task.id, task.phone_number, None, NODE)
            ids.append(str((await work.calls.create_call_attempt(create, 3600.0)).id))
        return ids


def _task(plan: CampaignPlan, number: int) -> TaskBase:
    phone = f"+1202555{number:04d}"
    planned = {"contact_name": f"line-{number}", "phone_number": phone}
    [task] = CampaignPlan.model_validate({**plan.model_dump(), "tasks": [planned]}).tasks
    return TaskBase(task.contact_name, "person", phone, plan.objective, brief_for(plan, task).model_dump(mode="json"))


async def _ring(bell: InProcessDoorbell, call_ids: list[str]) -> None:
    for call_id in call_ids:
        await bell.ring(node_calls(NODE), {"type": "expect", "call_id": call_id})
    await asyncio.sleep(1)
    for call_id in call_ids:
        await bell.ring(call_commands(UUID(call_id)), {"type": "ringing"})
