"""The events of the simulated switch, held against what a real Asterisk sent in the same situation."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.simulation import Callee
from opendeep.simulation.callee_schema import Attempt, Node, Outcome, Talk
from opendeep.simulation.legs import Keyed, interleave
from tests.support import ami_captures
from tests.unit.simulation.support import World, world

NUMBER = "+493012345678"
CALLER = ("CallerID", '"OpenDeep" <+4930123456>')
Told = tuple[str, ...]

ANSWERS = Attempt(outcome=Outcome.ANSWER, ring_s=0.4)
SCENARIOS: dict[str, tuple[Attempt, str]] = {
    "busy": (Attempt(outcome=Outcome.BUSY, ring_s=0.4), ""),
    "declined": (Attempt(outcome=Outcome.REJECTED, ring_s=0), ""),
    "not-found": (Attempt(outcome=Outcome.UNALLOCATED, ring_s=0), ""),
    "trunk-down": (Attempt(outcome=Outcome.CONGESTION, ring_s=0), ""),
    "unavailable": (Attempt(outcome=Outcome.UNREACHABLE, ring_s=0.4), ""),
    "no-answer": (Attempt(outcome=Outcome.NO_ANSWER), ""),
    "early-media": (Attempt(outcome=Outcome.ANSWER, ring_s=0.4, early_media=True), "we hang up"),
    "we-hang-up": (ANSWERS, "we hang up"),
    "callee-hangs-up": (ANSWERS, "callee hangs up"),
    "cancelled": (Attempt(outcome=Outcome.NO_ANSWER), "we hang up"),
    "no-endpoint": (ANSWERS, ""),
    "refused": (ANSWERS, ""),
}
UNDIALLED = {"no-endpoint": "7055", "refused": "112"}
CAPTURED = [name for name in ami_captures.names() if name.partition("-")[2] in SCENARIOS]


def told(events: list[dict[str, str]], call_id: str) -> dict[str, list[Told]]:
    """Return, for each channel, what its events say: name, state, DialStatus, causes, who it is."""
    channels: dict[str, list[Told]] = {}
    for event in events:
        if event["Event"] in ("VarSet", "Newexten", "FullyBooted"):
            continue  # the shipped manager user does not receive them
        uniqueid = event.get("DestUniqueid") or event.get("Uniqueid") or event["LocalOneUniqueid"]
        role = {call_id: "one", f"{call_id};2": "two"}.get(uniqueid, "callee")
        if event["Event"] == "OriginateResponse":
            role = "response"
        fields = ("DialStatus", "Cause", "Cause-txt", "TechCause", "Response", "Reason", "CallerIDNum", "CallerIDName")
        facts = [event["Event"], *(f"{name}={event[name]}" for name in fields if name in event)]
        if event["Event"] not in ("DialState", "DialBegin", "NewCallerid"):  # their state depends on who was faster
            facts.append(event.get("DestChannelStateDesc") or event.get("ChannelStateDesc", ""))
        channels.setdefault(role, []).append(tuple(facts))
    return {role: _free_of_races(facts) for role, facts in channels.items()}


def _free_of_races(facts: list[Told]) -> list[Told]:
    """Put what Asterisk sends in either order into one order: `Newstate` Ringing is told at any time while it rings."""
    late = [one for one in facts if one[0] == "NewCallerid" and one[1:3] == ("CallerIDNum=" + NUMBER, one[2])]
    states = [one for one in facts if one[0] == "Newstate" and one[-1] == "Ringing"]
    identity = [one[:1] for one in late]
    rest = [one for one in facts if one not in states and one not in late]
    return [_without_identity(one) for one in (*rest, *states)] + identity


def _without_identity(one: Told) -> Told:
    """After the dialling it is a race whose number a channel shows."""
    if one[0] in ("Newchannel", "NewCallerid", "NewConnectedLine", "OriginateResponse"):
        return one
    return tuple(fact for fact in one if not fact.startswith("CallerID"))


async def play(place: World, name: str) -> str:
    """Act out a scenario and return the call's id."""
    kind, _, scenario = name.partition("-")
    number = UNDIALLED.get(scenario, NUMBER)
    direct = f"PJSIP/{number}" if scenario in UNDIALLED else f"PJSIP/{number}@trunk"
    channel = f"Local/{number}@opendeep-out/n" if kind == "local" else direct
    act = SCENARIOS[scenario][1]
    call_id = await place.dial(channel, CALLER, ("Timeout", "1000"))
    place.ticker.advance(800)
    if act == "we hang up":
        await place.ami.send("Hangup", ("Channel", call_id), ("Cause", "16"))
    place.ticker.advance(1000)
    last = "OriginateResponse" if name == "direct-no-endpoint" else "Hangup"
    await place.ami.wait(lambda: place.ami.events(last, call_id) and place.ami.events("OriginateResponse", call_id))
    await place.ami.send("Ping")
    return call_id


def callee(scenario: str) -> Callee:
    attempt, act = SCENARIOS[scenario]
    rules = [{"after_ms": 100, "do": [{"hang_up": True}]}] if act == "callee hangs up" else []
    script = {"person": Node(talk=Talk.model_validate({"rules": rules}))}
    return Callee(name="someone", title="As in the capture", numbers=(NUMBER,), attempts=(attempt,), script=script)


def test_most_captures_are_covered() -> None:
    assert len(CAPTURED) >= 22


@pytest.mark.parametrize("name", CAPTURED)
async def test_every_channel_is_told_of_as_by_the_real_switch(name: str) -> None:
    real = told(ami_captures.events(name), ami_captures.CALL_ID)
    async with world([callee(name.partition("-")[2])]) as place:
        call_id = await play(place, name)
        assert told(place.ami.events(), call_id) == real


@pytest.mark.parametrize("name", ["local-we-hang-up", "local-busy", "direct-callee-hangs-up", "local-no-answer"])
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_mixed_orders_tell_the_same_facts(name: str, seed: int) -> None:
    real = told(ami_captures.events(name), ami_captures.CALL_ID)
    async with world([callee(name.partition("-")[2])], shuffle_seed=seed) as place:
        call_id = await play(place, name)
        mixed = told(place.ami.events(), call_id)
        assert {role: sorted(facts) for role, facts in mixed.items()} == {
            role: sorted(facts) for role, facts in real.items()
        }


@pytest.mark.parametrize("name", ["local-we-hang-up", "direct-busy"])
async def test_every_header_of_an_event_is_there_under_its_real_name(name: str) -> None:
    async with world([callee(name.partition("-")[2])]) as place:
        await play(place, name)
        ours = [(event["Event"], set(event)) for event in place.ami.events()]
    for event in ami_captures.events(name):
        # The reader of captures skips headers without a value, so ours may have more.
        assert any(name == event["Event"] and set(event) <= headers for name, headers in ours), event


@given(
    keys=st.lists(st.sampled_from("abc"), max_size=20),
    seed=st.integers(min_value=0, max_value=1000),
)
def test_mixing_keeps_everything_and_the_order_within_a_key(keys: list[str], seed: int) -> None:
    keyed: list[Keyed] = [(key, [("Event", index)]) for index, key in enumerate(keys)]
    mixed = interleave(keyed, random.Random(seed))
    assert sorted(str(packet) for packet in mixed) == sorted(str(packet) for _, packet in keyed)
    for key in "abc":
        own = [packet for name, packet in keyed if name == key]
        assert [packet for packet in mixed if packet in own] == own
