"""The offline server from its options to its end: engines, signals, and what is said at the start.

Owns the life of a serving process, for the product's command (`opendeep offline serve`) and for the supervised child
(`python -m opendeep.offline`); each announces in its own way.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

import structlog

from opendeep.offline.minds.language_model import ChatServer
from opendeep.offline.realtime.connection import ConnectionLimits
from opendeep.offline.server import DEFAULT_PORT, MAX_SESSIONS, OfflineServer
from opendeep.offline.speech import SpeechEngines
from opendeep.offline.speech.catalogue import AUTO, RECOGNISERS, SYNTHESISERS, choose_recogniser, choose_synthesiser

DEFAULT_PACE: Final = 5.0

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What a serving process is told. `pace`: how much faster than real time speech is sent."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    workers: int = 1
    voice: str | None = None
    pace: float = DEFAULT_PACE
    max_sessions: int = MAX_SESSIONS
    recogniser: str = AUTO
    recogniser_model: str = ""
    synthesiser: str = AUTO
    synthesiser_model: str = ""
    llm_url: str = ""
    llm_model: str = ""
    llm_key: str = ""
    api_key: str = ""
    parent_pipe: bool = False

    @property
    def local_only(self) -> bool:
        """True when only this machine can reach the server."""
        with contextlib.suppress(ValueError):
            return ip_address(self.host).is_loopback
        return self.host == "localhost"

    @property
    def exposed(self) -> bool:
        """True when others can use the server without a key."""
        return not self.local_only and not self.api_key


Announce = Callable[[OfflineServer, SpeechEngines], None]


async def serve(options: ServeOptions, announce: Announce) -> None:
    """Serve until a signal, the parent's end, or the server's own; `announce` once it answers.

    Raises `SpeechEngineMissing`, `SpeechEngineFault`, `UnknownVoice`, and OSError when the address is taken.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    if options.parent_pipe:
        await _watch_parent(stopping)
    engines = SpeechEngines(
        workers=options.workers,
        voice=options.voice,
        recogniser=choose_recogniser(options.recogniser, options.recogniser_model),
        synthesiser=choose_synthesiser(options.synthesiser, options.synthesiser_model),
    )
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(engines)
        mind = ChatServer(options.llm_url, options.llm_model, options.llm_key) if options.llm_url else None
        if mind is not None:
            await stack.enter_async_context(mind)
        server = OfflineServer(
            options.host,
            options.port,
            engines=engines,
            limits=ConnectionLimits(pace=options.pace),
            max_sessions=options.max_sessions,
            mind=mind,
            api_key=options.api_key,
        )
        await stack.enter_async_context(server)
        announce(server, engines)
        await _until(stopping, server)
    logger.info("offline_server_stopped")


async def _until(stopping: asyncio.Event, server: OfflineServer) -> None:
    """Wait for the signal or for the end of the server; raises what ended the server."""
    waits = {
        asyncio.create_task(stopping.wait(), name="offline-stop-signal"),
        asyncio.create_task(server.serve_forever(), name="offline-serving"),
    }
    done, waiting = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    for task in done:
        task.result()


async def _watch_parent(stopping: asyncio.Event) -> None:
    """Set `stopping` when standard input closes: the parent is gone."""

    class _Parent(asyncio.Protocol):
        def connection_lost(self, error: Exception | None) -> None:
            stopping.set()

    await asyncio.get_running_loop().connect_read_pipe(_Parent, sys.stdin)


def start_report(options: ServeOptions, server: OfflineServer, engines: SpeechEngines) -> list[tuple[str, str, str]]:
    """What runs and what does not, as (level, part, words); levels are those of `opendeep doctor`."""
    voices = ", ".join(engines.voices)
    lines = [
        ("ok", "voice", f"{engines.synthesizer.name}, speaks as {engines.default_voice} (there are: {voices})"),
        ("ok", "recogniser", f"{engines.recognizer.name} in {options.workers} process(es), English"),
    ]
    if options.llm_url:
        lines.append(("ok", "text", f"the model {options.llm_model} talks where a session brings no call brief"))
    else:
        lines.append(("unused", "text", "rules only; OFFLINE_LLM_URL names a server whose model talks instead"))
    missing = [kind for kind in (*RECOGNISERS, *SYNTHESISERS) if not kind.installed]
    lines += [("unused", kind.name, f"not installed ({kind.install})") for kind in missing]
    if options.exposed:
        words = f"everybody who reaches {options.host} can use this server; set OFFLINE_API_KEY, or stay on 127.0.0.1"
        lines.append(("warn", "network", words))
    lines.append(("ok", "text address", f"{server.base_url}/chat/completions"))
    return lines
