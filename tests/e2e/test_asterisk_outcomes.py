"""The rarer ways in which a call ends on a real Asterisk: trunks that fail, races, redirects, a switch that is stopped.

Nothing of the product runs here; each test makes one call, waits until the switch has told its end, and holds what was
said against the capture from which the product's outcome table is tested. New ones: ``tests/support/ami_captures``.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.support import ami_captures
from tests.support.ami_wire import Message, WireAmi
from tests.support.asterisk import AsteriskProgram, RealAsterisk, free_port
from tests.support.audiosocket_wire import WireAudioSocket
from tests.support.callees import Callees

pytestmark = pytest.mark.asterisk

NUMBER, OTHER_NUMBER = "+493012345678", "+493012345679"
RING_TIMEOUT_MS = 1_000
TEMPLATES = {"direct": RealAsterisk.channel_template, "local": RealAsterisk.dialplan_template}
ROUTES = sorted(TEMPLATES)

# name of the capture → how the callee refuses
REFUSALS = {
    "unauthorized": "401 Unauthorized",
    "proxy-auth": "407 Proxy Authentication Required",
    "request-timeout": "408 Request Timeout",
    "gone": "410 Gone",
    "incomplete": "484 Address Incomplete",
    "terminated": "487 Request Terminated",
    "not-acceptable": "488 Not Acceptable Here",
    "server-error": "500 Server Internal Error",
    "bad-gateway": "502 Bad Gateway",
    "gateway-timeout": "504 Server Time-out",
    "busy-everywhere": "600 Busy Everywhere",
    "nowhere": "604 Does Not Exist Anywhere",
}

# Trunks that a person may have written. `closed`: a port where nobody listens.
TRUNKS = """
[silent](opendeep-endpoint)
aors = silent

[silent]
type = aor
contact = sip:127.0.0.1:{closed}

[unreachable](opendeep-endpoint)
aors = unreachable

[unreachable]
type = aor
contact = sip:127.0.0.1:{closed}
qualify_frequency = 1
qualify_timeout = 0.2

[forwarding](opendeep-endpoint)
aors = forwarding
rewrite_contact = no

[forwarding]
type = aor
contact = sip:127.0.0.1:{trunk_port}

[unregistered](opendeep-endpoint)
aors = unregistered

[unregistered]
type = aor
max_contacts = 1
"""


@dataclass(frozen=True)
class World:
    """A switch with trunks that fail, and one call on it."""

    asterisk: RealAsterisk
    ami: WireAmi
    audio: WireAudioSocket
    callees: Callees
    call_id: str

    async def call(self, channel: str, timeout_ms: int = 5_000, *, audio_port: int | None = None) -> None:
        answer = await self.ami.originate(channel, self.call_id, audio_port or self.audio.port, timeout_ms)
        assert answer["Response"] == "Success", answer

    async def response(self, timeout_s: float = 10.0) -> Message:
        return await self.ami.event("OriginateResponse", Uniqueid=self.call_id, timeout_s=timeout_s)

    async def ended(self) -> Message:
        """Our channel's end; returns when every channel of the call is gone."""
        hangup = await self.ami.event("Hangup", Uniqueid=self.call_id)
        await self.gone()
        return hangup

    async def gone(self) -> None:
        seen = [e for e in self.ami.events if e["Event"] == "Newchannel" and e["Linkedid"] == self.call_id]
        for event in seen:
            await self.ami.event("Hangup", Uniqueid=event["Uniqueid"])
        await self.ami.send("Ping")

    def compare(self, name: str, *, repeatable: bool = True) -> None:
        ami_captures.compare(name, self.ami, self.call_id, repeatable=repeatable)


