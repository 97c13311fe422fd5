"""What the real program needs goes away in mid-call and comes back: Redis, the database, Asterisk, the process itself.

Each time: a clear word on /readyz, the call's end recorded, the line freed, the task in a state that goes on, never a
second call to somebody who is still on the line. The table of bad input is in `test_bad_input`.
"""

import asyncio
import contextlib
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from opendeep.demo.client import PageClient
from tests.support.asterisk import AsteriskProgram, RealAsterisk
from tests.support.callees import Callees
from tests.support.product import Product, UserAtPage, product, user_at_page
from tests.support.services import TemporaryPostgres, TemporaryRedis, fresh_database, require
from tests.support.trouble import (
    BOOKING_NUMBER,
    DEADLINE_S,
    SOON,
    TONE_NUMBER,
    alive,
    call_in_progress,
    calls_of,
    eventually,
    lines_free,
    logged,
    only_task,
    part,
    start_call,
    task_that_goes_on,
)

HANGS_UP_NUMBER = "+1 202 555 0111"  # a simulated callee who hangs up on our first sentences
SIP_NUMBER = "+12025550121"
LOCKER = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
held.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
held.execute("ROLLBACK")
"""


@contextlib.asynccontextmanager
async def program_and_user(directory: Path, **settings: str) -> AsyncIterator[tuple[Product, UserAtPage]]:
    async with product(directory, **settings) as program:
        await program.ready()
        async with user_at_page(program.url) as user:
            yield program, user


def address_of(asterisk: RealAsterisk) -> dict[str, str]:
    return {
        "ASTERISK_AMI_HOST": asterisk.ami_host,
        "ASTERISK_AMI_PORT": str(asterisk.ami_port),
        "ASTERISK_AMI_USERNAME": asterisk.ami_username,
        "ASTERISK_AMI_SECRET": asterisk.ami_secret,
    }


async def two_calls(user: UserAtPage, campaign: str) -> list[dict[str, Any]]:
    """The first attempt and the one after it, once it is there; they never overlap."""

    async def look() -> list[dict[str, Any]] | None:
        calls = await calls_of(user, (await only_task(user, campaign))["id"])
        return calls if len(calls) > 1 else None

    calls: list[dict[str, Any]] = await eventually(look)
    first, second = calls[:2]
    assert datetime.fromisoformat(first["ended_at"]) <= datetime.fromisoformat(second["created_at"])
    return calls


# -- Redis


async def test_redis_dies_in_mid_call(tmp_path: Path) -> None:
    require("redis", TemporaryRedis.available(), "install the package redis-server")
    with TemporaryRedis() as redis:
        async with program_and_user(tmp_path, REDIS_URL=redis.url) as (program, user):
            campaign = await start_call(user, BOOKING_NUMBER)
            await call_in_progress(user, campaign)
            redis.kill()
            assert "Redis does not answer" in await part(program, "doorbell", ok=False)
            task = await user.until_task("COMPLETED", disposition="ACHIEVED", attempts=1)
            assert task["result"]["slot_ok"]
            await lines_free(user)
            await alive(program)
            redis.start()
            await part(program, "doorbell", ok=True)
            campaign = await start_call(user, HANGS_UP_NUMBER)
            await call_in_progress(user, campaign)
            redis.kill()  # for good
            await task_that_goes_on(user, campaign)
            await alive(program)
            program.process.send_signal(signal.SIGTERM)
            assert await program.exit_code() == 0


# -- the database


@contextlib.asynccontextmanager
async def locked_by_somebody_else(database: Path) -> AsyncIterator[None]:
    """Another process holds the database's write lock."""
    locker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LOCKER, str(database), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert locker.stdout is not None
    try:
        async with asyncio.timeout(DEADLINE_S):
            assert await locker.stdout.readline() == b"locked\n"
        yield
    finally:
        await locker.communicate(b"")  # the end of its input is its word to let go
        assert locker.returncode == 0


