"""The manager interface: how many events a second reach asyncio listeners while 150 calls are registered.

A peer on loopback (its own process) sends what a busy Asterisk says: eighteen events a call, half of them of no use.
Every event crosses from the reading thread into the event loop, is parsed, and is dispatched by its channel's id.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection

import structlog

from benchmarks.figures import Figure
from opendeep.call_processor_service.ami_packets import AmiEvent
from opendeep.call_processor_service.asterisk_ami_client import AmiAddress, AmiLimits, AsteriskAmiClient

CALLS = 150
EVENTS = 400_000
RUNS = 3  # the best counts: other programs only ever make it slower
DEADLINE_S = 60.0
PROPER = ("Newchannel", "Newstate", "DialBegin", "DialState", "DialEnd", "Hangup")


def run() -> Iterator[Figure]:
    """`ami.events_per_s`."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    rates, dropped = zip(*(asyncio.run(_measure()) for _ in range(RUNS)), strict=True)
    conditions: dict[str, object] = {
        "calls_registered": CALLS,
        "events": EVENTS,
        "event_bytes": len(_event("Newstate", 0)),
        "heard_by_a_call": f"{len(PROPER)} of 18",
        "dropped": sum(dropped),
        "slowest_run": round(min(rates)),
        "runs": RUNS,
        "cores": os.cpu_count(),
    }
    yield Figure("ami.events_per_s", round(max(rates)), "1/s", conditions)


async def _measure() -> tuple[float, int]:
    ours, theirs = multiprocessing.Pipe()
    peer = multiprocessing.get_context("spawn").Process(target=_switch, args=(theirs,), name="ami-peer")
    peer.start()
    try:
        port = await asyncio.to_thread(ours.recv)
        return await _receive_all(port)
    finally:
        peer.kill()
        peer.join()


async def _receive_all(port: int) -> tuple[float, int]:
    limits = AmiLimits(queue_capacity=EVENTS)  # measure the speed, not what is dropped
    client = AsteriskAmiClient(AmiAddress("127.0.0.1", port, "bench", "bench"), limits=limits)
    heard, last = 0, asyncio.Event()

    def hear(_: AmiEvent) -> None:
        nonlocal heard
        heard += 1

    for call in range(CALLS):
        client.add_channel_listener(_identity(call), hear)
    began = asyncio.get_running_loop().create_future()
    client.add_event_listener("BenchBegins", lambda _: began.set_result(time.perf_counter()))
    client.add_event_listener("BenchEnds", lambda _: last.set())
    await client.connect_and_login()
    try:
        async with asyncio.timeout(DEADLINE_S):
            await last.wait()
        seconds = time.perf_counter() - await began
    finally:
        await client.close()
    expected = EVENTS // 18 * len(PROPER)
    if heard < expected:
        raise RuntimeError(f"only {heard} of {expected} events reached their call")
    return EVENTS / seconds, client.events_dropped


# -- the peer


def _switch(pipe: Connection) -> None:
    """Accept one login, then send everything as fast as it is taken."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        pipe.send(server.getsockname()[1])
        connected, _ = server.accept()
        with connected:
            connected.sendall(b"Asterisk Call Manager/11.0.0\r\n")
            login = connected.recv(4_096).decode()
            action_id = next(line for line in login.split("\r\n") if line.startswith("ActionID"))
            connected.sendall(f"Response: Success\r\n{action_id}\r\n\r\nEvent: FullyBooted\r\n\r\n".encode())
            connected.sendall(b"Event: BenchBegins\r\n\r\n")
            call_events = [b"".join(_call(call)) for call in range(CALLS)]
            for number in range(EVENTS // 18):
                connected.sendall(call_events[number % CALLS])
            connected.sendall(b"Event: BenchEnds\r\n\r\n")
            connected.recv(1)  # until the client leaves


def _call(call: int) -> Iterator[bytes]:
    for name in PROPER:
        yield _event(name, call)
    for _ in range(18 - len(PROPER)):
        yield _event("VarSet", call + CALLS)  # of channels that nobody listens to


def _identity(call: int) -> str:
    return f"0192f0c1-0000-7000-8000-{call:012d}"


def _event(name: str, call: int) -> bytes:
    """As long and as wide as Asterisk's own: about twenty headers."""
    identity = _identity(call)
    return (
        f"Event: {name}\r\nPrivilege: call,all\r\nTimestamp: 1700000000.000000\r\nChannel: PJSIP/trunk-{call:08x}\r\n"
        "ChannelState: 6\r\nChannelStateDesc: Up\r\nCallerIDNum: +4930123456\r\nCallerIDName: OpenDeep\r\n"
        "ConnectedLineNum: <unknown>\r\nConnectedLineName: <unknown>\r\nLanguage: en\r\nAccountCode: \r\n"
        f"Context: opendeep-in\r\nExten: \r\nPriority: 1\r\nUniqueid: {identity}\r\nLinkedid: {identity}\r\n\r\n"
    ).encode()
