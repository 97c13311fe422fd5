"""Compares the rows with the switch: after a crash, after a lost connection, and on a timer in case of anything else.

Owns what happens to call rows without a handler and to channels without a row. It never touches a call that a handler
of this process holds, and it never dials.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from opendeep.call_processor_service.ami_packets import AmiEvent
from opendeep.call_processor_service.attempt_records import Ending, write_ending
from opendeep.call_processor_service.node_lease import NodeLease
from opendeep.call_processor_service.second_leg import call_of_leg
from opendeep.call_processor_service.switch_view import SwitchView
from opendeep.common.clock import Clock
from opendeep.common.data_models import Call, CallStatus, Disposition
from opendeep.common.errors import NotFound, PeerFault
from opendeep.database.db_manager import DatabaseManager

log = structlog.get_logger(__name__)

HUNG_UP = "OpenDeep was interrupted during this call; its line has been hung up."
GONE = "OpenDeep was interrupted during this call, which has ended meanwhile."
NODE_VANISHED = "The node that made this call has vanished."
GONE_LOOKS = 4  # how often to look whether channels that were hung up have gone
GONE_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What one pass did, in numbers."""

    closed: int = 0
    hung_up: int = 0
    vanished: int = 0


@dataclass(frozen=True, slots=True)
class _Silence:
    """A lease of another node, and since when (monotonic) we have seen it without a change."""

    lease: datetime | None
    since: float


class CallReconciler:
    """`held` tells which calls handlers of this process hold right now."""

    def __init__(
        self,
        node_id: str,
        db: DatabaseManager,
        switch: SwitchView,
        clock: Clock,
        lease: NodeLease,
        held: Callable[[], Collection[UUID]],
    ) -> None:
        self._node_id = node_id
        self._db = db
        self._switch = switch
        self._clock = clock
        self._lease = lease
        self._held = held
        self._silent: dict[UUID, _Silence] = {}  # live rows of other nodes; bounded by their number

    async def reconcile_own(self) -> Reconciliation:
        """Hang up this node's channels that nobody holds, close its rows that nobody holds and that have no channel.

        A row whose channel stays in spite of the hang-up stays live, so that its task is not dialled a second time.
        Raises `TelephonyFault` when Asterisk cannot be asked, `DatabaseUnavailable` likewise; nothing is guessed then.
        """
        held = set(self._held())  # a call that ends meanwhile is no orphan
        async with self._db.read() as work:
            rows = await work.calls.live_of_node(self._node_id)
        legs = _legs(await self._switch.channels())  # after the rows: a channel is younger than its row
        held |= set(self._held())
        orphans = {call.id: call for call in rows if call.id not in held}
        known = {call.id for call in rows} | held
        hung_up = legs.keys() & orphans.keys() | {i for i in legs.keys() - known if await self._is_over(i)}
        for call_id in hung_up:
            log.warning("switch.orphan_channel", call_id=str(call_id), legs=sorted(legs[call_id]))
            for leg in legs[call_id]:
                await self._switch.hang_up(leg)
        staying = await self._still_there(hung_up)
        closed = 0
        for call_id, call in orphans.items():
            if call_id not in staying:
                closed += await self._close(call, HUNG_UP if call_id in hung_up else GONE)
        return Reconciliation(closed=closed, hung_up=len(hung_up))

    async def close_vanished(self) -> Reconciliation:
        """Close live rows of other nodes that were not renewed for as long as no living node leaves them.

        That time counts only while this node's own renewals succeed: in an outage of the database nobody can renew. It
        is measured by this node's clock alone, from when it first saw the lease as it still is.
        """
        async with self._db.read() as work:
            leases = await work.calls.leases_of_others(self._node_id)
        now = self._clock.monotonic()
        self._silent = {
            call_id: known if (known := self._silent.get(call_id)) and known.lease == lease else _Silence(lease, now)
            for call_id, lease in leases.items()
        }
        closed = 0
        for call_id, silence in self._silent.items():
            if self._lease.unbroken_for(silence.since) >= self._lease.takeover_s:
                closed += await self._take_over(call_id, silence.lease)
        return Reconciliation(vanished=closed)

    async def _take_over(self, call_id: UUID, lease: datetime | None) -> int:
        try:
            async with self._db.transaction() as work:
                call = await work.calls.take_over(call_id, lease)
                if call is None:
                    return 0
                await write_ending(work, call, _lost(call, NODE_VANISHED))
        except PeerFault:
            raise
        except Exception:  # boundary: one row; it stays live, and the calls of all others go on
            log.exception("call.not_reconciled", call_id=str(call_id))
            return 0
        return 1

    async def _still_there(self, hung_up: set[UUID]) -> set[UUID]:
        """Those of the calls of which Asterisk still lists a leg a moment after the Hangup."""
        staying = set(hung_up)
        for _ in range(GONE_LOOKS):
            if staying:
                staying &= _legs(await self._switch.channels()).keys()
            if not staying:
                return staying
            await self._clock.sleep(GONE_LOOK_S)
        log.error("switch.channels_stay", call_ids=sorted(map(str, staying)), effect="they are hung up again later")
        return staying

    async def _close(self, call: Call, reason: str) -> int:
        """1 when the row could be closed. Raises `DatabaseUnavailable`."""
        try:
            async with self._db.transaction() as work:
                await write_ending(work, call, _lost(call, reason))
        except PeerFault:
            raise
        except Exception:  # boundary: one row; it stays live, and the calls of all others go on
            log.exception("call.not_reconciled", call_id=str(call.id))
            return 0
        return 1

    async def _is_over(self, call_id: UUID) -> bool:
        """A call of ours that is not live any more. Calls of other nodes and foreign channels are left alone."""
        try:
            call = await self._db.get_call_by_id(call_id)
        except NotFound:
            return False
        return not call.live and call.node_id == self._node_id and call_id not in self._held()


def _legs(channels: Mapping[str, AmiEvent]) -> dict[UUID, set[str]]:
    """The channels that may be ours, by call. Behind a `Local/` channel there are legs with ids of their own, linked to
    it; they can outlive it, and then the callee listens to nobody. A call's second line names the call.
    """
    legs: dict[UUID, set[str]] = {}
    for channel, event in channels.items():
        linked = event.get("Linkedid")
        call_id = _as_call_id(channel) or _as_call_id(linked) or call_of_leg(linked)
        if call_id is not None:
            legs.setdefault(call_id, set()).add(channel)
    return legs


def _lost(call: Call, reason: str) -> Ending:
    log.warning("call.reconciled", call_id=str(call.id), task_id=str(call.task_id), reason=reason)
    return Ending(CallStatus.LOST, None if call.answered_at is not None else Disposition.FAILED, reason)


def _as_call_id(identity: str) -> UUID | None:
    try:
        parsed = UUID(identity)
    except ValueError:
        return None
    return parsed if str(parsed) == identity else None