async def confirmation_refused(user: UserAtPage, plan: dict[str, Any]) -> str:
    """The words with which a confirmation is refused while the database is away."""
    with pytest.raises(httpx.HTTPStatusError) as refused:
        await user.confirm(plan)
    assert refused.value.response.status_code == httpx.codes.SERVICE_UNAVAILABLE
    return str(refused.value.response.json()["error"]["message"])


async def test_a_database_locked_by_somebody_else(tmp_path: Path) -> None:
    async with program_and_user(tmp_path) as (program, user):
        waiting = await user.plan(f"Call Ann Hill at {TONE_NUMBER} and book the inspection on Tuesday at ten.")
        campaign = await start_call(user, HANGS_UP_NUMBER)
        await call_in_progress(user, campaign)
        async with locked_by_somebody_else(tmp_path / "opendeep.db"):
            # For longer than SQLite's own patience, and over the end of the call.
            assert "database" in await confirmation_refused(user, waiting)
            await logged(program, "call.rows_delayed")
            await alive(program)
        task = await task_that_goes_on(user, campaign)
        assert (task["attempts"], task["status"]) == (1, "SCHEDULED")
        call = (await calls_of(user, task["id"]))[-1]
        assert (call["status"], call["end_reason"]) == ("COMPLETED", "The other side hung up.")
        assert (await user.page.get(f"/api/calls/{call['id']}"))["transcript"], "the words were kept"
        await lines_free(user)
        await user.confirm(waiting)
        await alive(program)


async def test_postgres_dies_in_mid_call(tmp_path: Path) -> None:
    require("postgres", TemporaryPostgres.available(), "install the package postgresql")
    with TemporaryPostgres() as server, fresh_database(server, "opendeep") as url:
        async with program_and_user(tmp_path, DATABASE_URL=url) as (program, user):
            waiting = await user.plan(f"Call Ann Hill at {TONE_NUMBER} and book the inspection on Tuesday at ten.")
            campaign = await start_call(user, HANGS_UP_NUMBER)
            await call_in_progress(user, campaign)
            server.kill()
            assert "database" in await part(program, "database", ok=False)
            assert "database" in await confirmation_refused(user, waiting)
            await logged(program, "call.rows_delayed", "call.database_away")  # also the end is waiting
            await alive(program)
            server.start()
            await part(program, "database", ok=True)
            task = await task_that_goes_on(user, campaign)
            assert (task["attempts"], task["status"]) == (1, "SCHEDULED")
            call = (await calls_of(user, task["id"]))[-1]
            assert call["end_reason"] == "The other side hung up."
            await lines_free(user)
            await user.confirm(waiting)
            await alive(program)


# -- Asterisk


@pytest.mark.asterisk
async def test_a_wrong_ami_secret(tmp_path: Path, real_asterisk: RealAsterisk) -> None:
    settings = address_of(real_asterisk) | {"ASTERISK_AMI_SECRET": "wrong"}
    async with product(tmp_path, **settings) as program:
        await program.ready()
        await logged(program, "ami.login_refused")
        why = await part(program, "asterisk", ok=False)
        assert "ASTERISK_AMI_SECRET" in why
        async with PageClient(program.url) as page:
            await page.post("/api/session", {"user_name": "Maria Keller"})
            user = UserAtPage(page)
            campaign = await start_call(user, SIP_NUMBER)
            task = await only_task(user, campaign)
            assert (task["status"], task["attempts"]) == ("SCHEDULED", 0)
            assert await calls_of(user, task["id"]) == []
            assert "refuses" in (await page.get("/api/status"))["lines"]["paused_because"]
        await alive(program)
        assert "wrong" not in program.log.read_text()


@pytest.mark.asterisk
async def test_asterisk_dies_in_mid_call(tmp_path: Path, asterisk_program: AsteriskProgram) -> None:
    async with RealAsterisk() as asterisk, Callees(asterisk) as callees:
        await callees.phone(SIP_NUMBER)
        async with program_and_user(tmp_path, **address_of(asterisk)) as (program, user):
            campaign = await start_call(user, SIP_NUMBER, SOON)
            await call_in_progress(user, campaign)
            await asterisk.kill()
            assert await part(program, "asterisk", ok=False)
            again = await callees.phone(SIP_NUMBER)
            await asterisk.start()
            await part(program, "asterisk", ok=True)
            await task_that_goes_on(user, campaign)
            first, *_ = await two_calls(user, campaign)
            assert first["end_reason"]
            async with asyncio.timeout(DEADLINE_S):
                await again.answered.wait()
            await alive(program)


