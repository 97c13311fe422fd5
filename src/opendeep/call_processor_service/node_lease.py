"""`NodeLease`: this node's standing word that it is alive, and what it must do when it can no longer give it.

Owns the renewals of the node's live calls and the fence: a node that has not reached a shared database for
`FENCE_LEASES` leases ends its calls, before any other node may close their rows (`TAKEOVER_LEASES`) and dial their
tasks again. Only monotonic times of one node are compared with each other. The argument: docs/decisions/0008.
"""

import asyncio
import math
from collections.abc import Callable, Collection
from uuid import UUID

import structlog

from opendeep.common.clock import Clock
from opendeep.common.errors import PeerFault
from opendeep.database.db_manager import DatabaseManager

log = structlog.get_logger(__name__)

RENEWALS_PER_LEASE = 3
RETRY_S = 1.0  # after a renewal that failed
FENCE_LEASES = 3  # a restart of PostgreSQL (60 s) stays below, with the default lease of 30 s
TAKEOVER_LEASES = 5  # the two leases between are for the hang-ups

CUT_OFF = "cut_off"
CLOSED_ELSEWHERE = "closed_elsewhere"


class NodeLease:
    """Keep `run()` alive beside the calls. `held` tells the calls in this process, `end` hangs some of them up."""

    def __init__(
        self,
        node_id: str,
        db: DatabaseManager,
        clock: Clock,
        lease_s: float,
        held: Callable[[], Collection[UUID]],
        end: Callable[[Collection[UUID], str], None],
    ) -> None:
        self.fence_s = lease_s * FENCE_LEASES
        self.takeover_s = lease_s * TAKEOVER_LEASES
        self._node_id = node_id
        self._db = db
        self._clock = clock
        self._lease_s = lease_s
        self._held = held
        self._end = end
        self._renewed_at = clock.monotonic()  # nothing was claimed before
        self._unbroken_since = math.inf
        self._fenced = False

    @property
    def fresh(self) -> bool:
        """Whether something may be dialled: far from the fence."""
        return self._clock.monotonic() - self._renewed_at < self._lease_s

    def unbroken_for(self, since: float) -> float:
        """Seconds after `since` (monotonic) in which every renewal succeeded, up to now; 0 after a failed one."""
        return max(0.0, self._clock.monotonic() - max(since, self._unbroken_since))

    async def run(self) -> None:
        """The two clocks; returns only when cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_renewing(), name="calls:leases")
            group.create_task(self._watch_fence(), name="calls:fence")

    async def renew(self) -> bool:
        """One renewal of all live calls of this node. False when the database did not take it.

        Raises `ConfigurationError` when another process has this node's name by now: the rows are its own then.
        """
        began, held = self._clock.monotonic(), frozenset(self._held())
        try:
            await self._db.keep_name()
            async with self._db.transaction(urgent=True) as work:
                live = await work.calls.renew_leases(self._node_id, self._lease_s)
        except PeerFault as error:
            self._unbroken_since = math.inf
            log.warning("calls.leases_not_renewed", error=str(error), calls=len(held))
            return False
        self._renewed_at = began  # not now: the commit is younger, and others count from the commit
        self._unbroken_since = min(self._unbroken_since, self._clock.monotonic())
        self._fenced = False
        if gone := held - live:
            self._end(gone, CLOSED_ELSEWHERE)
        return True

    async def _keep_renewing(self) -> None:
        while True:
            renewed = await self.renew()
            await self._clock.sleep(self._lease_s / RENEWALS_PER_LEASE if renewed else RETRY_S)

    async def _watch_fence(self) -> None:
        """Beside the renewals: one of them may hang in a connection that died."""
        while True:
            left_s = self._renewed_at + self.fence_s - self._clock.monotonic()
            if left_s > 0:
                await self._clock.sleep(left_s)
                continue
            if self._db.shared and not self._fenced:
                self._fenced = True
                held = frozenset(self._held())
                log.error("calls.fenced", calls=len(held), silent_s=self.fence_s - left_s, effect="calls are hung up")
                self._end(held, CUT_OFF)
            await self._clock.sleep(RETRY_S)
