"""The offline server as a process: ready line, signals, its parent's end, supervision."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from opendeep.offline.runner import OfflineProcess, OfflineProcessFault

DEADLINE_S = 60.0
POLL_S = 0.05


@asynccontextmanager
async def child(*options: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A child of ours and the address from its ready line."""
    pipe = asyncio.subprocess.PIPE
    command = [sys.executable, "-m", "opendeep.offline", "--port", "0", *options]
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(DEADLINE_S):
            line = (await process.stdout.readline()).decode().strip()
        assert line.startswith("OFFLINE ready http://127.0.0.1:")
        assert line.endswith("/v1")
        yield process, line.removeprefix("OFFLINE ready ")
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def exit_code(process: asyncio.subprocess.Process) -> int:
    async with asyncio.timeout(DEADLINE_S):
        return await process.wait()


async def answers(base_url: str) -> bool:
    async with httpx.AsyncClient() as http:
        try:
            return (await http.get(f"{base_url}/models", timeout=5.0)).status_code == 200
        except httpx.TransportError:
            return False


async def wait_for(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - the state of another process has no event
            await asyncio.sleep(POLL_S)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_process_with_zero(number: signal.Signals) -> None:
    async with child() as (process, base_url):
        assert await answers(base_url)
        process.send_signal(number)
        assert await exit_code(process) == 0
        assert not await answers(base_url)


async def test_the_process_does_not_outlive_its_parents_pipe() -> None:
    async with child("--parent-pipe") as (process, _):
        assert process.stdin is not None
        process.stdin.close()
        assert await exit_code(process) == 0


async def test_a_supervised_server_comes_back_at_the_same_address() -> None:
    async with OfflineProcess() as offline:
        address, first = offline.base_url, offline.pid
        assert first is not None
        assert await answers(address)
        os.kill(first, signal.SIGKILL)
        await wait_for(lambda: offline.restarts == 1 and offline.pid not in (None, first) and offline.ready)
        assert offline.base_url == address
        assert await answers(address)
        second = offline.pid
        assert second is not None
    assert not is_alive(second)
    await offline.stop()


async def test_a_taken_port_is_a_fault_that_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        offline = OfflineProcess(port=taken.getsockname()[1])
        with pytest.raises(OfflineProcessFault, match="exited with 1"):
            await offline.start()
        await offline.stop()
        assert offline.pid is None


async def test_a_child_that_does_not_get_ready_is_ended() -> None:
    offline = OfflineProcess(ready_deadline_s=0.01)
    with pytest.raises(OfflineProcessFault, match="not ready"):
        await offline.start()
    assert offline.pid is None
