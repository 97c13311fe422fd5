"""What ended and ringing calls say about their trunk, written into the trunk's row; openings and closings are told.

Owns the breaker's rows and who hears of a change. What a call's end means for the line is `line_faults`, when a breaker
opens is `circuit_breaker`, both pure.
"""

from dataclasses import replace

import structlog

from opendeep.call_processor_service import circuit_breaker
from opendeep.call_processor_service.line_book import breaker_sentence
from opendeep.call_processor_service.line_faults import LineVerdict, LineWord, judge_line
from opendeep.common import channels
from opendeep.common.data_models import Call
from opendeep.common.trunk_values import Breaker, BreakerState, TrunkState
from opendeep.database.db_manager import Transaction

log = structlog.get_logger(__name__)

MAX_FORGIVEN = 5  # attempts of one task that the line's faults do not use up
MAX_UNHEARD = 5  # the same for calls in which we had no voice: somebody's phone rang each time


async def forgives(work: Transaction, call: Call, verdict: LineVerdict, *, unheard: bool = False) -> bool:
    """Whether this attempt failed by its line, or because our voice AI was away (`unheard`), and so does not use up the
    contact's budget; bounded per task."""
    most = MAX_FORGIVEN if verdict.word is LineWord.FAULT else MAX_UNHEARD if unheard else 0
    if not most:
        return False
    task = await work.tasks.get(call.user_id, call.task_id)
    forgiven_before = call.attempt_number - 1 - task.attempts
    return forgiven_before < most


async def record_end(work: Transaction, call: Call, verdict: LineVerdict) -> None:
    """Count an ended call for or against its trunk."""
    if verdict.word is LineWord.NOTHING or call.trunk is None:
        return
    if verdict.word is LineWord.WELL and _proven_already(await work.trunks.state_of(call.trunk)):
        return  # nothing to write: the trunk's row, which every claim of a line locks, is left alone
    state = await work.trunks.hold_one(call.trunk)
    if verdict.word is LineWord.FAULT:
        if circuit_breaker.has_served_since_a_fault(state.breaker) and await _failed_before(work, call):
            return  # the line has served others meanwhile: one number that always fails must not stop them
        await change_breaker(work, state, circuit_breaker.fail(state.breaker, work.now, verdict.sentence))
    elif state.breaker.state is BreakerState.CLOSED or call.ringing_at is None:
        # that it once rang was counted then; its late end says nothing about a line that has failed meanwhile
        await change_breaker(work, state, circuit_breaker.prove(state.breaker))


def _proven_already(state: TrunkState) -> bool:
    """Whether one more good call changes nothing: all that count were good."""
    closed = state.breaker.state is BreakerState.CLOSED
    return closed and circuit_breaker.prove(state.breaker) == state.breaker


async def _failed_before(work: Transaction, call: Call) -> bool:
    """Whether the last call to this number over this trunk met a fault of the line too."""
    earlier = await work.calls.last_before(call)
    return earlier is not None and judge_line(earlier).word is LineWord.FAULT


async def record_sign_of_life(work: Transaction, call: Call) -> None:
    """A call rings or was answered just now: whatever its breaker thought, the line is well."""
    if call.trunk is None or not call.live or call.ringing_at is None:
        return
    if (await work.trunks.state_of(call.trunk)).breaker.state is BreakerState.CLOSED:
        return
    state = await work.trunks.hold_one(call.trunk)
    await change_breaker(work, state, circuit_breaker.prove(state.breaker))


async def change_breaker(work: Transaction, state: TrunkState, breaker: Breaker) -> None:
    """Write the breaker of a trunk whose row is held; tell logs and timelines when it opens or closes."""
    if breaker == state.breaker:
        return
    changed = replace(state, breaker=breaker)
    await work.trunks.save(changed)
    was, now = state.breaker.state, breaker.state
    if was == now:
        return
    facts = {"trunk": state.name, "reason": breaker.reason, "openings": breaker.openings}
    log.warning("trunk.breaker", old=was.value, new=now.value, **facts)
    if now is BreakerState.HALF_OPEN or (was, now) == (BreakerState.HALF_OPEN, BreakerState.OPEN):
        return
    if now is BreakerState.OPEN:
        kind, sentence = "trunk.paused", f"Calls wait: {breaker_sentence(changed)}"
    else:
        kind, sentence = "trunk.resumed", f"The trunk “{state.name}” works again; calls go on."
    for user_id, campaign_id in await work.trunks.campaigns_waiting_for(state.name):
        await work.events.add(user_id, kind, sentence, data={"trunk": state.name}, campaign_id=campaign_id)
    work.ring(channels.TASKS_DUE)
    work.ring(channels.TASKS_QUEUED)
