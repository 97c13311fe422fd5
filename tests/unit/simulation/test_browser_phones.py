"""Who rings, who talks, and what a page is told: the telephones in the browsers without a network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from opendeep.simulation.attached_callee import CallDecision, IncomingCall
from opendeep.simulation.browser_phones import MAX_KEYS, BrowserPhones
from opendeep.simulation.handset import MAX_FRAMES, MAX_MESSAGES, Handset
from tests.support.sound import find_tones, mulaw_decode, mulaw_encode, sine

MARIA, ANN = uuid4(), uuid4()
DEADLINE_S = 10.0


class Desk:
    """The phones, and calls whose owners the test says."""

    def __init__(self) -> None:
        self.owners: dict[str, UUID] = {}
        self.phones = BrowserPhones(self._owner)
        self.ringing: list[asyncio.Task[CallDecision]] = []

    async def _owner(self, channel_id: str) -> UUID | None:
        return self.owners.get(channel_id)

    async def ring(self, call_id: str, owner: UUID = MARIA) -> asyncio.Task[CallDecision]:
        call = IncomingCall(call_id, "7000", "100", "OpenDeep")
        self.owners[call_id] = owner
        assert await self.phones.reachable(call)
        task = asyncio.create_task(self.phones.incoming(call), name=f"ring-{call_id}")
        self.ringing.append(task)
        await asyncio.sleep(0)
        return task

    async def connected(self, call_id: str, handset: Handset) -> None:
        task = await self.ring(call_id)
        handset.answer(call_id)
        assert await task is CallDecision.ACCEPT
        assert [message["type"] for message in await told(handset)][-1] == "connected"


async def told(handset: Handset) -> list[dict[str, object]]:
    """Everything that waits for the page, sound left out."""
    messages = []
    while (news := await handset.next(0)) is not None:
        if not isinstance(news, bytes):
            messages.append(dict(news))
    return messages


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    built = Desk()
    yield built
    for task in built.ringing:
        task.cancel()
    await asyncio.gather(*built.ringing, return_exceptions=True)


async def test_all_pages_of_the_owner_ring_and_the_first_to_answer_wins(desk: Desk) -> None:
    first, second, stranger = (desk.phones.connect(user) for user in (MARIA, MARIA, ANN))
    task = await desk.ring("a")
    ring = {"type": "ring", "call_id": "a", "caller": {"number": "100", "name": "OpenDeep"}}
    assert await told(first) == await told(second) == [ring]
    second.answer("a")
    first.answer("a")
    assert await task is CallDecision.ACCEPT
    assert await told(second) == [{"type": "connected", "call_id": "a"}]
    stopped = {"type": "stopped", "call_id": "a"}
    assert await told(first) == [stopped | {"why": "answered_elsewhere"}, stopped | {"why": "gone"}]
    stranger.answer("a")
    stranger.hang_up("a")
    assert await told(stranger) == [stopped | {"why": "gone"}]
    assert not desk.phones.wants_hang_up("a")


async def test_a_call_of_nobody_or_of_a_user_without_a_page_is_not_reachable(desk: Desk) -> None:
    desk.phones.connect(ANN)
    call = IncomingCall("a", "7000", "", "")
    assert not await desk.phones.reachable(call)
    desk.owners["a"] = MARIA
    assert not await desk.phones.reachable(call)


async def test_declined_on_one_page_stops_the_others(desk: Desk) -> None:
    first, second = desk.phones.connect(MARIA), desk.phones.connect(MARIA)
    task = await desk.ring("a")
    first.decline("a")
    assert await task is CallDecision.REJECT
    for handset in (first, second):
        assert (await told(handset))[-1] == {"type": "stopped", "call_id": "a", "why": "declined"}
    await desk.connected("b", first)  # the phone is free again


async def test_a_caller_who_gives_up_stops_the_ringing(desk: Desk) -> None:
    handset = desk.phones.connect(MARIA)
    task = await desk.ring("a")
    task.cancel()
    await asyncio.wait([task])
    assert (await told(handset))[-1] == {"type": "stopped", "call_id": "a", "why": "caller_gave_up"}
    handset.answer("a")
    assert (await told(handset))[-1]["why"] == "gone"


async def test_who_answers_in_the_moment_in_which_the_caller_gives_up_is_told(desk: Desk) -> None:
    handset = desk.phones.connect(MARIA)
    task = await desk.ring("a")
    handset.answer("a")
    task.cancel()
    await asyncio.wait([task])
    assert [message["type"] for message in await told(handset)] == ["ring", "connected", "ended"]


async def test_a_second_call_is_busy_while_one_rings_or_is_up(desk: Desk) -> None:
    handset, other = desk.phones.connect(MARIA), desk.phones.connect(ANN)
    await desk.connected("a", handset)
    assert await (await desk.ring("b")) is CallDecision.BUSY
    assert (await told(handset))[-1] | {"caller": None} == {"type": "refused", "call_id": "b", "caller": None}
    await desk.ring("c", ANN)  # another user's phone is not busy
    assert [message["type"] for message in await told(other)] == ["ring"]


async def test_a_page_that_comes_while_it_rings_rings_too(desk: Desk) -> None:
    early = desk.phones.connect(MARIA)
    await desk.ring("a")
    late = desk.phones.connect(MARIA)
    assert await told(late) == await told(early)
    early.answer("a")
    after = desk.phones.connect(MARIA)
    assert await told(after) == []


async def test_sound_and_keys_go_both_ways(desk: Desk) -> None:
    handset = desk.phones.connect(MARIA)
    await desk.connected("a", handset)
    assert desk.phones.next_frame("a") is None
    spoken = sine(1_000, 200)
    handset.speak(mulaw_encode(spoken))
    said = b"".join(desk.phones.next_frame("a") or b"" for _ in range(10))
    assert find_tones(said, 1_000, at_least_ms=180)
    for at in range(0, 1_600 * 2, 320):
        desk.phones.receive_frame("a", sine(500, 200)[at : at + 320])
    heard = b"".join([mulaw_decode(await sound(handset)) for _ in range(10)])
    assert find_tones(heard, 500, at_least_ms=180)
    for _ in range(MAX_KEYS + 5):
        handset.press("5")
    pressed = [desk.phones.next_digit("a") for _ in range(MAX_KEYS + 1)]
    assert pressed == ["5"] * MAX_KEYS + [None]
    desk.phones.receive_digit("a", "9")
    assert await told(handset) == [{"type": "key", "call_id": "a", "digit": "9"}]
    desk.phones.ended("a")
    assert await told(handset) == [{"type": "ended", "call_id": "a"}]


async def test_only_the_page_in_the_call_speaks_presses_and_hangs_up(desk: Desk) -> None:
    inside, outside = desk.phones.connect(MARIA), desk.phones.connect(MARIA)
    await desk.connected("a", inside)
    outside.speak(bytes(1_600))
    outside.press("1")
    outside.hang_up("a")
    inside.hang_up("other")
    assert desk.phones.next_frame("a") is None
    assert desk.phones.next_digit("a") is None
    assert not desk.phones.wants_hang_up("a")
    inside.hang_up("a")
    assert desk.phones.wants_hang_up("a")


async def test_a_page_that_goes_hangs_up_its_call_and_one_that_only_rang_does_not(desk: Desk) -> None:
    async with desk.phones.connect(MARIA) as inside:
        async with desk.phones.connect(MARIA):
            await desk.connected("a", inside)
        assert not desk.phones.wants_hang_up("a")
    assert desk.phones.wants_hang_up("a")


async def test_a_page_that_reads_nothing_loses_the_oldest_sound_and_then_its_place(desk: Desk) -> None:
    handset = desk.phones.connect(MARIA)
    await desk.connected("a", handset)
    for level in range(MAX_FRAMES + 7):
        desk.phones.receive_frame("a", (level * 100).to_bytes(2, "little") * 160)
    assert handset.lost_frames == 7
    for _ in range(MAX_MESSAGES + 1):
        desk.phones.receive_digit("a", "1")
    with pytest.raises(TimeoutError):
        await handset.next(DEADLINE_S)


async def sound(handset: Handset) -> bytes:
    news = await handset.next(DEADLINE_S)
    assert isinstance(news, bytes)
    return news
