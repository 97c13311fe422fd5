"""Connections that say nothing, from a process of their own: `python -m tests.support.silent_peers PORT COUNT`.

Prints how many it has opened (fewer than asked where the limit of open files forbids more), and at the end how many the
other side has closed. Ends when all are closed, or after `DEADLINE_S`.
"""

from __future__ import annotations

import resource
import selectors
import socket
import sys
import time

SPARE_FILES = 64
DEADLINE_S = 60.0


def possible(count: int) -> int:
    """Raise the limit of open files as far as it goes."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return count if hard == resource.RLIM_INFINITY else min(count, hard - SPARE_FILES)


def main() -> None:
    port, count = int(sys.argv[1]), possible(int(sys.argv[2]))
    peers = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    print(len(peers), flush=True)
    waiting = selectors.DefaultSelector()
    for peer in peers:
        waiting.register(peer, selectors.EVENT_READ)
    closed, give_up_at = 0, time.monotonic() + DEADLINE_S
    while closed < len(peers) and time.monotonic() < give_up_at:
        for key, _ in waiting.select(1.0):
            waiting.unregister(key.fileobj)
            closed += 1  # nothing is ever sent to a peer without a call: what can be read is the end
    print(closed, flush=True)


if __name__ == "__main__":
    main()
