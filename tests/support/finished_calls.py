"""Calls that have ended, as the telephony and the voice side leave them for the analyser."""

from collections.abc import Sequence
from typing import Any

from opendeep.common.data_models import (
    Call,
    CallCreate,
    CallStatus,
    Disposition,
    Speaker,
    Task,
    TaskStatus,
    TranscriptTurn,
)
from tests.support.database import World

RING_S, TURN_MS = 3.0, 2_000
Line = tuple[str, str]  # "ai" or "callee", and the words


async def finished_call(
    world: World,
    task: Task,
    lines: Sequence[Line] = (),
    *,
    reason: str | None = None,
    note: str | None = None,
    status: CallStatus = CallStatus.COMPLETED,
    disposition: Disposition | None = None,
    media_written: bool = True,
    facts: Sequence[tuple[str, dict[str, Any]]] = (),
) -> Call:
    """Take a SCHEDULED task through one call to PENDING_ANALYSIS. `reason` is why the AI ended the call; `facts` are
    lines of the timeline that its tools wrote before, as kind and data."""
    async with world.db.transaction() as work:
        await work.tasks.transition(task.id, TaskStatus.QUEUED_FOR_CALL, "Waiting for a line.")
    attempt = CallCreate(task.user_id, task.campaign_id, task.id, task.phone_number, None, "node")
    call = await world.db.create_call_attempt(attempt, 30.0)
    async with world.db.transaction() as work:
        await work.tasks.transition(task.id, TaskStatus.CALL_IN_PROGRESS, "Calling.")
    if status is CallStatus.COMPLETED:
        world.clock.advance(RING_S)
        await world.db.update_call_status(call.id, CallStatus.IN_PROGRESS)
        await _talk(world, task, call, lines)
    ending = [("call.end_requested", {"reason": reason, "note": note})] if reason is not None else []
    async with world.db.transaction() as work:
        for kind, data in (*facts, *ending):
            await work.events.add(
                task.user_id, kind, "A line.", data=data, campaign_id=task.campaign_id, task_id=task.id, call_id=call.id
            )
        ended = await work.calls.update_call_status(
            call.id, status, end_reason="The call ended.", disposition=disposition
        )
        await work.tasks.transition(task.id, TaskStatus.PENDING_ANALYSIS, "The call ended.", counts_attempt=True)
        if media_written and status is CallStatus.COMPLETED:
            await work.calls.save_media(call.id, {"line_ms": 1}, None)
    return ended


async def _talk(world: World, task: Task, call: Call, lines: Sequence[Line]) -> None:
    async with world.db.transaction() as work:
        for number, (speaker, text) in enumerate(lines, 1):
            start = (number - 1) * TURN_MS
            turn = TranscriptTurn(call.id, number, Speaker(speaker), text, start, start + TURN_MS)
            await work.transcripts.put(task.user_id, task.id, turn)
    world.clock.advance(len(lines) * TURN_MS / 1000)
