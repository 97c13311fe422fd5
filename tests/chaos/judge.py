"""What is wrong after a chaos run, one sentence for each fault found; nothing is judged by speed."""

from __future__ import annotations

import asyncio
import json
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import httpx

from opendeep.call_processor_service.line_records import MAX_FORGIVEN, MAX_UNHEARD
from tests.chaos.callees import Invite
from tests.chaos.evidence import Ring, close_waits
from tests.chaos.node import Node
from tests.chaos.world import MAX_ATTEMPTS, World

QUIET_DEADLINE_S = 60.0
LOOK_S = 0.5
MEMORY_LIMIT_MB = 400.0
OPEN_FILES_LIMIT = 120
CLOCK_SLACK_S = 0.05  # SIPp's stamps and ours
REACHED_SHARE = 0.9  # of the numbers; an attempt that dies with its process may never have reached the trunk
ACHIEVED_SHARE = 0.3  # of the tasks; more than half of the callees answer and say yes
# A worker that gives up, a call or a task that nobody expected to fail, and what Python itself complains about.
NEVER_LOGGED = frozenset(
    {
        "worker.failed",
        "worker.returned",
        "call.failed",
        "call.task_failed",
        "call.record_failed",
        "call.part_failed",
        "scheduler.task_failed",
        "tool.failed",
        "realtime.event_failed",
    }
)
NEVER_PRINTED = ("Task exception was never retrieved", "Task was destroyed but it is pending", "coroutine ignored")

MAX_RINGS = MAX_ATTEMPTS + MAX_UNHEARD  # a callee whom our AI could not hear may be called again

TERMINAL = "('COMPLETED', 'FAILED', 'CANCELLED')"
LIVE = "('INITIATED', 'DIALING', 'RINGING', 'IN_PROGRESS')"


async def open_tasks(world: World) -> int:
    """How many tasks have not ended. Raises what a database that is away raises."""
    (row,) = await world.rows(f"SELECT count(*) AS open FROM tasks WHERE status NOT IN {TERMINAL}")  # noqa: S608
    return int(row["open"])


# -- while everything runs still


async def living(world: World) -> list[str]:
    """Rows, lines, channels and sockets at rest; each gets time to become quiet."""
    return [
        *await _rows(world),
        *await _quiet(world),
        *_processes(world),
    ]


async def _rows(world: World) -> list[str]:
    wrong: list[str] = []
    for row in await world.rows("SELECT * FROM tasks ORDER BY position"):
        who = f"task {row['contact_name']}"
        if row["attempts"] > row["max_attempts"]:
            wrong.append(f"{who} has {row['attempts']} of {row['max_attempts']} attempts")
        if row["lease_owner"] is not None:
            wrong.append(f"{who} is leased by {row['lease_owner']} although it is {row['status']}")
        if not row["disposition"]:
            wrong.append(f"{who} is {row['status']} without an outcome ({row['status_reason']})")
    for row in await world.rows("SELECT c.*, t.contact_name FROM calls c JOIN tasks t ON t.id = c.task_id"):
        who = f"attempt {row['attempt_number']} of {row['contact_name']}"
        if row["ended_at"] is None or not row["end_reason"] or row["lease_expires_at"] is not None:
            wrong.append(f"{who} is {row['status']}, ended {row['ended_at']} because of {row['end_reason']!r}")
    for row in await world.rows("SELECT title, status FROM campaigns WHERE status <> 'COMPLETED' OR report IS NULL"):
        wrong.append(f"the campaign {row['title']} is {row['status']}, or has no report")
    return wrong


async def _quiet(world: World) -> list[str]:
    """Until no line is taken, no channel is up and no socket hangs; what still is when the time is over."""
    wrong: list[str] = ["not asked yet"]
    try:
        async with asyncio.timeout(QUIET_DEADLINE_S):
            while wrong := await _noise(world):  # noqa: ASYNC110
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        pass  # what was last seen is the finding
    return wrong


