"""What the dialling benchmarks need around the product: callees, a voice AI at the wire, and a node that dials.

The node is the product's own scheduler, initiator, AMI client and AudioSocket server in this process. The voice AI and
the busy callee run in processes of their own (`python -m benchmarks.dialling_load voice|busy`) that are ended by the
end of their standard input; their clock is this machine's monotonic one, as ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import structlog
import uvloop
from pydantic import SecretStr
from tests.support.asterisk import RealAsterisk
from tests.support.database import add_campaign, sample_plan

from opendeep.audio_processing_service.audio_socket_server import build_audio_socket_server
from opendeep.call_processor_service.ami_action import AmiAction
from opendeep.call_processor_service.ami_packets import AmiResponse
from opendeep.call_processor_service.asterisk_ami_client import AmiAddress, AsteriskAmiClient
from opendeep.call_processor_service.call_initiator_svc import CallInitiatorService
from opendeep.common.channels import TASKS_DUE
from opendeep.common.clock import SystemClock
from opendeep.common.data_models import Call, TaskStatus, User
from opendeep.common.redis_client import InProcessDoorbell
from opendeep.config.app_config import load_config
from opendeep.config.trunk_config import load_trunks
from opendeep.database.db_manager import DatabaseManager
from opendeep.task_manager.compliance_gate import GateRules
from opendeep.task_manager.task_scheduler_svc import SchedulerSettings, TaskSchedulerService

NODE = "bench"
AREAS = ("202", "212", "303", "312", "404", "415", "503", "512", "617", "702")  # 555-0100 to -0199 are for fiction
NUMBERS_PER_AREA = 100
READY_S = 30.0
DEADLINE_S = 300.0
UNPACED = 1_000.0  # calls per second that the trunk may take
STREAM_EVERY_S = 0.2
LOOK_EVERY_S = 0.1
DOZE_S = 0.005
CALLED = re.compile(rb"^INVITE sip:(\+[0-9]+)@")


def number(position: int) -> str:
    """E.164, up to a thousand."""
    area, line = divmod(position, NUMBERS_PER_AREA)
    return f"+1{AREAS[area]}555{100 + line:04d}"


def surroundings(asterisk: RealAsterisk) -> dict[str, object]:
    """What any figure here depends on."""
    return {
        "asterisk": asterisk.program.version,
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
        "loop": "uvloop",
        "load_avg_1m": round(os.getloadavg()[0], 2),
    }


def quiet_logs() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


# ------------------------------------------------------------------ the node under test


class TimedAmi(AsteriskAmiClient):
    """Notes when each Originate is handed over to be sent, by the number dialled (monotonic seconds)."""

    def __init__(self, address: AmiAddress) -> None:
        super().__init__(address)
        self.originated: dict[str, float] = {}

    async def send_action(self, action: AmiAction, timeout: float | None = None) -> AmiResponse:
        if action.name == "Originate":
            channel = dict(action.headers)["Channel"]
            self.originated[channel.removeprefix("PJSIP/").partition("@")[0]] = time.monotonic()
        return await super().send_action(action, timeout)


@dataclass
class DiallingNode:
    """The product's dialling side over one database and one Asterisk."""

    db: DatabaseManager
    bell: InProcessDoorbell
    ami: TimedAmi
    initiator: CallInitiatorService
    user: User
    campaign_id: UUID | None = None  # of the last `dial`

    async def dial(self, calls: int) -> float:
        """Make `calls` tasks due at once; returns the monotonic second at which they became so."""
        plan = sample_plan([number(position) for position in range(calls)], max_call_minutes=60)
        campaign, _ = await add_campaign(self.db, self.user.id, plan)
        self.campaign_id = campaign.id
        began = time.monotonic()
        await self.bell.ring(TASKS_DUE)
        return began

    async def all_ended(self, calls: int) -> None:
        """Until as many calls have ended, rows written; raises TimeoutError. Looks rarely: looking costs as well."""
        async with asyncio.timeout(DEADLINE_S):
            while await self._ended() < calls:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_EVERY_S)

    async def calls(self) -> list[Call]:
        """The calls of the last `dial`, as their rows say."""
        if self.campaign_id is None:
            return []
        async with self.db.read() as work:
            return await work.calls.of_campaign(self.user.id, self.campaign_id)

    async def _ended(self) -> int:
        if self.campaign_id is None:
            return 0
        async with self.db.read() as work:
            progress = await work.campaigns.progress(self.user.id, self.campaign_id)
        return progress.get(TaskStatus.PENDING_ANALYSIS, 0)