@contextlib.asynccontextmanager
async def world_on(asterisk: RealAsterisk) -> AsyncIterator[World]:
    credentials = asterisk.ami_username, asterisk.ami_secret
    async with (
        Callees(asterisk) as callees,
        WireAmi(asterisk.ami_host, asterisk.ami_port, *credentials) as ami,
        WireAudioSocket() as audio,
    ):
        yield World(asterisk, ami, audio, callees, str(uuid.uuid4()))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def switch(asterisk_program: AsteriskProgram) -> AsyncIterator[RealAsterisk]:
    """A switch of this module's own, because its configuration is full of broken trunks."""
    async with RealAsterisk() as asterisk:
        closed = free_port(socket.SOCK_DGRAM)
        await asterisk.configure_pjsip(TRUNKS.format(closed=closed, trunk_port=asterisk.trunk_port))
        yield asterisk


@pytest.fixture
async def world(switch: RealAsterisk) -> AsyncIterator[World]:
    async with world_on(switch) as built:
        yield built


# ------------------------------------------------------------------ refused


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", REFUSALS)
async def test_refused(world: World, name: str, route: str) -> None:
    await world.callees.sipp(NUMBER, "reject_at_once", status=REFUSALS[name])
    await world.call(TEMPLATES[route].format(number=NUMBER))
    assert (await world.response())["Response"] == "Failure"
    await world.ended()
    assert world.audio.call_id is None
    legs = [e for e in world.ami.events if e["Event"] == "Hangup" and e["Linkedid"] == world.call_id]
    assert REFUSALS[name][:3] in {leg.get("TechCause", "") for leg in legs}
    world.compare(f"{route}-{name}")


# ------------------------------------------------------------------ early media


@pytest.mark.parametrize("route", ROUTES)
async def test_early_media_then_busy(world: World, route: str) -> None:
    phone = await world.callees.phone(NUMBER, answer_after_s=None, early_media=True)
    await world.call(TEMPLATES[route].format(number=NUMBER))
    await world.ami.event("DialState", DestLinkedid=world.call_id, DialStatus="PROGRESS")
    phone.reject(486)
    assert (await world.response())["Response"] == "Failure"
    await world.ended()
    assert world.audio.call_id is None
    world.compare(f"{route}-early-media-busy")


@pytest.mark.parametrize("route", ROUTES)
async def test_early_media_and_nobody_answers(world: World, route: str) -> None:
    await world.callees.phone(NUMBER, answer_after_s=None, early_media=True)
    await world.call(TEMPLATES[route].format(number=NUMBER), RING_TIMEOUT_MS)
    assert (await world.response())["Response"] == "Failure"
    await world.ended()
    assert world.audio.call_id is None
    world.compare(f"{route}-early-media-no-answer")


# ------------------------------------------------------------------ trunks that fail


async def test_nobody_listens_at_the_trunk(world: World) -> None:
    """No answer at all, not even 100: the switch repeats its INVITE until our own time-out."""
    await world.call(f"PJSIP/{NUMBER}@silent", RING_TIMEOUT_MS)
    assert (await world.response())["Response"] == "Failure"
    await world.ended()
    world.compare("direct-trunk-silent")


async def test_nobody_listens_at_the_trunk_for_longer_than_sip_waits(world: World) -> None:
    """After 32 s (timer B, RFC 3261 §17.1.1.2) Asterisk makes up a 408, long before our usual 45 s are over."""
    await world.call(f"PJSIP/{NUMBER}@silent", 45_000)
    assert (await world.response(timeout_s=40))["Response"] == "Failure"
    await world.ended()
    world.compare("direct-trunk-silent-32s")


async def test_a_trunk_that_qualify_found_unreachable(world: World) -> None:
    await _until_shown(world.asterisk, "pjsip show aor unreachable", "Unavail")
    await world.call(f"PJSIP/{NUMBER}@unreachable")
    assert (await world.response())["Response"] == "Failure"
    await world.gone()
    world.compare("direct-trunk-unreachable")


async def test_a_trunk_that_has_not_registered(world: World) -> None:
    await world.call(f"PJSIP/{NUMBER}@unregistered")
    assert (await world.response())["Response"] == "Failure"
    await world.gone()
    world.compare("direct-trunk-unregistered")