# -- the process


async def killed(program: Product) -> None:
    """As a power failure would."""
    program.process.kill()
    await program.exit_code()


async def test_killed_in_mid_call_with_its_switch(tmp_path: Path) -> None:
    async with program_and_user(tmp_path) as (program, user):
        campaign = await start_call(user, TONE_NUMBER)
        await call_in_progress(user, campaign)
        await killed(program)
    async with program_and_user(tmp_path) as (program, user):
        task = await task_that_goes_on(user, campaign)
        call, *more = await calls_of(user, task["id"])
        assert (call["status"], more) == ("LOST", [])
        assert call["end_reason"] == "OpenDeep was interrupted during this call, which has ended meanwhile."
        await lines_free(user)
        await alive(program)


@pytest.mark.asterisk
async def test_killed_in_mid_call_while_asterisk_lives(
    tmp_path: Path, real_asterisk: RealAsterisk, callees: Callees
) -> None:
    phone = await callees.phone(SIP_NUMBER)
    async with program_and_user(tmp_path, **address_of(real_asterisk)) as (program, user):
        campaign = await start_call(user, SIP_NUMBER, SOON)
        await call_in_progress(user, campaign)
        await killed(program)
    again = await callees.phone(SIP_NUMBER)
    async with program_and_user(tmp_path, **address_of(real_asterisk)) as (program, user):
        first, *_ = await two_calls(user, campaign)
        assert first["status"] == "LOST"
        assert phone.ended.is_set(), "nobody is called while an old call of theirs goes on"
        async with asyncio.timeout(DEADLINE_S):
            await again.answered.wait()
        await alive(program)


def rows(directory: Path, question: str) -> list[tuple[Any, ...]]:
    """Read the database of a program that has ended."""
    with contextlib.closing(sqlite3.connect(directory / "opendeep.db")) as connection:
        return connection.execute(question).fetchall()


async def test_sigterm_lets_the_call_end(tmp_path: Path) -> None:
    async with program_and_user(tmp_path) as (program, user):
        waiting = await user.plan(f"Call Ann Hill at {TONE_NUMBER} and book the inspection on Tuesday at ten.")
        campaign = await start_call(user, HANGS_UP_NUMBER)
        await call_in_progress(user, campaign)
        program.process.send_signal(signal.SIGTERM)
        await logged(program, "process.draining")
        await user.confirm(waiting)
        assert "Shutting down" in (await user.page.get("/api/status"))["lines"]["paused_because"]
        assert await program.exit_code() == 0
        assert "worker.drain_cut_short" not in program.events()
    assert rows(tmp_path, "SELECT status, end_reason FROM calls") == [("COMPLETED", "The other side hung up.")]
    assert rows(tmp_path, "SELECT count(*) FROM call_transcripts") != [(0,)], "what was said is kept"
    states = {status for (status,) in rows(tmp_path, "SELECT status FROM tasks")}
    assert states <= {"SCHEDULED", "PENDING_ANALYSIS", "COMPLETED"}


async def test_sigterm_hangs_up_when_its_time_is_over(tmp_path: Path) -> None:
    async with program_and_user(tmp_path, DRAIN_SECONDS="1") as (program, user):
        await call_in_progress(user, await start_call(user, TONE_NUMBER))
        program.process.send_signal(signal.SIGTERM)
        assert await program.exit_code() == 0
        assert "worker.drain_cut_short" not in program.events()
    assert rows(tmp_path, "SELECT status, end_reason FROM calls") == [("COMPLETED", "We ended the call (shutdown).")]
    assert rows(tmp_path, "SELECT status FROM tasks")[0][0] in ("PENDING_ANALYSIS", "SCHEDULED")
