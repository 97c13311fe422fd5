"""The whole product calls a telephone at the wire: declined, then answered; what each side hears is held by content."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np

from tests.support.phone_world import Page
from tests.support.product import UserAtPage, product, user_at_page
from tests.support.sound import find_sound, mulaw_decode, mulaw_encode, pcm_of, rms_dbfs, silence_gaps

ASK = "Call me at 7000 and ask whether Tuesday at ten works for the {}."
START_DEADLINE_S = 60.0
AUDIBLE_DBFS = -45.0
HEARD_MS = 1_000
FRAME_BYTES = 160


def sweep(ms: int) -> bytes:
    """A tone that goes up: it is found at one place only, and is no speech."""
    at = np.arange(ms * 8) / 8_000
    return pcm_of(0.3 * np.sin(2 * np.pi * (400 + 1_000 * at) * at))


class Telephone(Page):
    """Sends 20 ms of its microphone for each 20 ms that it hears."""

    microphone = b""

    async def talk(self) -> None:
        """For as long as the call lasts."""
        for sent in itertools.count():
            await self.until_heard((sent + 1) * FRAME_BYTES)
            frame = self.microphone[:FRAME_BYTES].ljust(FRAME_BYTES, b"\xff")
            self.microphone = self.microphone[FRAME_BYTES:]
            await self.socket.send(frame)

    async def until_heard(self, count: int) -> None:
        """Until so many bytes of sound have come."""
        await self.wait(lambda: len(self.sound) >= count)

    @property
    def heard(self) -> bytes:
        return mulaw_decode(bytes(self.sound))


@contextlib.asynccontextmanager
async def telephone(user: UserAtPage) -> AsyncIterator[Telephone]:
    async with user.page.socket("/ws/phone") as socket:
        phone = Telephone(socket)
        tasks = [asyncio.create_task(work(), name="telephone") for work in (phone.read, phone.talk)]
        try:
            await phone.told("hello")
            yield phone
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def call(user: UserAtPage, what: str) -> str:
    """Confirm a plan that calls 7000; returns the id of its call."""
    user.forget()
    await user.confirm(await user.plan(ASK.format(what), call_window="any time"))
    event = await user.until(lambda event: event.get("call", {}).get("status") == "RINGING")
    return str(event["call"]["id"])


def loudest(pcm: bytes, ms: int) -> bytes:
    """The loudest stretch of so many milliseconds."""
    pieces = [pcm[at : at + ms * 16] for at in range(0, len(pcm) - ms * 16, 1_600)]
    return max(pieces, key=rms_dbfs)


async def test_a_call_is_declined_and_the_next_one_is_answered_and_heard_on_both_ends(tmp_path: Path) -> None:
    async with product(tmp_path) as program:
        await program.ready()
        async with user_at_page(program.url) as user, user_at_page(program.url, "Ann") as other:
            async with telephone(user) as phone, telephone(other) as stranger:
                declined = await call(user, "boiler inspection")
                await phone.do("decline", call_id=(await phone.told("ring", declined))["call_id"])
                await user.until(lambda event: event.get("call", {}).get("status") == "REJECTED")

                answered = await call(user, "window cleaning")
                await phone.told("ring", answered)
                phone.microphone = mulaw_encode(sweep(HEARD_MS))
                await phone.do("answer", call_id=answered)
                async with asyncio.timeout(START_DEADLINE_S):  # until the AI has spoken for a while
                    while spoken_ms(phone.heard) < 2 * HEARD_MS:
                        await phone.until_heard(len(phone.sound) + 10 * FRAME_BYTES)
                await phone.do("hang_up", call_id=answered)
                await phone.told("ended", answered)
                assert [message["type"] for message in stranger.messages] == ["hello"]
                await user.until(lambda event: event.get("call", {}).get("has_recording"))
            left, right = recorded(tmp_path, answered)
            assert find_sound(loudest(phone.heard, HEARD_MS), right).likeness > 0.9
            assert find_sound(sweep(HEARD_MS), left).likeness > 0.7  # a busy machine may lose a frame


def spoken_ms(pcm: bytes) -> int:
    silent = sum(gap.duration_ms for gap in silence_gaps(pcm, below_dbfs=AUDIBLE_DBFS))
    return len(pcm) // 16 - silent


def recorded(data_dir: Path, call_id: str) -> tuple[bytes, bytes]:
    """What the callee said, and what we said."""
    with wave.open(str(next(data_dir.rglob(f"{call_id}.wav")))) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 8_000)
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    return both[:, 0].tobytes(), both[:, 1].tobytes()
