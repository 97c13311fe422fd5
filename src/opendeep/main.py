"""The process: settings, logs, the event loop, the workers, the exit code. What exists is built in `composition`."""

import asyncio
import contextlib
import socket
import sys
from ipaddress import ip_address

import structlog
import uvicorn
from fastapi import FastAPI

from opendeep.common.errors import ConfigurationError, OpenDeepError
from opendeep.common.logger_setup import setup_logging
from opendeep.common.workers import put_the_loop_first
from opendeep.composition import build
from opendeep.config.app_config import AppConfig, Role, load_config
from opendeep.config.trunk_config import load_trunks
from opendeep.supervisor import EXIT_WORKER_DIED, Supervisor, Worker

log = structlog.get_logger(__name__)

EXIT_CONFIGURATION = 2
WEB_STOP_DEADLINE_S = 5.0
MAX_SOCKET_MESSAGE_BYTES = 64 * 1024
READY_LINE = "OPENDEEP ready"


class WebServer(uvicorn.Server):
    """uvicorn as one worker among others: the supervisor owns the signals."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


def main() -> None:
    """Entry point of `python main.py` and of `opendeep run`."""
    try:
        config = load_config()
        load_trunks(config)
    except ConfigurationError as error:
        print(f"The settings have mistakes (see .env.example):\n{error}", file=sys.stderr)
        sys.exit(EXIT_CONFIGURATION)
    sys.exit(serve(config))


def serve(config: AppConfig) -> int:
    """Run until a signal or a dead worker; returns the exit code."""
    setup_logging(config.log_level, config.log_format)
    put_the_loop_first()
    try:
        import uvloop  # not on every platform
    except ImportError:
        factory = None
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(_serve(config))


async def _serve(config: AppConfig) -> int:
    supervisor = Supervisor(config.drain_seconds)
    with supervisor.signals():
        async with contextlib.AsyncExitStack() as stack:
            try:
                listener = _listen(config)
                if listener is not None:
                    stack.callback(listener.close)
                application = await build(config, stack)
            except OpenDeepError as error:
                log.error("process.cannot_start", error=str(error))
                return EXIT_WORKER_DIED
            workers = [*application.workers]
            if listener is not None and application.web is not None:
                workers.insert(0, _web_worker(application.web, listener))  # first to start, last to stop
                host, port = listener.getsockname()[:2]
                print(f"{READY_LINE} http://{host}:{port}", flush=True)
            return await supervisor.run(workers)


def _listen(config: AppConfig) -> socket.socket | None:
    """Take the web port before anything else, so that a taken port is one clear line."""
    if Role.WEB not in config.opendeep_roles:
        return None
    if not _loopback(config.web_host):
        log.warning("web.open_to_others", host=config.web_host, advice="who can reach the page can choose any name")
    try:
        return socket.create_server((config.web_host, config.web_port), backlog=512, reuse_port=False)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot listen on {config.web_host}:{config.web_port}: {error.strerror}. Set WEB_HOST or WEB_PORT."
        ) from error


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _web_worker(web: FastAPI, listener: socket.socket) -> Worker:
    settings = uvicorn.Config(
        web,
        log_config=None,
        access_log=False,
        ws="websockets-sansio",
        ws_max_size=MAX_SOCKET_MESSAGE_BYTES,
        timeout_graceful_shutdown=int(WEB_STOP_DEADLINE_S),
        server_header=False,
    )
    server = WebServer(settings)
    finished = asyncio.Event()

    async def run() -> None:
        try:
            await server.serve(sockets=[listener])
        finally:
            finished.set()

    async def stop() -> None:
        server.should_exit = True
        await finished.wait()

    return Worker("web", run, stop)
