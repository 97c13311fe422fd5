"""Rehearsals of one machine take turns, and a turn ends with whoever held it."""

import asyncio
from pathlib import Path

from opendeep.rehearsal.one_at_a_time import machine_turn

DEADLINE_S = 30.0


async def test_fifty_rehearsals_are_held_one_after_the_other(tmp_path: Path) -> None:
    place, running, most, waited = tmp_path / "lock", 0, 0, 0

    def waits() -> None:
        nonlocal waited
        waited += 1

    async def rehearsal() -> None:
        nonlocal running, most
        async with machine_turn(waits, place, look_again_s=0.001):
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(*(rehearsal() for _ in range(50)))
    assert most == 1
    assert waited >= 1


async def test_one_that_waits_can_be_ended(tmp_path: Path) -> None:
    place, waiting = tmp_path / "lock", asyncio.Event()

    async def rehearsal() -> None:
        async with machine_turn(waiting.set, place):
            pass

    async with machine_turn(lambda: None, place):
        task = asyncio.create_task(rehearsal(), name="waits")
        async with asyncio.timeout(DEADLINE_S):
            await waiting.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(DEADLINE_S), machine_turn(lambda: None, place):
        pass