async def test_sent_on_to_another_number(world: World) -> None:
    """302 at a trunk as shipped: the other number must not be dialled, whoever's it is."""
    other = await world.callees.phone(NUMBER)
    await world.call(f"PJSIP/{NUMBER}@forwarding", 2_000)
    assert (await world.ami.event("OriginateResponse"))["Response"] == "Failure"  # may name the other channel
    await world.gone()
    assert not other.invited.is_set()
    world.compare("direct-sent-on", repeatable=False)


# ------------------------------------------------------------------ answered, and over at once


@pytest.mark.parametrize("route", ROUTES)
async def test_the_callee_hangs_up_in_the_greeting(world: World, route: str) -> None:
    await world.callees.sipp(NUMBER, "hang_up", talk_ms=150)
    await world.call(TEMPLATES[route].format(number=NUMBER))
    assert (await world.response())["Response"] == "Success"
    assert await world.audio.connected() == world.call_id
    await world.ended()
    world.compare(f"{route}-hangs-up-in-greeting", repeatable=False)


@pytest.mark.parametrize("route", ROUTES)
async def test_answered_and_over_in_the_same_moment(world: World, route: str) -> None:
    await world.callees.sipp(NUMBER, "hang_up", talk_ms=0)
    await world.call(TEMPLATES[route].format(number=NUMBER))
    await world.response()
    await world.ended()
    world.compare(f"{route}-answered-and-bye", repeatable=False)


@pytest.mark.parametrize("route", ROUTES)
async def test_both_hang_up_at_once(world: World, route: str) -> None:
    phone = await world.callees.phone(NUMBER)
    await world.call(TEMPLATES[route].format(number=NUMBER))
    assert (await world.response())["Response"] == "Success"
    assert await world.audio.connected() == world.call_id
    await asyncio.gather(phone.hang_up(), world.ami.send("Hangup", Channel=world.call_id, Cause="16"))
    await world.ended()
    world.compare(f"{route}-both-hang-up", repeatable=False)


async def test_the_audio_server_is_away(world: World) -> None:
    """The callee answers, the originate succeeds, and AudioSocket has nobody to connect to.

    Not through ``Local/``: there Asterisk 22 sometimes keeps the callee's leg up and floods its log (decision 0007).
    """
    await world.callees.phone(NUMBER)
    await world.call(TEMPLATES["direct"].format(number=NUMBER), audio_port=free_port())
    assert (await world.response())["Response"] == "Success"
    await world.ended()
    world.compare("direct-audio-away")


# ------------------------------------------------------------------ the switch itself


async def test_the_configuration_is_reloaded_in_mid_call(world: World) -> None:
    await world.callees.phone(NUMBER)
    await world.call(TEMPLATES["direct"].format(number=NUMBER))
    assert await world.audio.connected() == world.call_id
    await world.asterisk.cli("module reload")
    assert (await world.ami.send("Ping"))["Response"] == "Success"
    assert not world.audio.closed.is_set()
    await world.ami.send("Hangup", Channel=world.call_id, Cause="16")
    await world.ended()
    world.compare("direct-module-reload")


async def test_the_switch_is_stopped_in_mid_call(asterisk_program: AsteriskProgram) -> None:
    async with RealAsterisk() as asterisk, world_on(asterisk) as world:
        await world.callees.phone(NUMBER)
        await world.call(TEMPLATES["direct"].format(number=NUMBER))
        assert (await world.response())["Response"] == "Success"
        assert await world.audio.connected() == world.call_id
        await asterisk.cli("core stop now")
        await world.ami.connection_lost()
        await world.audio.closed.wait()
        world.compare("direct-switch-stopped", repeatable=False)


async def _until_shown(asterisk: RealAsterisk, command: str, words: str) -> None:
    """Wait until the console prints something; no event tells of a state that was reached before."""
    async with asyncio.timeout(60):
        while True:
            if words in await asterisk.cli(command):
                return
            await asyncio.sleep(0.1)
