"""Callees behind SIP, called by a caller of the tests' own over real sockets: ringing, refusals, sound, keys, ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from opendeep.simulation.callee_loader import parse_callee
from opendeep.simulation.simulated_call import CallSnapshot
from opendeep.simulation.sip_phones import SipPhones
from opendeep.simulation.talking_callee import Engines
from tests.support import sound
from tests.support.rtp import RtpStream
from tests.support.sip_message import SipMessage, offer_of_sound, sound_address
from tests.unit.simulation.support import FakeEngines

DEADLINE_S = 20.0
PERSON = """
name: person
title: A person
numbers: ["+12025550101"]
attempts: [{outcome: answer, ring_s: 0.1}]
script:
  menu: {menu: {prompt: "press two", choices: {"2": person}}}
  person:
    talk:
      enter: [{say: "hello"}, {press: "5"}]
      rules: [{digits: "9", do: [{hang_up: true}]}]
"""
BUSY = "{name: busy, title: Busy, numbers: ['+12025550102'], attempts: [{outcome: busy, ring_s: 0}]}"
RINGS = "{name: rings, title: Rings, numbers: ['+12025550103'], attempts: [{outcome: no_answer}]}"

Ended = asyncio.Queue[tuple[CallSnapshot, Path | None]]


class Caller(asyncio.DatagramProtocol):
    """Sends requests and keeps what comes back."""

    def __init__(self, phones: tuple[str, int]) -> None:
        self.phones = phones
        self.rtp = RtpStream()
        self.messages: asyncio.Queue[SipMessage] = asyncio.Queue()
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.messages.put_nowait(SipMessage.parse(data))

    @property
    def address(self) -> str:
        assert self.transport is not None
        host, port = self.transport.get_extra_info("sockname")[:2]
        return f"{host}:{port}"

    def send(self, method: str, number: str, body: str = "", *, to_tag: str = "") -> None:
        host, port = self.phones
        headers = (
            ("Via", f"SIP/2.0/UDP {self.address};branch=z9hG4bK-{method}"),
            ("From", f"<sip:tester@{self.address}>;tag=caller"),
            ("To", f"<sip:{number}@{host}:{port}>{to_tag}"),
            ("Call-ID", f"call-{number}"),
            ("CSeq", f"1 {method}"),
            ("Contact", f"<sip:tester@{self.address}>"),
        )
        assert self.transport is not None
        message = SipMessage(f"{method} sip:{number}@{host}:{port} SIP/2.0", headers, body)
        self.transport.sendto(message.encode(), self.phones)

    async def until(self, *wanted: int | str) -> SipMessage:
        """The next message with one of these statuses or methods."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                message = await self.messages.get()
                if message.status in wanted or message.method in wanted:
                    return message


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[tuple[Caller, Ended]]:
    callees = [parse_callee(text, "test.yaml") for text in (PERSON, BUSY, RINGS)]
    engines, ended = FakeEngines(), Ended()

    def remember(call: CallSnapshot, recording: Path | None) -> None:
        ended.put_nowait((call, recording))

    async with SipPhones(callees, Engines(engines, engines), record_dir=folder, on_ended=remember) as phones:
        loop = asyncio.get_running_loop()
        transport, caller = await loop.create_datagram_endpoint(
            lambda: Caller(phones.address), local_addr=("127.0.0.1", 0)
        )
        await caller.rtp.open()
        try:
            yield caller, ended
        finally:
            await caller.rtp.close()
            transport.close()


async def answered(caller: Caller, number: str) -> SipMessage:
    caller.send("INVITE", number, offer_of_sound(caller.rtp.port))
    await caller.until(180)
    ok = await caller.until(200)
    caller.send("ACK", number)
    caller.rtp.start(sound_address(ok.body))
    return ok


async def test_a_callee_rings_answers_hears_keys_speaks_and_hangs_up(tmp_path: Path) -> None:
    async with world(tmp_path) as (caller, ended):
        await answered(caller, "+12025550101")
        async with asyncio.timeout(DEADLINE_S):
            await caller.rtp.sound_arrived.wait()
        caller.rtp.press("2")
        async with asyncio.timeout(DEADLINE_S):
            while "5" not in caller.rtp.digits:  # the person presses a key after its greeting
                caller.rtp.digit_arrived.clear()
                await caller.rtp.digit_arrived.wait()
        caller.rtp.press("9")
        bye = await caller.until("BYE")
        assert bye.get("Call-ID") == "call-+12025550101"
        heard = sound.samples_of(caller.rtp.received())
    call, recording = ended.get_nowait()
    assert (call.ended, call.visited, call.keys) == ("callee_hangs_up", ("menu", "person"), "29")
    assert [one.words for one in call.uttered][-1] == "hello"
    assert recording is not None
    assert recording.exists()
    assert float(abs(heard).max()) > 0.1


async def test_the_caller_hangs_up(tmp_path: Path) -> None:
    async with world(tmp_path) as (caller, ended):
        ok = await answered(caller, "+12025550101")
        caller.send("BYE", "+12025550101", to_tag=";tag=" + ok.get("To").partition(";tag=")[2])
        await caller.until(200)
        async with asyncio.timeout(DEADLINE_S):
            call, _ = await ended.get()
    assert call.ended == "caller_hangs_up"


@pytest.mark.parametrize(("number", "status"), [("+12025550102", 486), ("+12025550999", 404)])
async def test_refusals_carry_the_status_of_the_callee_and_nobody_else_is_called(
    tmp_path: Path, number: str, status: int
) -> None:
    async with world(tmp_path) as (caller, _):
        caller.send("INVITE", number, offer_of_sound(caller.rtp.port))
        assert (await caller.until(status)).status == status


async def test_ringing_can_be_cancelled(tmp_path: Path) -> None:
    async with world(tmp_path) as (caller, ended):
        caller.send("INVITE", "+12025550103", offer_of_sound(caller.rtp.port))
        await caller.until(180)
        caller.send("CANCEL", "+12025550103")
        await caller.until(487)
    assert ended.get_nowait()[0].ended == "caller_cancels"


async def test_an_offer_that_is_of_no_use_and_noise_harm_nobody(tmp_path: Path) -> None:
    async with world(tmp_path) as (caller, _):
        assert caller.transport is not None
        caller.transport.sendto(b"\x00\x01 no SIP", caller.phones)
        caller.send("INVITE", "+12025550101", "v=0\r\n")
        await caller.until(488)
        await answered(caller, "+12025550101")


async def test_phones_that_are_switched_off_end_their_calls(tmp_path: Path) -> None:
    async with world(tmp_path) as (caller, ended):
        await answered(caller, "+12025550101")
    assert ended.get_nowait()[0].ended == "phones_stopped"
