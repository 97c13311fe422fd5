"""A cancelled waiter waits on, and is cancelled all the same."""

import asyncio

import pytest

from opendeep.audio_processing_service.finishing import to_its_end


async def test_a_cancelled_waiter_leaves_only_when_the_task_is_done() -> None:
    go = asyncio.Event()
    task = asyncio.create_task(_until(go), name="work")
    waiter = asyncio.create_task(to_its_end(task), name="waiter")
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.sleep(0)
    assert not waiter.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert task.done()
    assert not task.cancelled()


async def _until(go: asyncio.Event) -> None:
    await go.wait()
