"""Two processes over one PostgreSQL and one Redis: the page's node is not the call's node.

What the callee says crosses to the page, the question of the AI too, and the answer goes back into the live call.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.audio import mulaw_decode, mulaw_encode, tone, tone_ms
from tests.support.product import Product, product, user_at_page

pytestmark = [pytest.mark.postgres, pytest.mark.redis]

MICROPHONE_HZ = 1_500
ANSWER = "Yes, for about half an hour."


@contextlib.asynccontextmanager
async def two_nodes(postgres_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[tuple[Product, Product]]:
    """One with the page, one with everything else."""
    shared = {"DATABASE_URL": postgres_url, "REDIS_URL": redis_url, "SECRET_KEY": "the same on every node"}
    folders = [tmp_path / "page", tmp_path / "voice"]
    for folder in folders:
        folder.mkdir()
    page_node = product(folders[0], NODE_ID="page", OPENDEEP_ROLES="web", **shared)
    voice_node = product(folders[1], NODE_ID="voice", OPENDEEP_ROLES="web,scheduler,voice,analysis,lifecycle", **shared)
    async with page_node as page, voice_node as voice:
        await page.ready()
        await voice.ready()
        yield page, voice


async def test_a_call_on_another_node_is_watched_and_helped(postgres_url: str, redis_url: str, tmp_path: Path) -> None:
    async with two_nodes(postgres_url, redis_url, tmp_path) as (page, _), user_at_page(page.url) as user:
        request = "Call Dan Reed at +1 202 555 0105 and book the yearly boiler inspection on Tuesday at ten."
        plan = await user.plan(request, call_window="any time")
        await user.confirm(plan)
        asked = await user.until(lambda e: e["type"] == "feedback" and e["feedback"]["status"] == "PENDING")
        assert "water" in asked["feedback"]["question"].lower()
        await user.page.post(f"/api/feedback/{asked['feedback']['id']}", {"answer": ANSWER})
        await user.until_said("ai", ANSWER)
        await user.until_task("COMPLETED", disposition="ACHIEVED")
        report = await user.until(lambda e: e["type"] == "campaign" and e["campaign"]["status"] == "COMPLETED")
        assert report["campaign"]["has_report"]
    assert "call.attempt" not in page.events()  # the page's node has no lines


async def test_a_call_on_another_node_is_listened_to_taken_over_and_hung_up(
    postgres_url: str, redis_url: str, tmp_path: Path
) -> None:
    async with two_nodes(postgres_url, redis_url, tmp_path) as (page, _), user_at_page(page.url) as user:
        request = "Call Dan Reed at +1 202 555 0105 and book the yearly boiler inspection on Tuesday at ten."
        await user.confirm(await user.plan(request, call_window="any time"))
        live = await user.until(lambda e: e["type"] == "call" and e["call"]["status"] == "IN_PROGRESS")
        call = f"/api/calls/{live['call']['id']}"
        socket_of_call = user.page.socket(f"/ws/calls/{live['call']['id']}/audio")
        async with asyncio.timeout(60), socket_of_call as socket:
            hello = orjson.loads(await socket.recv())
            while not any(mulaw_decode(await next_sound(socket))):
                pass  # until somebody speaks
            await user.page.post(f"{call}/take_over", {"listener": hello["listener"]})
            microphone = asyncio.create_task(speak(socket), name="microphone")
            while loudness(await next_sound(socket)) < 0.5:
                pass  # until the far node plays our own microphone back to us
            await user.page.post(f"{call}/give_back", {})
            microphone.cancel()
            await asyncio.gather(microphone, return_exceptions=True)
            await user.page.post(f"{call}/hang_up", {})
            while isinstance(message := await socket.recv(), bytes) or orjson.loads(message)["type"] != "ended":
                pass
        ended = await user.until(lambda e: e["type"] == "call" and e["call"]["status"] == "COMPLETED")
        assert "the user hung up" in ended["call"]["end_reason"]
        kinds = [event["event"]["kind"] for event in user.seen if event["type"] == "event"]
        assert {"call.taken_over", "call.given_back"} <= set(kinds)


async def next_sound(socket: Any) -> bytes:
    while not isinstance(message := await socket.recv(), bytes):
        if orjson.loads(message)["type"] == "levels":
            await socket.send('{"type": "renew", "received": 1000000}')
    return message


async def speak(socket: Any) -> None:
    """A microphone: 1,500 Hz in pieces of 40 ms."""
    while True:
        await socket.send(mulaw_encode(tone(MICROPHONE_HZ, 40)))
        await asyncio.sleep(0.04)


def loudness(sound: bytes) -> float:
    """The share of this batch that is the microphone's tone."""
    return tone_ms(mulaw_decode(sound), MICROPHONE_HZ) / 100
