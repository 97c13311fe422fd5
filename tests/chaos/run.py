"""One chaos run: start the world, confirm the campaigns, break things, wait for calm, judge."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos import judge
from tests.chaos.evidence import rings
from tests.chaos.faults import RECOVERY_DEADLINE_S, Suffered, choose, pause, suffer, until_recovered
from tests.chaos.world import Size, World, chaos_world

CALM_DEADLINE_S = 300.0  # from the last fault to the last task's end
LOOK_S = 1.0
QUIET_PROGRESS_S = 15.0

Say = Callable[[str], None]


@dataclass(slots=True)
class Report:
    """What happened and what is wrong; `findings` is empty after a good run."""

    size: Size
    suffered: list[Suffered] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    recorded: dict[str, int] = field(default_factory=dict)  # rows of calls by number
    outcomes: dict[str, int] = field(default_factory=dict)  # dispositions of the tasks
    figures: dict[str, object] = field(default_factory=dict)


async def run(size: Size, folder: Path, say: Say) -> Report:
    """Raises only when the world itself cannot be started."""
    report = Report(size)
    async with chaos_world(size, folder) as world:
        say(f"{size.nodes} nodes with {size.lines} lines each; seed {size.seed}; logs in {folder}")
        began = time.monotonic()
        await world.confirm_campaigns()
        await _break_things(world, report, began, say)
        await _calm(world, report, began, say)
        report.findings += await judge.living(world)
        await _count(world, report, began)
        await world.callees.close()
        seen = rings(world.callees.traces)
        invites = [carrier.invites for carrier in world.callees.carriers]
        invited = [invite.number for trunk in invites for invite in trunk]
        report.findings += judge.dialled(seen, invites, world.asterisk_deaths, report.recorded)
        report.findings += judge.worked(size.tasks, invited, report.outcomes.get("ACHIEVED", 0))
        report.findings += [f"the AI of the test failed: {error!r}" for error in world.voice.failures]
        report.figures |= {"invites": len(invited), "calls_at_callees": len(seen)}
    report.findings += judge.logs(world.nodes)
    return report


async def _break_things(world: World, report: Report, began: float, say: Say) -> None:
    dice = random.Random(world.size.seed)
    for fault in choose(dice, world.size.faults):
        if not await judge.open_tasks(world):
            say("every task has ended; the faults that are left would hit nothing")
            break
        suffered = await suffer(world, fault, dice, began)
        report.suffered.append(suffered)
        say(f"{suffered.at_s:6.1f} s  {fault.name}, {suffered.moment}, for {suffered.away_s:.1f} s")
        if await pause(dice):
            await until_recovered(world, suffered)
            if suffered.trouble is not None:
                report.findings.append(f"not well {RECOVERY_DEADLINE_S:.0f} s after {fault.name}: {suffered.trouble}")
    if (why := await world.until_well(RECOVERY_DEADLINE_S)) is not None:
        report.findings.append(f"not well after the last fault: {why}")


async def _calm(world: World, report: Report, began: float, say: Say) -> None:
    """Until every task has ended."""
    deadline, said = time.monotonic() + CALM_DEADLINE_S, 0.0
    while (left := await judge.open_tasks(world)) > 0:
        if time.monotonic() > deadline:
            rows = await world.rows(
                "SELECT status, status_reason, count(*) AS tasks FROM tasks GROUP BY 1, 2 ORDER BY 1, 2"
            )
            report.findings += [f"{row['tasks']} tasks are {row['status']}: {row['status_reason']}" for row in rows]
            return
        if time.monotonic() - said > QUIET_PROGRESS_S:
            said = time.monotonic()
            say(f"{said - began:6.1f} s  calm; {left} tasks are open")
        await asyncio.sleep(LOOK_S)
    await _reports_written(world)


async def _reports_written(world: World) -> None:
    """The summariser comes after the last task; a report that stays away is a finding of the judge."""
    for _ in range(int(RECOVERY_DEADLINE_S / LOOK_S)):
        if not await world.rows("SELECT 1 FROM campaigns WHERE status <> 'COMPLETED'"):
            return
        await asyncio.sleep(LOOK_S)


async def _count(world: World, report: Report, began: float) -> None:
    async def counted(table: str, column: str) -> dict[str, int]:
        rows = await world.rows(f"SELECT {column} AS what, count(*) AS many FROM {table} GROUP BY 1 ORDER BY 1")  # noqa: S608
        return {str(row["what"]): int(row["many"]) for row in rows}

    report.outcomes = await counted("tasks", "disposition")
    report.recorded = await counted("calls", "phone_number")
    report.figures |= {
        "seconds": round(time.monotonic() - began),
        "tasks": await counted("tasks", "status"),
        "outcomes": report.outcomes,
        "calls": await counted("calls", "status"),
        "sessions of the AI": world.voice.sessions,
        "memory_mb": {node.name: round(node.memory_mb()) for node in world.nodes},
        "restarts": {node.name: len(node.exits) for node in world.nodes},
    }
