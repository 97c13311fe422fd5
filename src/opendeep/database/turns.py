"""Whose turn it is: free lines shared between tenants, and a tenant's lines between its campaigns. Pure, no SQL.

A tenant with fewer calls on the lines goes first (max-min fairness); equals take turns in a ring of ids, which goes on
where the last claim stopped. A priority counts inside its tenant only. Within one priority of one tenant the campaigns
share by the same two rules, so that a campaign of one call does not wait for one of 100,000.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

MAX_REMEMBERED = 10_000  # tenants whose last campaign is remembered; beyond it the longest unserved is forgotten


@dataclass(frozen=True, slots=True)
class Lane:
    """Due tasks of one campaign with one priority: `due` of them, counted up to the number of free lines."""

    user_id: UUID
    campaign_id: UUID
    priority: int
    due: int


@dataclass(frozen=True, slots=True)
class Load:
    """Tasks on the lines now, waiting for one or in a call: per tenant and per campaign."""

    tenants: Mapping[UUID, int]
    campaigns: Mapping[UUID, int]

    def plus(self, taken: Mapping[Lane, int]) -> "Load":
        """With these tasks on the lines too."""
        tenants, campaigns = Counter(self.tenants), Counter(self.campaigns)
        for lane, count in taken.items():
            tenants[lane.user_id] += count
            campaigns[lane.campaign_id] += count
        return Load(tenants, campaigns)


class Turns:
    """Who was served last. Lives as long as its scheduler: lost, the ring only begins somewhere else."""

    def __init__(self) -> None:
        self.tenant: UUID | None = None
        self._campaigns: dict[UUID, UUID] = {}

    def campaign(self, user_id: UUID) -> UUID | None:
        return self._campaigns.get(user_id)

    def served(self, lane: Lane) -> None:
        self.tenant = lane.user_id
        self._campaigns.pop(lane.user_id, None)
        self._campaigns[lane.user_id] = lane.campaign_id
        if len(self._campaigns) > MAX_REMEMBERED:
            del self._campaigns[next(iter(self._campaigns))]


def first_served(tenants: Iterable[UUID], load: Load, turns: Turns, cap: int | None, limit: int) -> list[UUID]:
    """The `limit` tenants that come first: so many lines can reach no others. Those at their cap are left out."""
    open_ones = [tenant for tenant in tenants if cap is None or load.tenants.get(tenant, 0) < cap]
    return heapq.nsmallest(limit, open_ones, key=lambda t: (load.tenants.get(t, 0), _after(turns.tenant, t)))


def share(lines: int, lanes: Sequence[Lane], load: Load, turns: Turns, cap: int | None = None) -> dict[Lane, int]:
    """How many tasks each lane gives to `lines` free lines; `turns` moves on."""
    queues = _queues(lanes, load, turns)
    tenants = [(load.tenants.get(user, 0), _after(turns.tenant, user), user) for user in queues]
    heapq.heapify(tenants)
    taken: dict[Lane, int] = {}
    while lines > 0 and tenants:
        level, place, user = heapq.heappop(tenants)
        if cap is not None and level >= cap:
            continue
        lane = _next_of(queues[user], taken)
        turns.served(lane)
        lines -= 1
        if queues[user]:
            heapq.heappush(tenants, (level + 1, place, user))
    return taken


_Queue = list[tuple[int, int, tuple[bool, int], Lane]]


def _queues(lanes: Sequence[Lane], load: Load, turns: Turns) -> dict[UUID, _Queue]:
    """Each tenant's lanes: highest priority first, then the campaign with the fewest calls, then the ring."""
    queues: dict[UUID, _Queue] = {}
    for lane in (lane for lane in lanes if lane.due > 0):
        place = _after(turns.campaign(lane.user_id), lane.campaign_id)
        entry = (-lane.priority, load.campaigns.get(lane.campaign_id, 0), place, lane)
        queues.setdefault(lane.user_id, []).append(entry)
    for queue in queues.values():
        heapq.heapify(queue)
    return queues


def _next_of(queue: _Queue, taken: dict[Lane, int]) -> Lane:
    priority, level, place, lane = heapq.heappop(queue)
    taken[lane] = taken.get(lane, 0) + 1
    if taken[lane] < lane.due:
        heapq.heappush(queue, (priority, level + 1, place, lane))
    return lane


def _after(last: UUID | None, this: UUID) -> tuple[bool, int]:
    """The place in a ring that begins behind `last`."""
    return (last is not None and this <= last, this.int)
