"""The parent's side of `benchmarks.media_load`: start it, talk to it in JSON lines, end it whatever happens."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson

PHASE_S = 300.0


@asynccontextmanager
async def load_generator(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A load generator that has not yet said its Realtime port."""
    load = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.media_load", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=64 * 1024 * 1024,
    )
    try:
        yield load
    finally:
        if load.returncode is None:
            load.kill()
        await load.wait()


def write(load: asyncio.subprocess.Process, order: dict[str, Any]) -> None:
    if load.stdin is not None:
        load.stdin.write(orjson.dumps(order) + b"\n")


async def read(load: asyncio.subprocess.Process, deadline_s: float = PHASE_S) -> dict[str, Any]:
    if load.stdout is None:
        raise RuntimeError("the load generator has no output")
    async with asyncio.timeout(deadline_s):
        line = await load.stdout.readline()
    if not line:
        raise RuntimeError("the load generator died; its message is above")
    return dict(orjson.loads(line))
