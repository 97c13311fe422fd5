"""Whose turn it is: free lines shared between tenants, and a tenant's lines between its campaigns. Pure, no SQL.

A tenant with fewer calls on the lines goes first (max-min fairness); what was refused in the same round counts like a
call, or a tenant whose tasks are all refused would be asked before the others get their lines. Among equals the one
that was served less often goes first, or two tenants on three lines would keep two and one for ever; then a ring of
ids that goes on where the last claim stopped. A priority counts inside its tenant only. Within one priority of one
tenant the campaigns share by the same rules, so that a campaign of one call does not wait for one of 100,000.
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

    def together(self, other: "Load") -> "Load":
        return Load(Counter(self.tenants) + Counter(other.tenants), Counter(self.campaigns) + Counter(other.campaigns))


class Ring:
    """How often its members were served, as far as that still matters.

    Counted above a floor, the least of those who want something: who comes back after a pause starts there and has no
    old claims (start-time fair queueing, Goyal et al. 1996).
    """

    def __init__(self) -> None:
        self.last: UUID | None = None
        self._served: dict[UUID, int] = {}
        self._floor = 0

    def begin(self, members: Iterable[UUID]) -> None:
        """These want something now."""
        self._floor = max(self._floor, min((self.served(member) for member in members), default=self._floor))
        self._served = {member: count for member, count in self._served.items() if count > self._floor}

    def served(self, member: UUID) -> int:
        return self._served.get(member, self._floor)

    def serve(self, member: UUID) -> None:
        count = self.served(member) + 1
        self._served.pop(member, None)
        self._served[member] = count
        if len(self._served) > MAX_REMEMBERED:
            del self._served[next(iter(self._served))]
        self.last = member

    def place(self, member: UUID) -> tuple[bool, int]:
        """In a ring that begins behind the one who was served last."""
        return (self.last is not None and member <= self.last, member.int)


class Turns:
    """The memory of one scheduler. Lost, the turns only begin somewhere else."""

    def __init__(self) -> None:
        self.tenants = Ring()
        self._campaigns: dict[UUID, Ring] = {}
        self.begin_round()

    def begin_round(self) -> None:
        """Forget what was refused before."""
        self._refused: tuple[Counter[UUID], Counter[UUID]] = (Counter(), Counter())

    def refuse(self, user_id: UUID, campaign_id: UUID) -> None:
        """A task had its turn and took no line."""
        tenants, campaigns = self._refused
        tenants[user_id] += 1
        campaigns[campaign_id] += 1

    @property
    def refused(self) -> Load:
        """What was refused in this round; as many entries as tenants and campaigns had a turn in it."""
        return Load(*self._refused)

    def campaigns(self, user_id: UUID) -> Ring:
        ring = self._campaigns.pop(user_id, None) or Ring()
        self._campaigns[user_id] = ring
        if len(self._campaigns) > MAX_REMEMBERED:
            del self._campaigns[next(iter(self._campaigns))]
        return ring


def first_served(tenants: Iterable[UUID], load: Load, turns: Turns, cap: int | None, limit: int) -> list[UUID]:
    """The `limit` tenants that come first: so many lines can reach no others. Those at their cap are left out."""
    wanting = [tenant for tenant in tenants if cap is None or load.tenants.get(tenant, 0) < cap]
    turns.tenants.begin(wanting)
    level = load.together(turns.refused).tenants
    return heapq.nsmallest(limit, wanting, key=lambda tenant: _turn(tenant, level, turns.tenants))


def share(lines: int, lanes: Sequence[Lane], load: Load, turns: Turns, cap: int | None = None) -> dict[Lane, int]:
    """How many tasks each lane gives to `lines` free lines; `turns` moves on."""
    refused = turns.refused
    counted = load.together(refused)
    queues = _queues(lanes, counted, turns)
    tenants = [(*_turn(user, counted.tenants, turns.tenants), user) for user in queues]
    heapq.heapify(tenants)
    taken: dict[Lane, int] = {}
    while lines > 0 and tenants:
        level, served, place, user = heapq.heappop(tenants)
        if cap is not None and level - refused.tenants.get(user, 0) >= cap:
            continue
        lane = _next_of(queues[user], taken)
        turns.tenants.serve(user)
        turns.campaigns(user).serve(lane.campaign_id)
        lines -= 1
        if queues[user]:
            heapq.heappush(tenants, (level + 1, served + 1, place, user))
    return taken


_Turn = tuple[int, int, tuple[bool, int]]  # calls on the lines, how often served, place in the ring
_Queue = list[tuple[int, _Turn, Lane]]


def _turn(member: UUID, level: Mapping[UUID, int], ring: Ring) -> _Turn:
    return (level.get(member, 0), ring.served(member), ring.place(member))


def _queues(lanes: Sequence[Lane], load: Load, turns: Turns) -> dict[UUID, _Queue]:
    """Each tenant's lanes: highest priority first, then the campaign whose turn it is."""
    by_tenant: dict[UUID, list[Lane]] = {}
    for lane in lanes:
        if lane.due > 0:
            by_tenant.setdefault(lane.user_id, []).append(lane)
    queues: dict[UUID, _Queue] = {}
    for user, own in by_tenant.items():
        ring = turns.campaigns(user)
        ring.begin({lane.campaign_id for lane in own})
        queues[user] = [(-lane.priority, _turn(lane.campaign_id, load.campaigns, ring), lane) for lane in own]
        heapq.heapify(queues[user])
    return queues


def _next_of(queue: _Queue, taken: dict[Lane, int]) -> Lane:
    priority, (level, served, place), lane = heapq.heappop(queue)
    taken[lane] = taken.get(lane, 0) + 1
    if taken[lane] < lane.due:
        heapq.heappush(queue, (priority, (level + 1, served + 1, place), lane))
    return lane
