"""The real program as a process: it starts on nothing, drains and exits 0 on SIGTERM, exits 1 when a worker dies."""

import asyncio
import signal
import socket
from pathlib import Path

import httpx

from tests.support.product import START_DEADLINE_S, product


async def test_it_starts_on_nothing_and_drains_on_sigterm(tmp_path: Path) -> None:
    async with product(tmp_path) as program:
        await program.ready()
        async with httpx.AsyncClient(base_url=program.url, trust_env=False) as http:
            assert (await http.get("/healthz")).status_code == httpx.codes.OK
            async with asyncio.timeout(START_DEADLINE_S):
                while (ready := await http.get("/readyz")).status_code != httpx.codes.OK:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            assert "database" in ready.text
            page = await http.get("/")
            assert "Guest" in page.text
        program.process.send_signal(signal.SIGTERM)
        assert await program.exit_code() == 0
        assert "process.stopped" in program.events()
        assert (tmp_path / "opendeep.db").exists()


async def test_a_dead_worker_takes_the_process_down(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:  # the audio server cannot have this port
        async with product(tmp_path, AUDIOSOCKET_PORT=str(taken.getsockname()[1])) as program:
            assert await program.exit_code() == 1
            assert "process.worker_died" in program.events()


async def test_a_taken_web_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with product(tmp_path, WEB_PORT=str(taken.getsockname()[1])) as program:
            assert await program.exit_code() == 1
            assert program.events() == ["process.cannot_start"]
            assert "Set WEB_HOST or WEB_PORT" in program.log.read_text()


async def test_wrong_settings_stop_the_start_with_one_line_each(tmp_path: Path) -> None:
    async with product(tmp_path, MAX_CONCURRENT_CALLS="many", DEFAULT_TIMEZONE="Mars/Base") as program:
        assert await program.exit_code() == 2
        lines = program.log.read_text().splitlines()
        assert len([line for line in lines if line.startswith(("MAX_CONCURRENT_CALLS", "DEFAULT_TIMEZONE"))]) == 2


async def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    async with product(tmp_path, DRAIN_SECONDS="3600") as program:
        await program.ready()
        program.process.send_signal(signal.SIGTERM)
        program.process.send_signal(signal.SIGINT)
        assert await program.exit_code() == 0


async def test_a_signal_while_it_starts_is_not_missed(tmp_path: Path) -> None:
    async with product(tmp_path) as program:
        async with asyncio.timeout(START_DEADLINE_S):
            while "embedded.offline_started" not in program.log.read_text():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        program.process.send_signal(signal.SIGTERM)
        assert await program.exit_code() == 0
