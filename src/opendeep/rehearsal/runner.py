"""Runs a rehearsal: one at a time on a machine, a bounded number of calls at once, each judged when it is over."""

import asyncio
import contextlib
import os
import random
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

import httpx
import structlog

from opendeep.common.errors import OpenDeepError
from opendeep.common.redis_client import InProcessDoorbell
from opendeep.config.app_config import AppConfig, load_config
from opendeep.database.db_manager import DatabaseManager
from opendeep.demo.product import READY_DEADLINE_S, Product, running_product
from opendeep.rehearsal import checks
from opendeep.rehearsal.asterisk_world import asterisk_world, require_asterisk
from opendeep.rehearsal.casting import cast, handful
from opendeep.rehearsal.collecting import collect
from opendeep.rehearsal.desk import Desk, opened
from opendeep.rehearsal.evidence import Case, Evidence
from opendeep.rehearsal.one_at_a_time import machine_turn
from opendeep.rehearsal.options import Options, WorldName, product_settings
from opendeep.rehearsal.results import CaseResult, SuiteResult, result_of
from opendeep.rehearsal.worlds import World, simulated_world
from opendeep.simulation import load_callees, shipped_callees

log = structlog.get_logger(__name__)

MARGIN_S: Final = 90.0  # beside the calls themselves: dialling, analysis, the next attempt
PER_CALL_S: Final = 60.0
ENDED_LOOKS: Final = 100
ENDED_STEP_S: Final = 0.2
RECORDINGS: Final = "calls"


class Audience(Protocol):
    """Who is told how the rehearsal goes on."""

    def begins(self, cases: Sequence[Case], at_once: int) -> None: ...

    def waits(self) -> None:
        """Another rehearsal is running on this machine."""
        ...

    def calls(self, case: Case) -> None: ...

    def judged(self, result: CaseResult) -> None: ...


@dataclass(frozen=True, slots=True)
class Stage:
    """What every case needs."""

    options: Options
    world: World
    db: DatabaseManager
    desk: Desk
    audience: Audience


@dataclass(frozen=True, slots=True)
class Programme:
    """A rehearsal that has been checked: who is called, and how the product is set."""

    options: Options
    config: AppConfig
    settings: dict[str, str]
    cases: Sequence[Case]
    passed_over: Sequence[str]


def prepare(options: Options) -> Programme:
    """Check everything that can be wrong before anything is started. Raises ConfigurationError."""
    config = load_config()
    settings = product_settings(options, config)
    if options.world is WorldName.ASTERISK:
        require_asterisk(config)
    callees = load_callees(options.callees) if options.callees is not None else shipped_callees()
    cases, passed_over = cast(callees, only=options.only, repeat=options.repeat, plan=options.plan)
    cases = handful(cases) if options.handful else cases
    if options.seed is not None:
        random.Random(options.seed).shuffle(cases)  # noqa: S311 (an order, no secret)
    return Programme(options, config, settings, tuple(cases), tuple(passed_over))


async def run_suite(programme: Programme, audience: Audience) -> SuiteResult:
    """Rehearse and judge. Raises ProductFailed when the product does not start."""
    options, cases = programme.options, programme.cases
    options.out.mkdir(parents=True, exist_ok=True)
    async with machine_turn(audience.waits):
        started, began = datetime.now(UTC), time.monotonic()
        audience.begins(cases, options.at_once)
        results, left, skipped = await _perform(programme, audience)
    return SuiteResult(
        cases=tuple(results),
        started_at=started,
        seconds=time.monotonic() - began,
        world=options.world.value,
        provider=options.provider.value,
        threshold=options.threshold,
        parallel=options.at_once,
        late_ticks=skipped,
        passed_over=programme.passed_over,
        left_running=tuple(left),
    )


async def _perform(programme: Programme, audience: Audience) -> tuple[list[CaseResult], list[str], int]:
    """Open the world, run the product in it, rehearse all; returns results, what was left running, late ticks."""
    options, cases = programme.options, programme.cases
    recordings = options.out / RECORDINGS
    shutil.rmtree(recordings, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="opendeep-rehearsal-") as folder:
        data = Path(folder)
        async with _world(programme, recordings) as world:
            async with (
                running_product(data, **(programme.settings | dict(world.settings))) as product,
                _database(data) as db,
                opened(product.url, db, READY_DEADLINE_S) as desk,
            ):
                results = await _rehearse_all(Stage(options, world, db, desk, audience), cases)
                left = await _left_running(world, desk)
            shutil.copy(product.log, options.out / "opendeep.log")
            left += _how_it_ended(product)
            return results, left, world.late_ticks()


