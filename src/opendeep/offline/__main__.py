"""`python -m opendeep.offline`: the offline server as a process of its own.

Owns the command line, the ready line on standard output, the signals and the end with the parent. Prints
`OFFLINE ready http://HOST:PORT/v1` once, logs to standard error, ends with 0 on SIGTERM or SIGINT, and, with
`--parent-pipe`, when its standard input closes, so that it never outlives its parent.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

import structlog

from opendeep.common.logger_setup import setup_logging
from opendeep.offline.realtime.connection import ConnectionLimits
from opendeep.offline.server import DEFAULT_PORT, OfflineServer
from opendeep.offline.speech import SpeechEngines

READY_WORD = "OFFLINE ready"

logger = structlog.get_logger(__name__)


async def serve(options: argparse.Namespace) -> None:
    """Serve until a signal, the parent's end, or the server's own."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    if options.parent_pipe:
        await _watch_parent(stopping)
    async with SpeechEngines(workers=options.workers, voice=options.voice) as engines:
        limits = ConnectionLimits(pace=options.pace)
        async with OfflineServer(options.host, options.port, engines=engines, limits=limits) as server:
            print(f"{READY_WORD} {server.base_url}", flush=True)
            waits = {
                asyncio.create_task(stopping.wait(), name="offline-stop-signal"),
                asyncio.create_task(server.serve_forever(), name="offline-serving"),
            }
            done, waiting = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for task in waiting:
                task.cancel()
            for task in done:
                task.result()
    logger.info("offline_server_stopped")


async def _watch_parent(stopping: asyncio.Event) -> None:
    """Set `stopping` when standard input closes: the parent is gone."""

    class _Parent(asyncio.Protocol):
        def connection_lost(self, error: Exception | None) -> None:
            stopping.set()

    await asyncio.get_running_loop().connect_read_pipe(_Parent, sys.stdin)


def parse_options(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m opendeep.offline", description="The offline voice and text AI.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes a free port")
    parser.add_argument("--workers", type=int, default=1, help="speech recognition processes")
    parser.add_argument("--voice", default=None, help="speaking voice; the default is the best one found")
    parser.add_argument("--pace", type=float, default=5.0, help="how much faster than real time speech is sent")
    parser.add_argument("--parent-pipe", action="store_true", help="end when standard input closes")
    parser.add_argument("--log-level", default="INFO")
    parser.add_argument("--log-form", default="console", choices=("console", "json"))
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Entry point."""
    options = parse_options(arguments)
    setup_logging(options.log_level, options.log_form)
    asyncio.run(serve(options))


if __name__ == "__main__":
    main()
