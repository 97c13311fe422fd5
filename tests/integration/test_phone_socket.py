"""The telephone in the browser over its real socket and the simulated switch; the test is the page and the caller."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tests.support.phone_world import Place, phone_world
from tests.support.sound import find_tones, mulaw_decode, mulaw_encode, sine
from tests.support.web_world import serving

CALLER_HZ, PERSON_HZ = 500, 1_200
CALL_MS = 400


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with phone_world(tmp_path) as built:
        yield built


async def test_it_rings_talks_both_ways_takes_keys_and_hangs_up(place: Place) -> None:
    async with place.page() as page, place.page() as other, place.page("Ann") as stranger:
        hello = await page.told("hello")
        assert (hello["extension"], hello["rate_hz"], hello["frame_ms"]) == ("7000", 8_000, 20)
        call_id, peer = await place.answered(page)
        ring = await other.told("ring")
        assert ring == {"type": "ring", "call_id": call_id, "caller": {"number": "100", "name": "OpenDeep"}}
        assert (await other.told("stopped"))["why"] == "answered_elsewhere"

        microphone = mulaw_encode(sine(PERSON_HZ, CALL_MS)).replace(b"\xff", b"\xfe")
        for at in range(0, len(microphone), 160):
            await page.socket.send(microphone[at : at + 160])
            await place.switch.talk(peer, sine(CALLER_HZ, 20))
        await place.until(lambda: len(find_tones(peer.pcm, PERSON_HZ, at_least_ms=CALL_MS // 2)) == 1)
        await page.wait(lambda: len(page.sound) >= CALL_MS * 8)
        assert find_tones(mulaw_decode(bytes(page.sound)), CALLER_HZ, at_least_ms=CALL_MS // 2)
        assert not other.sound

        for digit in "4#":
            await page.do("key", digit=digit)
        await place.until(lambda: peer.digits == "4#")
        await place.switch.ami.send("PlayDTMF", ("Channel", call_id), ("Digit", "9"))
        assert (await page.told("key"))["digit"] == "9"

        await page.do("hang_up", call_id=call_id)
        await place.hung_up(call_id)
        assert (await page.told("ended"))["call_id"] == call_id
        assert [message["type"] for message in stranger.messages] == ["hello"]


async def test_a_declined_call_is_rejected_by_the_network_and_the_phone_is_free(place: Place) -> None:
    async with place.page() as page:
        call_id = await place.ring()
        await page.told("ring", call_id)
        await page.do("decline", call_id=call_id)
        hang_up = await place.hung_up(call_id)
        assert hang_up["Cause"] == "21"  # what the product reads as REJECTED
        assert (await page.told("stopped"))["why"] == "declined"
        await place.answered(page, 1)


async def test_a_second_call_is_busy_and_the_first_goes_on(place: Place) -> None:
    async with place.page() as page:
        first, peer = await place.answered(page)
        second = await place.ring(1)
        assert (await place.hung_up(second))["Cause"] == "17"
        assert (await page.told("refused"))["call_id"] == second
        assert not place.switch.ami.events("Hangup", first)
        assert not peer.closed


async def test_nobody_answers_after_a_while(place: Place) -> None:
    async with place.page() as page:
        call_id = await place.ring(0, ("Timeout", "3000"))
        await page.told("ring", call_id)
        await place.hung_up(call_id)
        responses = place.switch.ami.events("OriginateResponse", call_id)
        assert responses[-1]["Reason"] == "3"  # no answer
        assert (await page.told("stopped"))["why"] == "caller_gave_up"


async def test_a_page_that_closes_hangs_up(place: Place) -> None:
    async with place.page() as page:
        call_id, peer = await place.answered(page)
    await place.hung_up(call_id)
    await place.switch.peer.wait(lambda: peer.closed)


async def test_without_an_open_page_the_callee_of_the_files_answers(place: Place) -> None:
    async with place.page("Ann") as stranger:
        call_id = await place.ring()
        await place.until(lambda: any(call.phase == "up" for call in place.switch.switch.calls()))
        (call,) = place.switch.switch.calls()
        assert (call.call_id, call.callee) == (call_id, "books_tuesday")
        assert [message["type"] for message in stranger.messages] == ["hello"]


@pytest.mark.parametrize(
    ("signed_in", "origin"), [(False, "same"), (True, "http://evil.test"), (True, None), (True, "null")]
)
async def test_strangers_and_foreign_pages_are_refused(place: Place, signed_in: bool, origin: str | None) -> None:
    cookies = await place.cookie("Maria Keller") if signed_in else None
    with pytest.raises(InvalidStatus) as refused:
        async with place.socket(cookies, origin):
            pass
    assert refused.value.response.status_code == 403


async def test_where_there_is_no_simulated_switch_there_is_no_phone(place: Place) -> None:
    async with serving(place.web.app) as url:
        place.url = url
        with pytest.raises(InvalidStatus) as refused:
            async with place.socket(await place.cookie("Maria Keller")):
                pass
        assert refused.value.response.status_code == 404
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            assert (await client.get("/api/status")).json()["modes"]["phone"] is None


@pytest.mark.parametrize(
    "message",
    [
        "x",
        "{}",
        '{"type":"answer"}',
        '{"type":"key","digit":"A"}',
        '{"type":"key","digit":"12"}',
        '{"type":"hang_up","call_id":"x","more":1}',
        '{"type":"decline","call_id":"' + "x" * 151 + '"}',
        "x" * 1_001,
        bytes(1_601),
    ],
)
async def test_a_page_that_breaks_the_rules_is_told_and_closed(place: Place, message: str | bytes) -> None:
    async with place.page() as page:
        await page.socket.send(message)
        await page.wait(lambda: page.closed)
        assert page.closed is not None
        assert page.closed[0] == 1008
        assert page.closed[1]


async def test_orders_out_of_place_do_nothing(place: Place) -> None:
    async with place.page() as page:
        for kind in ("decline", "hang_up", "answer"):
            await page.do(kind, call_id="nonsense")
        await page.do("key", digit="1")
        await page.socket.send(bytes(160))
        assert (await page.told("stopped"))["why"] == "gone"
        await place.answered(page)
