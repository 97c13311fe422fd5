"""Compares the rows with the switch: after a crash, after a lost connection, and on a timer in case of anything else.

Owns what happens to call rows without a handler and to channels without a row. It never touches a call that a handler
of this process holds, and it never dials.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from uuid import UUID

import structlog

from opendeep.call_processor_service.attempt_records import Ending, write_ending
from opendeep.call_processor_service.switch_view import SwitchView
from opendeep.common.clock import Clock
from opendeep.common.data_models import Call, CallStatus, Disposition
from opendeep.common.errors import NotFound
from opendeep.database.db_manager import DatabaseManager

log = structlog.get_logger(__name__)

HUNG_UP = "OpenDeep was interrupted during this call; its line has been hung up."
GONE = "OpenDeep was interrupted during this call, which has ended meanwhile."
NODE_VANISHED = "The node that made this call has vanished."


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What one pass did, in numbers."""

    closed: int = 0
    hung_up: int = 0
    vanished: int = 0


class CallReconciler:
    """`held` tells which calls handlers of this process hold right now."""

    def __init__(
        self,
        node_id: str,
        db: DatabaseManager,
        switch: SwitchView,
        clock: Clock,
        lease_s: float,
        held: Callable[[], Collection[UUID]],
    ) -> None:
        self._node_id = node_id
        self._db = db
        self._switch = switch
        self._clock = clock
        self._lease_s = lease_s
        self._held = held
        self._expired_since: dict[UUID, float] = {}  # live rows of other nodes; bounded by their number

    async def reconcile_own(self) -> Reconciliation:
        """Close this node's rows that nobody holds, hang up this node's channels that nobody holds.

        Raises `TelephonyFault` when Asterisk cannot be asked, `DatabaseUnavailable` likewise; nothing is guessed then.
        """
        held = set(self._held())  # a call that ends meanwhile is no orphan
        async with self._db.read() as work:
            rows = await work.calls.live_of_node(self._node_id)
        channels = await self._switch.channels()  # after the rows: a channel is younger than its row
        held |= set(self._held())
        orphans = [call for call in rows if call.id not in held]
        closed = hung_up = 0
        for call in orphans:
            on_switch = str(call.id) in channels
            if on_switch:
                await self._switch.hang_up(str(call.id))
                hung_up += 1
            await self._close(call, HUNG_UP if on_switch else GONE)
            closed += 1
        known = {call.id for call in rows} | held
        for identity in channels:
            call_id = _as_call_id(identity)
            if call_id is not None and call_id not in known and await self._is_over(call_id):
                log.warning("switch.orphan_channel", call_id=identity)
                await self._switch.hang_up(identity)
                hung_up += 1
        return Reconciliation(closed=closed, hung_up=hung_up)

    async def close_vanished(self) -> Reconciliation:
        """Close rows of other nodes whose lease has stayed expired for one more lease while the database answered.

        After an outage of the database every lease has expired; the living nodes renew theirs within that time.
        """
        async with self._db.read() as work:
            expired = [call for call in await work.calls.lease_expired() if call.node_id != self._node_id]
        now = self._clock.monotonic()
        self._expired_since = {call.id: self._expired_since.get(call.id, now) for call in expired}
        gone = [call for call in expired if now - self._expired_since[call.id] >= self._lease_s]
        for call in gone:
            await self._close(call, NODE_VANISHED)
        return Reconciliation(vanished=len(gone))

    async def _close(self, call: Call, reason: str) -> None:
        answered = call.answered_at is not None
        ending = Ending(CallStatus.LOST, None if answered else Disposition.FAILED, reason)
        log.warning("call.reconciled", call_id=str(call.id), task_id=str(call.task_id), reason=reason)
        async with self._db.transaction() as work:
            await write_ending(work, call, ending)

    async def _is_over(self, call_id: UUID) -> bool:
        """A call of ours that is not live any more. Calls of other nodes and foreign channels are left alone."""
        try:
            call = await self._db.get_call_by_id(call_id)
        except NotFound:
            return False
        return not call.live and call.node_id == self._node_id and call_id not in self._held()


def _as_call_id(identity: str) -> UUID | None:
    try:
        parsed = UUID(identity)
    except ValueError:
        return None
    return parsed if str(parsed) == identity else None
