"""What a real Asterisk with the shipped configuration does: the ground on which the product stands.

Nothing of the product runs here. Each outcome is produced by a SIP callee, its AMI events are held against the table
that the product relies on, and against the captures from which its unit tests are fed. The captures are written anew
with ``OPENDEEP_SAVE_CAPTURES=1``.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import pytest

from tests.support import ami_captures
from tests.support.ami_wire import Message, WireAmi
from tests.support.asterisk import RealAsterisk
from tests.support.audiosocket_wire import WireAudioSocket
from tests.support.callees import Callees

pytestmark = pytest.mark.asterisk

NUMBER = "+493012345678"
RING_TIMEOUT_MS = 1_000
TEMPLATES = {"direct": RealAsterisk.channel_template, "local": RealAsterisk.dialplan_template}


@dataclass(frozen=True)
class World:
    """All that an outcome needs."""

    asterisk: RealAsterisk
    ami: WireAmi
    audio: WireAudioSocket
    callees: Callees
    call_id: str

    async def hung_up(self) -> Message:
        return await self.ami.event("Hangup", Uniqueid=self.call_id)

    async def originate_response(self) -> Message:
        return await self.ami.event("OriginateResponse", Uniqueid=self.call_id)

    async def call(self, channel: str, timeout_ms: int = 5_000) -> None:
        answer = await self.ami.originate(channel, self.call_id, self.audio.port, timeout_ms)
        assert answer["Response"] == "Success", answer


@pytest.fixture
def world(real_asterisk: RealAsterisk, wire_ami: WireAmi, wire_audio: WireAudioSocket, callees: Callees) -> World:
    return World(real_asterisk, wire_ami, wire_audio, callees, str(uuid.uuid4()))


# ------------------------------------------------------------------ outcomes


@dataclass(frozen=True)
class Outcome:
    """A callee, what we do, and the facts that must be seen on the channel whose id is the call's id."""

    name: str
    scenario: str  # of SIPp
    reasons: frozenset[str]  # of OriginateResponse
    causes: frozenset[str]  # of Hangup, through Local/
    direct_causes: frozenset[str]  # of Hangup, straight to PJSIP
    tech_cause: str | None = None  # SIP status on the PJSIP channel's Hangup
    status: str = "486 Busy Here"
    timeout_ms: int = 5_000
    we_hang_up: bool = False


def _failed(name: str, status: str, cause: str, *, scenario: str = "reject_at_once") -> Outcome:
    causes = frozenset({cause})
    return Outcome(name, scenario, frozenset({"0", "5", "8"}), causes, causes, status.split(" ")[0], status)


ANSWERED = frozenset({"4"})
OUTCOMES = [
    _failed("busy", "486 Busy Here", "17", scenario="reject"),
    _failed("not-found", "404 Not Found", "1"),
    _failed("declined", "603 Decline", "21"),
    _failed("forbidden", "403 Forbidden", "21"),
    _failed("unavailable", "480 Temporarily Unavailable", "19", scenario="reject"),
    _failed("trunk-down", "503 Service Unavailable", "34"),
    Outcome(
        "no-answer", "ring", frozenset({"3"}), frozenset({"19"}), frozenset({"19"}), "480",
        timeout_ms=RING_TIMEOUT_MS,
    ),
    Outcome("callee-hangs-up", "hang_up", ANSWERED, frozenset({"16"}), frozenset({"0", "16"})),
    Outcome("we-hang-up", "answer", ANSWERED, frozenset({"16"}), frozenset({"16"}), we_hang_up=True),
    Outcome("early-media", "early_media", ANSWERED, frozenset({"16"}), frozenset({"16"}), we_hang_up=True),
]  # fmt: skip


