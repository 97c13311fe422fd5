"""Awaiting what must be finished, even when whoever waits for it is cancelled. Knows nothing of calls."""

import asyncio


async def to_its_end(task: asyncio.Task[None]) -> None:
    """Await the task even when we are cancelled; it has its own deadlines."""
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
