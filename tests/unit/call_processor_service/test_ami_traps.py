"""Each trap of asterisk-ami 0.1.7 (docs/decisions/0006) stays closed; more in `test_asterisk_ami_client`."""

import asyncio
import socket
import threading

import pytest

from opendeep.call_processor_service import ami_action
from opendeep.call_processor_service.ami_connection import AmiConnection
from opendeep.call_processor_service.ami_packets import AmiEvent, AmiPacket
from opendeep.call_processor_service.asterisk_ami_client import (
    RECONNECT_FIRST_S,
    RECONNECT_MAX_S,
    AmiLimits,
    AmiNotConnected,
    AmiState,
    AsteriskAmiClient,
)
from opendeep.common.errors import TelephonyFault
from tests.unit.call_processor_service.fake_switch import BANNER, DEADLINE_S, FakeSwitch, packet
from tests.unit.call_processor_service.test_asterisk_ami_client import (
    HastyClock,
    address,
    collect,
    collect_after,
    connected,
)


async def test_the_socket_waits_for_events_as_long_as_it_takes() -> None:
    async with FakeSwitch() as switch, connected(switch) as client:
        connection = client._connection
        assert connection is not None
        assert connection._timeout is None
        assert connection._socket.gettimeout() is None


async def test_nothing_is_kept_in_the_librarys_table_of_futures() -> None:
    async with FakeSwitch() as switch, connected(switch) as client:
        for _ in range(20):
            await client.send_action(ami_action.ping())
        assert client._connection is not None
        assert client._connection._futures == {}
        assert len(client._pending) == 0


async def test_too_many_unanswered_actions_are_refused_instead_of_piling_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opendeep.call_processor_service.ami_pending.MAX_PENDING_ACTIONS", 3)
    async with FakeSwitch() as switch, connected(switch) as client:
        switch.unanswered.add("Ping")
        asking = [asyncio.create_task(client.send_action(ami_action.ping()), name="ping") for _ in range(3)]
        await switch.wait_for_action("Ping", 3)
        with pytest.raises(AmiNotConnected, match="too many actions unanswered"):
            await client.send_action(ami_action.ping())
        switch.drop_connections()
        results = await asyncio.wait_for(asyncio.gather(*asking, return_exceptions=True), DEADLINE_S)
        assert {type(result) for result in results} == {TelephonyFault}


async def test_many_actions_at_once_arrive_whole_and_each_gets_its_own_answer() -> None:
    """The library takes no lock; half of one action within another would be a third one."""
    async with FakeSwitch() as switch, connected(switch) as client:
        names = [f"channel-{number}" for number in range(200)]
        answers = await asyncio.gather(*(client.send_action(ami_action.hangup(name)) for name in names))
        assert all(not answer.ok and answer.message == "No such channel" for answer in answers)
        assert sorted(action["Channel"] for action in switch.named("Hangup")) == sorted(names)
        assert len({answer.action_id for answer in answers}) == len(names)


async def test_disconnecting_within_the_reading_thread_does_not_join_itself() -> None:
    """The library's `disconnect` joins the thread that calls it."""
    left, right = socket.socketpair()
    loop = asyncio.get_running_loop()
    lost = asyncio.Event()
    threads: list[str] = []

    class Hasty(AmiConnection):
        def _open(self) -> socket.socket:
            return left

        def fire_recv_pack(self, pack: AmiPacket) -> None:
            threads.append(threading.current_thread().name)
            self.disconnect()
            self.join()

    connection = Hasty(
        "switch",
        5038,
        loop=loop,
        on_connected=lambda: None,
        on_packet=lambda _: None,
        on_lost=lambda _: lost.set(),
        on_overflow=lambda _: None,
    )
    connection.connect()
    right.sendall(BANNER + packet({"Event": "Newstate"}))
    await asyncio.wait_for(lost.wait(), DEADLINE_S)
    await asyncio.to_thread(connection.join)
    assert threads == ["ami:switch:5038"]
    right.close()


async def test_a_header_that_comes_twice_keeps_its_first_value() -> None:
    """The library keeps the last one, so that a later header could replace a channel's id."""
    async with FakeSwitch() as switch, connected(switch) as client:
        arriving = asyncio.create_task(collect(client, "Newstate", 1), name="collect")
        await asyncio.sleep(0)
        switch.send(b"Event: Newstate\r\nUniqueid: real\r\nUniqueid: other\r\n\r\n")
        (event,) = await arriving
        assert event.get("Uniqueid") == "real"


# -- reconnecting