@pytest.mark.parametrize("route", ["local", "direct"])
@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome.name)
async def test_outcome_is_seen_on_the_channel_that_carries_our_id(world: World, outcome: Outcome, route: str) -> None:
    await world.callees.sipp(NUMBER, outcome.scenario, status=outcome.status)
    await world.call(TEMPLATES[route].format(number=NUMBER), outcome.timeout_ms)
    if outcome.we_hang_up:
        await world.ami.event("OriginateResponse", Uniqueid=world.call_id)
        assert await world.audio.connected() == world.call_id
        await world.ami.send("Hangup", Channel=world.call_id, Cause="16")

    hangup = await world.hung_up()
    response = await world.originate_response()
    answered = outcome.reasons == ANSWERED
    assert response["Reason"] in outcome.reasons
    assert response["Response"] == ("Success" if answered else "Failure")
    assert hangup["Cause"] in (outcome.causes if route == "local" else outcome.direct_causes)
    assert hangup["Linkedid"] == world.call_id
    await _all_channels_gone(world)
    if outcome.tech_cause:
        leg = next(e for e in world.ami.events if e["Event"] == "Hangup" and e["Channel"].startswith("PJSIP/"))
        assert (leg["TechCause"], leg["Linkedid"]) == (outcome.tech_cause, world.call_id)
    ami_captures.compare(f"{route}-{outcome.name}", world.ami, world.call_id)


@pytest.mark.parametrize(("number", "cause"), [("112", "28"), ("+49abc123456", "28"), ("+491234567890123456", "28")])
async def test_shipped_dialplan_refuses_what_is_not_a_number(world: World, number: str, cause: str) -> None:
    await world.call(TEMPLATES["local"].format(number=number))
    assert (await world.hung_up())["Cause"] == cause
    assert (await world.originate_response())["Response"] == "Failure"
    await _all_channels_gone(world)
    if number == "112":
        ami_captures.compare("local-refused", world.ami, world.call_id)


@pytest.mark.parametrize("route", ["local", "direct"])
async def test_no_endpoint_is_silent_without_the_dialplan(world: World, route: str) -> None:
    """Straight to PJSIP there is no channel and no Hangup at all; through Local/ the cause arrives like any other."""
    await world.call("Local/7055@opendeep-out/n" if route == "local" else "PJSIP/7055")
    response = await world.originate_response()
    assert (response["Response"], response["Reason"]) == ("Failure", "0")
    if route == "local":
        assert (await world.hung_up())["Cause"] == "3"
    else:
        assert not [e for e in world.ami.events if e.get("Uniqueid") == world.call_id and e["Event"] == "Newchannel"]
    await _all_channels_gone(world)
    ami_captures.compare(f"{route}-no-endpoint", world.ami, world.call_id)


@pytest.mark.parametrize("route", ["local", "direct"])
async def test_we_cancel_while_it_rings(world: World, route: str) -> None:
    phone = await world.callees.phone(NUMBER, answer_after_s=None)
    await world.call(TEMPLATES[route].format(number=NUMBER))
    await world.ami.event("Newstate", Uniqueid=world.call_id, ChannelStateDesc="Ringing")
    await world.ami.event("DialState", DestUniqueid=world.call_id, DialStatus="RINGING")
    await world.ami.send("Hangup", Channel=world.call_id, Cause="16")
    assert (await world.originate_response())["Response"] == "Failure"
    await world.hung_up()
    await phone.ended.wait()
    assert phone.ended_by == "CANCEL"
    assert world.audio.call_id is None
    await _all_channels_gone(world)
    ami_captures.compare(f"{route}-cancelled", world.ami, world.call_id)


async def test_audio_waits_for_the_answer_and_not_for_early_media(world: World) -> None:
    phone = await world.callees.phone(NUMBER, answer_after_s=None, early_media=True)
    await world.call(world.asterisk.channel_template.format(number=NUMBER))
    await world.ami.event("DialState", DestUniqueid=world.call_id, DialStatus="PROGRESS")
    assert world.audio.call_id is None
    phone.answer()
    assert await world.audio.connected() == world.call_id
    await world.ami.event("Newstate", Uniqueid=world.call_id, ChannelStateDesc="Up")


# ------------------------------------------------------------------ helpers


async def _all_channels_gone(world: World) -> None:
    """Wait for the Hangup of every channel that appeared under our id."""
    for event in [e for e in world.ami.events if e["Event"] == "Newchannel" and e["Linkedid"] == world.call_id]:
        await world.ami.event("Hangup", Uniqueid=event["Uniqueid"])
    await world.ami.send("Ping")
