"""`python -m opendeep.offline`: the offline server as a supervised child process.

Owns its command line and its ready line. Prints `OFFLINE ready http://HOST:PORT/v1` once, logs to standard error, ends
with 0 on SIGTERM or SIGINT, and, with `--parent-pipe`, when its standard input closes, so that it never outlives its
parent. People use `opendeep offline serve`.
"""

from __future__ import annotations

import argparse
import asyncio

from opendeep.common.logger_setup import setup_logging
from opendeep.offline.server import DEFAULT_PORT, OfflineServer
from opendeep.offline.serving import DEFAULT_PACE, ServeOptions, serve
from opendeep.offline.speech import SpeechEngines
from opendeep.offline.speech.catalogue import AUTO

READY_WORD = "OFFLINE ready"


def announce(server: OfflineServer, engines: SpeechEngines) -> None:
    """The line that the supervisor waits for."""
    print(f"{READY_WORD} {server.base_url}", flush=True)


def parse_options(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m opendeep.offline", description="The offline voice and text AI.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes a free port")
    parser.add_argument("--workers", type=int, default=1, help="speech recognition processes")
    parser.add_argument("--voice", default=None, help="speaking voice; the default is the best one found")
    parser.add_argument("--recogniser", default=AUTO, help="speech to text; auto takes what its model is for")
    parser.add_argument("--recogniser-model", default="")
    parser.add_argument("--synthesiser", default=AUTO, help="text to speech; auto takes what its model is for")
    parser.add_argument("--synthesiser-model", default="")
    parser.add_argument(
        "--pace", type=float, default=DEFAULT_PACE, help="how much faster than real time speech is sent"
    )
    parser.add_argument("--parent-pipe", action="store_true", help="end when standard input closes")
    parser.add_argument("--log-level", default="INFO")
    parser.add_argument("--log-form", default="console", choices=("console", "json"))
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Entry point."""
    given = vars(parse_options(arguments))
    setup_logging(given.pop("log_level"), given.pop("log_form"))
    asyncio.run(serve(ServeOptions(**given), announce))


if __name__ == "__main__":
    main()