def _world(programme: Programme, recordings: Path) -> contextlib.AbstractAsyncContextManager[World]:
    callees = [case.callee for case in programme.cases]
    if programme.options.world is WorldName.ASTERISK:
        return asterisk_world(callees, recordings, programme.config)
    return simulated_world(callees, recordings, programme.config, programme.options.seed)


@contextlib.asynccontextmanager
async def _database(folder: Path) -> AsyncIterator[DatabaseManager]:
    """The product's own database, opened beside it."""
    config = load_config(data_dir=folder, database_url=None)
    db = DatabaseManager(config.effective_database_url, InProcessDoorbell())
    try:
        yield db
    finally:
        await db.close()


async def _rehearse_all(stage: Stage, cases: Sequence[Case]) -> list[CaseResult]:
    """All cases, so many at once; the others wait for their turn."""
    turns = asyncio.Semaphore(stage.options.at_once)

    async def rehearse(case: Case) -> CaseResult:
        async with turns:
            stage.audience.calls(case)
            result = await _rehearse(stage, case)
            stage.audience.judged(result)
            return result

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(rehearse(case), name=f"rehearsal-{case.name}") for case in cases]
    return [task.result() for task in tasks]


async def _rehearse(stage: Stage, case: Case) -> CaseResult:
    evidence = await _call(stage, case)
    try:
        findings = await asyncio.to_thread(checks.judge, evidence)
        return result_of(evidence, findings, _audio(stage.options.out, case, evidence))
    except Exception as error:  # boundary: one case; the others are judged all the same
        log.exception("rehearsal.not_judged", case=case.name)
        broken = Evidence(case, fault=f"it could not be judged: {error!r}")
        return result_of(broken, checks.judge(broken))


async def _call(stage: Stage, case: Case) -> Evidence:
    """Let the product call the callee until it is settled, and gather the evidence; a fault is evidence too."""
    attempts = case.truth.attempts
    deadline_s = attempts * (case.callee.max_call_s + PER_CALL_S) + MARGIN_S
    try:
        campaign_id = await stage.desk.begin(case.plan)
        late = ""
        try:
            async with asyncio.timeout(deadline_s):
                await stage.desk.until_settled(campaign_id, attempts)
        except TimeoutError:
            late = f"the task was not settled after {deadline_s:.0f} s"
        evidence = await collect(stage.db, stage.world, stage.desk.user_id, campaign_id, case)
        await stage.desk.close(campaign_id)
        return replace(evidence, fault=late)
    except (OpenDeepError, httpx.HTTPError, OSError, ValueError) as error:  # one case's failure is its own
        log.warning("rehearsal.case_failed", case=case.name, error=repr(error))
        return Evidence(case, fault=f"{type(error).__name__}: {error}")


def _audio(out: Path, case: Case, evidence: Evidence) -> list[str]:
    """Give each recording a name that people understand; returns paths relative to the report."""
    paths = []
    for call in evidence.calls:
        if call.audio is None:
            paths.append("")
            continue
        name = f"{case.name.replace(' ', '-')}-{call.call.attempt_number}.wav"
        os.replace(call.audio, out / RECORDINGS / name)
        paths.append(f"{RECORDINGS}/{name}")
    return paths


async def _left_running(world: World, desk: Desk) -> list[str]:
    """What should have ended by now and has not."""
    used, live = 0, list(world.live_calls())
    for _ in range(ENDED_LOOKS):
        used, live = await desk.lines_used(), list(world.live_calls())
        if not used and not live:
            break
        await asyncio.sleep(ENDED_STEP_S)
    left = [f"{used} line(s) of the product are still in use"] if used else []
    return left + [f"a call to {number} is still up" for number in live]


def _how_it_ended(product: Product) -> list[str]:
    code = product.exit_code
    return [] if code == 0 else [f"the product ended with exit code {code}; see opendeep.log"]
