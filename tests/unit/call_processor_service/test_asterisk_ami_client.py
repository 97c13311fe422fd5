"""The AMI client against a manager interface at the wire."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from opendeep.call_processor_service import ami_action
from opendeep.call_processor_service.ami_connection import AmiConnection
from opendeep.call_processor_service.ami_packets import AmiEvent
from opendeep.call_processor_service.asterisk_ami_client import (
    AmiAddress,
    AmiLimits,
    AmiLoginRefused,
    AmiNotConnected,
    AmiState,
    AsteriskAmiClient,
)
from opendeep.common.errors import TelephonyFault
from tests.unit.call_processor_service.fake_switch import BANNER, DEADLINE_S, RIGHT, FakeSwitch, packet


class HastyClock:
    """Sleeps are skipped (and counted), so that reconnecting does not wait."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.asleep = asyncio.Event()
        self.hold = False

    def now(self) -> datetime:
        return datetime(2026, 11, 22, 18, 0, tzinfo=UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.asleep.set()
        if self.hold:
            await asyncio.Event().wait()
        await asyncio.sleep(0.01)


def address(port: int, secret: str = RIGHT) -> AmiAddress:
    return AmiAddress("127.0.0.1", port, "opendeep", secret)


@contextlib.asynccontextmanager
async def connected(switch: FakeSwitch, capacity: int = 1000) -> AsyncIterator[AsteriskAmiClient]:
    client = AsteriskAmiClient(address(switch.port), limits=AmiLimits(queue_capacity=capacity))
    await client.connect_and_login()
    try:
        yield client
    finally:
        await client.close()


async def collect(client: AsteriskAmiClient, name: str, count: int) -> list[AmiEvent]:
    """Listen until `count` events called `name` came."""
    seen: list[AmiEvent] = []
    enough = asyncio.Event()

    def receive(event: AmiEvent) -> None:
        seen.append(event)
        if len(seen) >= count:
            enough.set()

    remove = client.add_event_listener(name, receive)
    async with asyncio.timeout(DEADLINE_S):
        await enough.wait()
    remove()
    return seen


async def test_login_action_and_state() -> None:
    async with FakeSwitch() as switch, connected(switch) as client:
        assert client.ready
        response = await client.send_action(ami_action.ping())
        assert response.ok
        assert [action["Action"] for action in switch.actions] == ["Login", "Ping"]
        assert client.snapshot()["connections"] == 1
        names = [thread.name for thread in threading.enumerate()]
        assert f"ami:127.0.0.1:{switch.port}" in names
    assert client.state == AmiState.CLOSED
    assert f"ami:127.0.0.1:{switch.port}" not in [thread.name for thread in threading.enumerate()]


async def test_wrong_password_is_a_clear_error_without_the_secret() -> None:
    async with FakeSwitch() as switch:
        client = AsteriskAmiClient(address(switch.port, "wrong-secret"))
        with pytest.raises(AmiLoginRefused, match=r"opendeep.*Authentication failed") as caught:
            await client.connect_and_login()
        assert client.state == AmiState.REFUSED
        assert not caught.value.retryable
        assert "wrong-secret" not in f"{caught.value} {client.snapshot()} {client.address}"
        with pytest.raises(AmiNotConnected):
            await client.send_action(ami_action.ping())
        await client.close()


async def test_wrong_password_does_not_become_a_hot_loop() -> None:
    async with FakeSwitch() as switch:
        clock = HastyClock()
        clock.hold = True
        client = AsteriskAmiClient(address(switch.port, "wrong"), clock=clock)
        worker = asyncio.create_task(client.run(), name="ami")
        async with asyncio.timeout(DEADLINE_S):
            await clock.asleep.wait()
        assert client.state == AmiState.REFUSED
        assert clock.slept == [30.0]
        assert len(switch.named("Login")) == 1
        worker.cancel()
        await asyncio.wait({worker})


async def test_nobody_listens() -> None:
    async with FakeSwitch() as switch:
        port = switch.port
    client = AsteriskAmiClient(address(port))
    with pytest.raises(TelephonyFault, match="refused"):
        await client.connect_and_login()
    assert client.state == AmiState.DISCONNECTED
    await client.close()


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 400 Bad\r\n\r\n", b"\x00\xff\xfe", b""])
async def test_something_else_answers(greeting: bytes) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        client = AsteriskAmiClient(address(server.sockets[0].getsockname()[1]))
        with pytest.raises(TelephonyFault):
            await client.connect_and_login()
        await client.close()


async def test_an_unanswered_action_times_out_and_leaves_nothing_behind() -> None:
    async with FakeSwitch() as switch, connected(switch) as client:
        switch.unanswered.add("Ping")
        with pytest.raises(TelephonyFault, match="did not answer Ping"):
            await client.send_action(ami_action.ping(), timeout=0.05)
        assert len(client._pending) == 0
        assert client._connection is not None
        assert client._connection._futures == {}
        switch.unanswered.clear()
        assert (await client.send_action(ami_action.ping())).ok


async def test_a_late_response_hurts_nobody() -> None:
    async with FakeSwitch() as switch, connected(switch) as client:
        switch.unanswered.add("Ping")
        with pytest.raises(TelephonyFault):
            await client.send_action(ami_action.ping(), timeout=0.05)
        late = switch.named("Ping")[0]["ActionID"]
        switch.send(packet({"Response": "Success", "ActionID": late}))
        switch.unanswered.clear()
        assert (await client.send_action(ami_action.ping())).action_id != late


async def test_losing_the_connection_fails_what_waits_at_once() -> None:
    async with FakeSwitch() as switch, connected(switch) as client:
        switch.unanswered.add("Ping")
        waiting = asyncio.create_task(client.send_action(ami_action.ping(), timeout=60), name="ping")
        await switch.wait_for_action("Ping")
        switch.drop_connections()
        with pytest.raises(TelephonyFault, match="No response came"):
            await asyncio.wait_for(waiting, DEADLINE_S)
        assert client.state == AmiState.DISCONNECTED


async def test_losing_the_connection_within_a_list_is_no_short_list() -> None:
    async with FakeSwitch() as switch, connected(switch) as client:
        switch.unanswered.add("CoreShowChannels")
        asking = asyncio.create_task(client.send_list_action(ami_action.core_show_channels()), name="list")
        identity = (await switch.wait_for_action("CoreShowChannels"))["ActionID"]
        switch.send(packet({"Response": "Success", "ActionID": identity, "EventList": "start"}))
        switch.event("CoreShowChannel", {"ActionID": identity, "Uniqueid": "one"})
        await collect_after(client, switch)
        switch.drop_connections()
        with pytest.raises(TelephonyFault):
            await asyncio.wait_for(asking, DEADLINE_S)


async def collect_after(client: AsteriskAmiClient, switch: FakeSwitch) -> None:
    """Return when everything that the switch sent so far has been received."""
    arriving = asyncio.create_task(collect(client, "Marker", 1), name="marker")
    await asyncio.sleep(0)
    switch.event("Marker")
    await arriving


async def test_lists_are_collected_beside_other_events() -> None:
    async with FakeSwitch() as switch, connected(switch) as client:
        switch.channels = {"a": 6, "b": 5}
        seen: list[str] = []
        client.add_generic_event_listener(lambda event: seen.append(event.name))
        switch.before_response = lambda _: [packet({"Event": "Newstate", "Uniqueid": "a"})]
        listed = await client.send_list_action(ami_action.core_show_channels())
        assert [event.get("Uniqueid") for event in listed] == ["a", "b"]
        assert "CoreShowChannel" not in seen
        assert "Newstate" in seen


async def test_a_refused_list_is_an_error() -> None:
    async with FakeSwitch() as switch, connected(switch) as client:
        switch.unanswered.add("CoreShowChannels")
        asking = asyncio.create_task(client.send_list_action(ami_action.core_show_channels()), name="list")
        identity = (await switch.wait_for_action("CoreShowChannels"))["ActionID"]
        switch.send(packet({"Response": "Error", "ActionID": identity, "Message": "Permission denied"}))
        with pytest.raises(TelephonyFault, match="Permission denied"):
            await asyncio.wait_for(asking, DEADLINE_S)


async def test_listeners_hear_their_channel_once_and_nothing_else() -> None:
    async with FakeSwitch() as switch, connected(switch) as client:
        mine: list[str] = []
        remove = client.add_channel_listener("u-1", lambda event: mine.append(event.get("N")))
        switch.event("Newstate", {"Uniqueid": "u-1", "Linkedid": "u-1", "N": 1})
        switch.event("Newstate", {"Uniqueid": "u-2", "Linkedid": "u-2", "N": 2})
        switch.event("DialBegin", {"DestUniqueid": "u-1", "DestLinkedid": "u-1", "N": 3})
        switch.event("Hangup", {"Uniqueid": "17.3", "Linkedid": "u-1", "N": 4})
        switch.event("OriginateResponse", {"ActionID": "u-1", "Uniqueid": "<null>", "N": 5})
        await collect_after(client, switch)
        assert mine == ["1", "3", "4", "5"]
        remove()
        remove()
        switch.event("Newstate", {"Uniqueid": "u-1", "N": 6})
        await collect_after(client, switch)
        assert "6" not in mine


async def test_a_listener_that_fails_does_not_stop_the_others() -> None:
    async with FakeSwitch() as switch, connected(switch) as client:

        def fail(_: AmiEvent) -> None:
            raise RuntimeError("a listener's bug")

        client.add_event_listener("Newstate", fail)
        arriving = asyncio.create_task(collect(client, "Newstate", 2), name="collect")
        await asyncio.sleep(0)
        switch.event("Newstate")
        switch.event("Newstate")
        assert len(await arriving) == 2


async def test_names_with_unicode_line_ends_stay_values() -> None:
    async with FakeSwitch() as switch, connected(switch) as client:
        arriving = asyncio.create_task(collect(client, "Newstate", 1), name="collect")
        await asyncio.sleep(0)
        switch.event("Newstate", {"CallerIDName": "x\u2028Uniqueid: forged\x85Cause: 17\x0bA: b", "Uniqueid": "real"})
        (event,) = await arriving
        assert event.get("Uniqueid") == "real"
        assert "Cause" not in event.headers


async def test_overflow_is_counted_and_responses_get_through() -> None:
    async with FakeSwitch() as switch, connected(switch, capacity=50) as client:
        flood = packet({"Event": "RTCPSent", "Privilege": "reporting,all"}) * 5_000
        switch.before_response = lambda _: [flood]
        before = client.events_seen
        response = await client.send_action(ami_action.ping())
        assert response.ok
        assert client.events_dropped + client.events_seen - before >= 5_000
        switch.before_response = None
        assert (await client.send_action(ami_action.ping())).ok


async def test_reconnects_logs_in_again_and_keeps_listeners() -> None:
    async with FakeSwitch() as switch:
        client = AsteriskAmiClient(address(switch.port), clock=HastyClock())
        heard: list[str] = []
        logins = asyncio.Queue[int]()
        losses = asyncio.Queue[int]()
        client.add_channel_listener("u", lambda event: heard.append(event.name))
        client.on_reconnected(lambda: logins.put_nowait(1))
        client.on_disconnected(lambda: losses.put_nowait(1))
        worker = asyncio.create_task(client.run(), name="ami")
        async with asyncio.timeout(DEADLINE_S):
            for _ in range(3):
                await logins.get()
                assert client.ready
                switch.event("Newstate", {"Uniqueid": "u"})
                await collect_after(client, switch)
                await switch.stop()
                await losses.get()
                assert not client.ready
                await switch.listen()
            await logins.get()
        assert heard == ["Newstate"] * 3
        assert client.connections == 4
        worker.cancel()
        await asyncio.wait({worker})
        assert client.state == AmiState.CLOSED


async def test_a_switch_that_goes_silent_is_left() -> None:
    """Half-open connections: the keep-alive notices."""
    async with FakeSwitch() as switch:
        switch.unanswered.add("Ping")
        limits = AmiLimits(ping_every_s=0.02, action_s=0.05)
        client = AsteriskAmiClient(address(switch.port), clock=HastyClock(), limits=limits)
        logins = asyncio.Queue[int]()
        client.on_reconnected(lambda: logins.put_nowait(1))
        worker = asyncio.create_task(client.run(), name="ami")
        async with asyncio.timeout(60):
            await logins.get()
            await logins.get()
        worker.cancel()
        await asyncio.wait({worker})


async def test_a_switch_that_stops_reading_cannot_block_the_loop() -> None:
    """Its receive window fills up; the next action fails instead of blocking."""
    release = asyncio.Event()

    async def never_read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(BANNER)
        login = await reader.readuntil(b"\r\n\r\n")
        identity = next(line for line in login.decode().split("\r\n") if line.startswith("ActionID"))
        writer.write(f"Response: Success\r\n{identity}\r\n\r\n".encode())
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        await release.wait()
        writer.transport.abort()

    server = await asyncio.start_server(never_read, "127.0.0.1", 0)
    async with server:
        client = AsteriskAmiClient(address(server.sockets[0].getsockname()[1]))
        await client.connect_and_login()
        assert client._connection is not None
        big = b"Action: Ping\r\n" + b"Header: value\r\n" * 4_000 + b"\r\n"
        with pytest.raises(TelephonyFault):
            send_many(client._connection, big)
        await client.close()
        release.set()


def send_many(connection: AmiConnection, data: bytes) -> None:
    for _ in range(1_000):
        connection.send(data)