@contextlib.asynccontextmanager
async def dialling_node(
    asterisk: RealAsterisk,
    database_url: str,
    folder: Path,
    *,
    lines: int,
    voice_port: int,
    calls_per_second: float = UNPACED,
) -> AsyncIterator[DiallingNode]:
    """The workers as the composition root starts them, with room for `lines` calls over one trunk."""
    config = load_config(
        _env_file=None, node_id=NODE, data_dir=folder, max_concurrent_calls=lines, audiosocket_port=0,
        trunk_calls_per_second=calls_per_second,
        asterisk_ami_host=asterisk.ami_host, asterisk_ami_port=asterisk.ami_port,
        asterisk_ami_username=asterisk.ami_username, asterisk_ami_secret=SecretStr(asterisk.ami_secret),
        asterisk_channel_template=asterisk.channel_template, caller_id="+12025550199",
        openai_base_url=f"http://127.0.0.1:{voice_port}/v1",
        openai_realtime_url=f"ws://127.0.0.1:{voice_port}/v1/realtime",
    )  # fmt: skip
    bell, clock = InProcessDoorbell(), SystemClock()
    db = DatabaseManager(database_url, bell, clock)
    await db.upgrade()
    async with db.transaction() as work:
        user = await work.users.get_or_create("Bench", {"time_zone": "America/New_York"})
    ami = TimedAmi(AmiAddress(asterisk.ami_host, asterisk.ami_port, asterisk.ami_username, asterisk.ami_secret))
    audio = build_audio_socket_server(config, db, bell, clock)
    address = config.audiosocket_host
    initiator = CallInitiatorService(config, load_trunks(config), db, bell, ami, lambda: (address, audio.port), clock)
    rules = GateRules(config.default_region, (), config.allowed_countries, config.default_timezone)
    settings = SchedulerSettings(NODE, config.scheduler_poll_s, config.lease_s, rules)
    scheduler = TaskSchedulerService(db, bell, clock, initiator, settings)
    workers = [asyncio.create_task(audio.run(), name="audiosocket")]
    async with asyncio.timeout(READY_S):
        await audio.started.wait()
    workers += [
        asyncio.create_task(work, name=name)
        for name, work in (("ami", ami.run()), ("initiator", initiator.run()), ("scheduler", scheduler.run()))
    ]
    try:
        async with asyncio.timeout(READY_S):
            while not initiator.free_lines():  # noqa: ASYNC110 - polled so that nothing is added to the product
                await asyncio.sleep(0.05)
        yield DiallingNode(db, bell, ami, initiator, user)
    finally:
        scheduler.stop_claiming()
        await initiator.drain(0)
        for worker in reversed(workers):
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)
        await db.close()


# ------------------------------------------------------------------ processes beside it


@dataclass
class Beside:
    """A process of this module: its port, and at the end what it has to tell."""

    process: asyncio.subprocess.Process
    port: int

    async def finish(self) -> dict[str, Any]:
        """Close its input and read its last line."""
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the process has no pipes")
        self.process.stdin.close()
        async with asyncio.timeout(READY_S):
            return dict(orjson.loads(await self.process.stdout.readline()))


@contextlib.asynccontextmanager
async def beside(kind: str, **environment: str) -> AsyncIterator[Beside]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.dialling_load", kind),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=16 * 1024 * 1024,
        env=os.environ | environment,
    )
    try:
        if process.stdout is None:
            raise RuntimeError("the process has no output")
        async with asyncio.timeout(READY_S):
            port = int(await process.stdout.readline())
        yield Beside(process, port)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def busy_callee() -> None:
    """SIP over UDP: notes when each INVITE arrives and answers 486.

    Tells at the end: number → monotonic seconds, and how late this machine wakes a process that only sleeps (ms).
    """
    arrived: dict[str, float] = {}
    late_ms: list[float] = []
    endpoint = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
    endpoint.bind(("127.0.0.1", int(os.environ.get("BENCH_PORT", "0"))))

    def receive() -> None:
        while True:
            data, sender = endpoint.recvfrom(65_536)
            now = time.monotonic()
            called = CALLED.match(data)
            if called:
                arrived.setdefault(called[1].decode(), now)
            if called or data.startswith(b"OPTIONS"):
                endpoint.sendto(_answer(data, b"486 Busy Here" if called else b"200 OK"), sender)

    def doze() -> None:
        while True:
            due = time.monotonic() + DOZE_S
            time.sleep(DOZE_S)
            late_ms.append((time.monotonic() - due) * 1_000)

    threading.Thread(target=receive, name="busy-callee", daemon=True).start()
    threading.Thread(target=doze, name="doze", daemon=True).start()
    print(endpoint.getsockname()[1], flush=True)
    sys.stdin.read()
    print(orjson.dumps({"arrived": arrived, "late_ms": late_ms}).decode(), flush=True)


def _answer(request: bytes, status: bytes) -> bytes:
    """RFC 3261 section 8.2.6: the request's Via, From, To, Call-ID and CSeq, a tag in To."""
    lines = [b"SIP/2.0 " + status]
    for line in request.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        name = line.partition(b":")[0].lower()
        if name in (b"via", b"from", b"call-id", b"cseq"):
            lines.append(line)
        elif name == b"to":
            lines.append(line if b";tag=" in line else line + b";tag=busy")
    return b"\r\n".join([*lines, b"Content-Length: 0", b"", b""])


async def voice_ai() -> None:
    """The lightest honest Realtime server: greets for 200 ms, or speaks without end when BENCH_STREAM is set."""
    from picows import ws_create_server  # only this process speaks WebSocket

    from benchmarks.media_load import Load, Provider, delta

    streams = bool(os.environ.get("BENCH_STREAM"))
    load, speaking = Load(), dict[Provider, str]()

    class Voice(Provider):
        def say(self, ms: int) -> None:
            if streams:
                speaking.setdefault(self, self.begin())
            else:
                super().say(ms)

    server = await ws_create_server(lambda _request: Voice(load), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    over = asyncio.create_task(asyncio.to_thread(sys.stdin.buffer.read), name="voice-over")
    loop = asyncio.get_running_loop()
    started, rounds = loop.time(), 0
    while not over.done():
        rounds += 1
        await asyncio.sleep(max(0.0, started + rounds * STREAM_EVERY_S - loop.time()))
        for voice, response in speaking.items():
            voice.send(delta(response, round(STREAM_EVERY_S * 1_000)))
    print(orjson.dumps({"sessions": len(speaking)}).decode(), flush=True)
    server.close()


if __name__ == "__main__":
    if sys.argv[1] == "busy":
        busy_callee()
    else:
        uvloop.run(voice_ai())
