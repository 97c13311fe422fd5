"""Gathering the evidence of one case: rows of the product's database, recordings and testimony of the world."""

import asyncio
from pathlib import Path
from typing import Final
from uuid import UUID

from opendeep.common.data_models import Call
from opendeep.database.db_manager import DatabaseManager
from opendeep.rehearsal.evidence import NO_SOUND, CallEvidence, Case, Evidence
from opendeep.rehearsal.sound import Samples, read_stereo
from opendeep.rehearsal.worlds import World
from opendeep.simulation import CallSnapshot

WITNESS_DEADLINE_S: Final = 10.0  # the callee's side may notice the end of a call a moment later
WITNESS_STEP_S: Final = 0.1


async def collect(db: DatabaseManager, world: World, user_id: UUID, campaign_id: UUID, case: Case) -> Evidence:
    """Read everything that the checks need. The campaign has one task."""
    async with db.read() as work:
        task = (await work.tasks.of_campaign(user_id, campaign_id))[0]
        calls = await work.calls.of_task(user_id, task.id)
        turns = [await work.transcripts.of_call(user_id, call.id) for call in calls]
        events = [await work.events.of_call(user_id, call.id) for call in calls]
        feedback = await work.feedback.of_task(user_id, task.id)
        blocked = {entry.phone_number for entry in await work.dnd.entries(user_id)}
    found = []
    for call, said, told in zip(calls, turns, events, strict=True):
        witness = await _witness(world, call)
        audio = world.recording(call)
        ours, theirs = await asyncio.to_thread(_sounds, audio)
        found.append(CallEvidence(call, tuple(said), tuple(told), witness, ours, theirs, audio))
    return Evidence(case, task, tuple(found), task.phone_number in blocked, tuple(feedback))


async def _witness(world: World, call: Call) -> CallSnapshot | None:
    """What the callee's side says of the call, once it has ended there too."""
    waited_s = 0.0
    while (witness := world.witness(call)) is None and call.ringing_at is not None and waited_s < WITNESS_DEADLINE_S:
        await asyncio.sleep(WITNESS_STEP_S)
        waited_s += WITNESS_STEP_S
    return witness


def _sounds(audio: Path | None) -> tuple[Samples, Samples]:
    return read_stereo(audio) if audio is not None else (NO_SOUND, NO_SOUND)
