"""What a live call costs and how fast it reacts: the real server and handlers, real SQLite, load from another process.

`OPENDEEP_BENCH_CALLS` (150) and `OPENDEEP_BENCH_SECONDS` (20) change the load. Everything is on loopback; the process
under test is this one, so its CPU time and memory are exactly what is measured.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import psutil
import structlog
import uvloop

from benchmarks.figures import Figure, percentile
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
from opendeep.database.db_manager import DatabaseManager

NODE = "bench"
ROUNDS = 3
READY_S = 30.0
PHASE_S = 300.0


def run() -> Iterator[Figure]:
    """The figures; raises when calls were lost on the way."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    calls = int(os.environ.get("OPENDEEP_BENCH_CALLS", "150"))
    seconds = float(os.environ.get("OPENDEEP_BENCH_SECONDS", "20"))
    with tempfile.TemporaryDirectory() as folder:
        yield from uvloop.run(_measure(Path(folder), calls, seconds))


async def _measure(folder: Path, calls: int, seconds: float) -> list[Figure]:
    load = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.media_load"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=64 * 1024 * 1024,
    )
    try:
        return await _with_load(folder, calls, seconds, load)
    finally:
        if load.returncode is None:
            load.kill()
        await load.wait()


async def _with_load(folder: Path, calls: int, seconds: float, load: asyncio.subprocess.Process) -> list[Figure]:
    port = (await _read(load, READY_S))["realtime_port"]
    bell = InProcessDoorbell()
    db = DatabaseManager(f"sqlite+aiosqlite:///{folder / 'bench.db'}", bell)
    await db.upgrade()
    call_ids = await _calls(db, calls)
    server = _server(db, bell, port, folder)
    worker = asyncio.create_task(server.run(), name="audiosocket-server")
    await server.started.wait()
    try:
        await _ring(bell, call_ids[:1])
        process = psutil.Process()
        before_kb = process.memory_info().rss / 1024
        await _ring(bell, call_ids)
        await asyncio.sleep(3)  # all sessions are open, as after some seconds of ringing
        _write(load, {"port": server.port, "calls": call_ids, "rounds": ROUNDS, "seconds": seconds})
        reactions = {}
        while (answer := await _read(load, PHASE_S))["phase"] != "steady_begins":
            reactions[answer["phase"]] = answer["values"]
        cpu_before, wall_before = sum(process.cpu_times()[:2]), time.perf_counter()
        _write(load, {})
        steady = await _read(load, PHASE_S)
        cpu_s, wall_s = sum(process.cpu_times()[:2]) - cpu_before, time.perf_counter() - wall_before
        rss_kb = process.memory_info().rss / 1024 - before_kb
        if steady["closed_lines"] or server.live_calls != calls:
            raise RuntimeError(f"{steady['closed_lines']} of {calls} calls were lost: {dict(server.counters)}")
        _write(load, {})
        return _figures(calls, wall_s, cpu_s, rss_kb, reactions, steady)
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
        await db.close()


def _figures(
    calls: int, wall_s: float, cpu_s: float, rss_kb: float, reactions: dict[str, list[float]], steady: dict[str, Any]
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
        Figure("media.cpu_per_call_pct", round(cpu_s / wall_s / calls * 100, 4), "% of a core", base),
        Figure("media.rss_per_call_kb", round(rss_kb / calls, 1), "kB", base),
        *(Figure(f"media.gap_p{p}_ms", round(percentile(gaps, p / 100), 2), "ms", base) for p in (50, 99)),
        Figure("media.gap_max_ms", round(max(gaps), 2), "ms", base),
        Figure("media.load_generator_late_p99_ms", round(percentile(late, 0.99), 2), "ms", base),
        Figure("media.load_generator_late_max_ms", round(max(late), 2), "ms", base),
    ]
    names = {"first_word_ms": "call.first_word_ms", "first_audio_ms": "media.first_audio_ms"}
    for phase, values in reactions.items():
        name = names.get(phase, f"media.{phase}").removesuffix("_ms")
        conditions = {**idle, "samples": len(values), "provider_think_ms": 0}
        figures += [
            Figure(f"{name}_p{p}_ms", round(percentile(values, p / 100), 2), "ms", conditions) for p in (50, 99)
        ]
    return figures


def _server(db: DatabaseManager, bell: InProcessDoorbell, port: int, folder: Path) -> AudioSocketServer:
    settings = RealtimeSettings(f"ws://127.0.0.1:{port}/v1/realtime", "bench", "marin", "bench")
    services = VoiceServices(
        db=db,
        bell=bell,
        clock=SystemClock(),
        ticker=Ticker(),
        realtime=lambda on_event, on_end: OpenAIRealtimeClient(settings, on_event, on_end),
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


def _write(load: asyncio.subprocess.Process, order: dict[str, Any]) -> None:
    if load.stdin is not None:
        load.stdin.write(orjson.dumps(order) + b"\n")


async def _read(load: asyncio.subprocess.Process, deadline_s: float) -> dict[str, Any]:
    if load.stdout is None:
        raise RuntimeError("the load generator has no output")
    async with asyncio.timeout(deadline_s):
        line = await load.stdout.readline()
    if not line:
        raise RuntimeError("the load generator died; its message is above")
    return dict(orjson.loads(line))