async def _noise(world: World) -> list[str]:
    noise = []
    for node in world.nodes:
        try:
            if (used := await node.lines_used()) != 0:
                noise.append(f"{node.name} has {used} lines taken")
        except httpx.HTTPError as error:
            noise.append(f"{node.name} does not answer: {error!r}")
    for index, asterisk in enumerate(world.asterisks):
        shown = await asterisk.cli("core show channels count")
        if not shown.startswith("0 active channels"):
            noise.append(f"Asterisk {index} has {shown.splitlines()[0]}")
    ours = {world.postgres.port, world.redis.port, *(port for node in world.nodes for port in node.ports)}
    ours |= {asterisk.ami_port for asterisk in world.asterisks}
    return noise + [f"a socket stays in CLOSE_WAIT: {pair}" for pair in close_waits(ours)]


def _processes(world: World) -> list[str]:
    wrong = []
    for node in world.nodes:
        if (memory := node.memory_mb()) > MEMORY_LIMIT_MB:
            wrong.append(f"{node.name} holds {memory:.0f} MB")
        if (files := node.open_files()) > OPEN_FILES_LIMIT:
            wrong.append(f"{node.name} has {files} files open")
        for end in node.exits:
            if not end.wanted and "process.cannot_start" not in end.last_words:
                wrong.append(f"{node.name} ended by itself with {end.code}: {end.last_words}")
    return wrong


# -- afterwards


def logs(nodes: Iterable[Node]) -> list[str]:
    """Events that must never be logged, and tracebacks of errors that nobody expected."""
    wrong: Counter[str] = Counter()
    for node in nodes:
        for line in node.log.read_text(errors="replace").splitlines():
            if line.startswith("{"):
                entry: dict[str, Any] = json.loads(line)
                if entry["event"] in NEVER_LOGGED or "exception" in entry or "exc_info" in entry:
                    wrong[f"{node.name} logged {entry['event']}"] += 1
            elif any(words in line for words in NEVER_PRINTED):
                wrong[f"{node.name} printed {line[:100]}"] += 1
    return [f"{what} ({count} times)" for what, count in wrong.items()]


def dialled(
    seen: Sequence[Ring],
    invites: Sequence[Sequence[Invite]],
    deaths: Sequence[tuple[float, int]],
    recorded: Mapping[str, int],
) -> list[str]:
    """Nobody twice at once, nobody beyond the budget, and nothing that is not on record.

    `invites`: by switch; `deaths`: when a switch died (seconds of the epoch) and which, for that ends its calls;
    `recorded`: rows of calls by number. Attempts that the trunk refused do not ring anywhere and use up nothing.
    """
    wrong = []
    for number, count in Counter(invite.number for trunk in invites for invite in trunk).items():
        if count > recorded.get(number, 0):
            wrong.append(f"{number} was dialled {count} times, on record are {recorded.get(number, 0)}")
        if count > MAX_RINGS + MAX_FORGIVEN:
            wrong.append(f"{number} was dialled {count} times, at most {MAX_RINGS + MAX_FORGIVEN} are allowed")
    switches = {invite.call_id: switch for switch, trunk in enumerate(invites) for invite in trunk}
    of_number: dict[str, list[Ring]] = defaultdict(list)
    for ring in sorted(seen, key=lambda ring: ring.began_at):
        of_number[ring.number].append(ring)
    for number, calls in of_number.items():
        if len(calls) > MAX_RINGS:
            wrong.append(f"{number} rang {len(calls)} times, the budget is {MAX_RINGS}")
        busy_until = 0.0
        for call in calls:
            if call.began_at < busy_until - CLOCK_SLACK_S:
                wrong.append(f"{number} was dialled {busy_until - call.began_at:.1f} s before its last call had ended")
            died = [at for at, switch in deaths if switch == switches.get(call.call_id) and at >= call.began_at]
            ended = math.inf if call.ended_at is None else call.ended_at
            busy_until = max(busy_until, min([ended, *died]))
    return wrong


def worked(tasks: int, invited: Collection[str], achieved: int) -> list[str]:
    """A run in which nobody was reached proves nothing."""
    wrong = []
    if len(set(invited)) < REACHED_SHARE * tasks:
        wrong.append(f"only {len(set(invited))} of {tasks} numbers were ever dialled")
    if achieved < ACHIEVED_SHARE * tasks:
        wrong.append(f"only {achieved} of {tasks} tasks were achieved")
    return wrong