async def test_an_unreachable_switch_is_asked_ever_less_often_and_never_in_step() -> None:
    async with FakeSwitch() as switch:
        port = switch.port
    clock = HastyClock()
    client = AsteriskAmiClient(address(port), clock=clock)
    worker = asyncio.create_task(client.run(), name="ami")
    async with asyncio.timeout(DEADLINE_S):
        while len(clock.slept) < 9:
            clock.asleep.clear()
            await clock.asleep.wait()
    worker.cancel()
    await asyncio.wait({worker})
    for number, slept in enumerate(clock.slept[:9]):
        full = min(RECONNECT_FIRST_S * 2**number, RECONNECT_MAX_S)
        assert full / 2 <= slept <= full
    assert len({slept / RECONNECT_MAX_S for slept in clock.slept[6:9]}) == 3  # jitter: nodes do not return together


async def test_the_reasons_of_a_refusal_and_of_an_absence_differ() -> None:
    async with FakeSwitch(secret="another") as switch:
        clock = HastyClock()
        clock.hold = True
        client = AsteriskAmiClient(address(switch.port), clock=clock)
        worker = asyncio.create_task(client.run(), name="ami")
        await asyncio.wait_for(clock.asleep.wait(), DEADLINE_S)
        refused = client.snapshot()
        worker.cancel()
        await asyncio.wait({worker})
    clock = HastyClock()
    clock.hold = True
    client = AsteriskAmiClient(address(switch.port), clock=clock)
    worker = asyncio.create_task(client.run(), name="ami")
    await asyncio.wait_for(clock.asleep.wait(), DEADLINE_S)
    away = client.snapshot()
    worker.cancel()
    await asyncio.wait({worker})
    assert refused["state"] == AmiState.REFUSED
    assert "ASTERISK_AMI_SECRET" in str(refused["error"])
    assert away["state"] == AmiState.DISCONNECTED
    assert "ASTERISK_AMI_SECRET" not in str(away["error"])


# -- overflow


async def test_an_overflow_is_told_once_after_everything_older_was_delivered() -> None:
    """What was dropped can only be asked for when nothing older is still on its way to the listeners."""
    async with FakeSwitch() as switch, connected(switch, capacity=50) as client:
        heard: list[int] = []
        told = asyncio.Queue[tuple[int, int]]()  # events delivered by then, and with those known as dropped

        def lose() -> None:
            assert client._connection is not None
            told.put_nowait((len(heard), len(heard) + client._connection._dropped_told))

        client.on_events_lost(lose)
        client.add_event_listener("RTCPSent", lambda event: heard.append(int(event.get("Number"))))
        flood = b"".join(packet({"Event": "RTCPSent", "Number": str(number)}) for number in range(5_000))
        switch.before_response = lambda _: [flood]
        assert (await client.send_action(ami_action.ping())).ok
        switch.before_response = None
        tellings = [await asyncio.wait_for(told.get(), DEADLINE_S)]
        await collect_after(client, switch)
        while not told.empty():  # the flood may have come in several waves: never more often than it was emptied
            tellings.append(told.get_nowait())
        assert client.events_dropped > 0
        assert len(heard) + client.events_dropped == 5_000
        for delivered, passed in tellings:
            assert all(number < passed for number in heard[:delivered])
            assert all(number >= passed for number in heard[delivered:])
        before = client.events_dropped
        switch.event("Newstate")
        await collect_after(client, switch)
        assert told.empty()
        assert client.events_dropped == before


async def test_answers_to_our_actions_are_never_dropped() -> None:
    """List entries and `OriginateResponse` carry an ActionID: there are no more of them than we asked for."""
    async with FakeSwitch() as switch, connected(switch, capacity=50) as client:
        switch.channels = {f"channel-{number}": 6 for number in range(500)}
        switch.before_response = lambda _: [packet({"Event": "RTCPSent"}) * 2_000]
        responses: list[AmiEvent] = []
        client.add_event_listener("OriginateResponse", responses.append)
        listed = await client.send_list_action(ami_action.core_show_channels())
        assert len(listed) == 500
        switch.send(packet({"Event": "RTCPSent"}) * 2_000 + packet({"Event": "OriginateResponse", "ActionID": "u"}))
        assert (await client.send_action(ami_action.ping())).ok
        assert [event.get("ActionID") for event in responses] == ["u"]
        assert client.events_dropped > 0


async def test_the_keep_alive_is_not_the_socket() -> None:
    """Quiet switches are pinged; the library would have ended the listener instead."""
    async with FakeSwitch() as switch:
        client = AsteriskAmiClient(address(switch.port), limits=AmiLimits(ping_every_s=0.01))
        worker = asyncio.create_task(client.run(), name="ami")
        await switch.wait_for_action("Ping", 5)
        assert client.connections == 1
        worker.cancel()
        await asyncio.wait({worker})
