"""Who gets a line: one claim's bookkeeping over trunks, caps, pace, breakers and caller IDs. Pure.

Built from rows that the claim holds under their lock; what it gives out is counted at once, so nothing exceeds a cap
within one claim either. It neither reads nor writes rows, and decides nothing about whether a number may be called.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from opendeep.call_processor_service.caller_ids import CallerIdPool
from opendeep.call_processor_service.circuit_breaker import let_through, may_call
from opendeep.call_processor_service.dial_strings import DialPlan, trunk_channel
from opendeep.call_processor_service.token_bucket import Pace
from opendeep.common.phone_area import area_of
from opendeep.common.trunk_values import BreakerState, CallerIdUse, TrunkState
from opendeep.config.trunk_config import Trunk

FULL_RETRY_S: Final = 10.0  # a task whose trunks are all full makes room in the queue for others
PAUSED_RETRY_S: Final = 30.0  # an operator's pause has no end that is known
MAX_HOLD_S: Final = 60.0  # for a trunk with a fault


@dataclass(frozen=True, slots=True)
class Line:
    """What one call goes through. `trunk` is None for our own extensions; `caller_id` as the switch takes it."""

    channel: str
    trunk: str | None = None
    caller_number: str | None = None
    caller_id: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """No line now. `until`: look again then; None: stay in the queue, a line is a moment away."""

    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Unservable:
    """No trunk will ever take this call as things are configured."""

    reason: str


@dataclass(slots=True)
class LineBook:
    """`tenant_cap`: live calls per tenant, None for no cap. `pools` by trunk."""

    trunks: Sequence[Trunk]
    plan: DialPlan
    pools: Mapping[str, CallerIdPool]
    now: datetime
    states: dict[str, TrunkState] = field(default_factory=dict)
    live: dict[str | None, int] = field(default_factory=dict)
    tenant_live: dict[UUID, int] = field(default_factory=dict)
    uses: dict[str, dict[str, CallerIdUse]] = field(default_factory=dict)
    names: Mapping[UUID, str] = field(default_factory=dict)
    tenant_cap: int | None = None
    hold_s: float = FULL_RETRY_S  # how long a task waits whose trunks are full
    changed: set[str] = field(default_factory=set)
    shown: set[tuple[str, str]] = field(default_factory=set)

    def find(self, user_id: UUID, number: str) -> Line | Held | Unservable:
        """A line for one call, without taking it. Raises `TelephonyMisuse` for what cannot be dialled."""
        if self.tenant_cap is not None and self.tenant_live.get(user_id, 0) >= self.tenant_cap:
            until = self.now + timedelta(seconds=FULL_RETRY_S)
            return Held(f"Waiting: all {self.tenant_cap} calls that you may have at once are under way.", until)
        if self.plan.is_extension(number):
            return extension_line(self.plan, self.trunks, number)
        trunk_channel("{number}", number)  # a number that no trunk could dial is not held for one
        serving = self._serving(user_id, number)
        if isinstance(serving, Unservable):
            return serving
        obstacles = []
        for trunk in serving:
            if (obstacle := self._obstacle(trunk)) is None:
                return self._line(trunk, number)
            obstacles.append(obstacle)
        return _least(obstacles)

    def take(self, line: Line, user_id: UUID) -> None:
        """Count a line that `find` gave: the call is committed with this claim."""
        self.live[line.trunk] = self.live.get(line.trunk, 0) + 1
        self.tenant_live[user_id] = self.tenant_live.get(user_id, 0) + 1
        if line.trunk is None:
            return
        trunk = next(trunk for trunk in self.trunks if trunk.name == line.trunk)
        state = self._state(trunk)
        bucket = pace_of(trunk).take(state.bucket, self.now)
        if bucket is None:
            raise RuntimeError("a line was taken that is not free")
        breaker = let_through(state.breaker, self.now)
        self.states[trunk.name] = replace(state, bucket=bucket, breaker=breaker)
        self.changed.add(trunk.name)
        if line.caller_number is not None:
            self._show(trunk, line.caller_number)

    # -- private

    def _serving(self, user_id: UUID, number: str) -> list[Trunk] | Unservable:
        country, _ = area_of(number)
        allowed = [t for t in self.trunks if not t.tenants or self.names.get(user_id) in t.tenants]
        if not allowed:
            return Unservable("No trunk is open to you. The operator names you in “tenants” of a trunk (TRUNKS_FILE).")
        serving = [trunk for trunk in allowed if not trunk.countries or country in trunk.countries]
        if not serving:
            where = country or "this country"
            return Unservable(f"No trunk serves calls to {where}. The operator adds it to “countries” in TRUNKS_FILE.")
        return serving

    def _obstacle(self, trunk: Trunk) -> Held | None:
        """Why this trunk takes no call now."""
        state = self._state(trunk)
        if state.paused is not None:
            until = self.now + timedelta(seconds=max(PAUSED_RETRY_S, self.hold_s))
            return Held(f"Waiting: {trunk_sentence(state)}", until)
        if not may_call(state.breaker, self.now):
            wait_s = self.hold_s if state.breaker.state is BreakerState.HALF_OPEN else max(MAX_HOLD_S, self.hold_s)
            until = self.now + timedelta(seconds=wait_s)  # it may be mended before its breaker's time
            return Held(f"Waiting: {breaker_sentence(state)}", min(until, state.breaker.until or until))
        if self.live.get(trunk.name, 0) >= trunk.max_calls:
            until = self.now + timedelta(seconds=self.hold_s)
            return Held(f"Waiting: all {trunk.max_calls} lines of the trunk “{trunk.name}” are busy.", until)
        if pace_of(trunk).wait_s(state.bucket, self.now) > 0:
            return Held("Waiting for its turn on the line.")
        return None

    def _line(self, trunk: Trunk, number: str) -> Line:
        caller = self.pools[trunk.name].choose(number, self.uses.get(trunk.name, {}))
        return Line(trunk_channel(trunk.channel_template, number), trunk.name, caller, trunk.shown_as(caller))

    def _show(self, trunk: Trunk, number: str) -> None:
        uses = self.uses.setdefault(trunk.name, {})
        known = uses.get(number) or CallerIdUse(trunk.name, number)
        uses[number] = replace(known, uses=known.uses + 1, last_used_at=self.now)
        self.shown.add((trunk.name, number))

    def _state(self, trunk: Trunk) -> TrunkState:
        return self.states.get(trunk.name) or TrunkState(trunk.name)


def extension_line(plan: DialPlan, trunks: Sequence[Trunk], number: str) -> Line:
    """A line within our own switch, shown as the first trunk's number. Raises `TelephonyMisuse` unless it is digits."""
    first = trunks[0]
    shown = first.caller_ids[0] if first.caller_ids else None
    return Line(plan.extension_channel(number), None, shown, first.shown_as(shown))


def pace_of(trunk: Trunk) -> Pace:
    return Pace(trunk.calls_per_second, trunk.burst)


def breaker_sentence(state: TrunkState) -> str:
    """What the breaker of a trunk does and why, for people; empty while calls go through."""
    breaker = state.breaker
    if breaker.state is BreakerState.CLOSED:
        return ""
    trial = "one call is trying it" if breaker.state is BreakerState.HALF_OPEN else "no calls go out"
    again = f"; it is tried again at {breaker.until:%H:%M:%S} UTC" if breaker.until else ""
    return f"the trunk “{state.name}” has a fault ({breaker.reason or 'unknown'}); {trial}{again}."


def trunk_sentence(state: TrunkState) -> str:
    """Why a trunk takes no calls, for people; empty while it does."""
    if state.paused is not None:
        return f"the trunk “{state.name}” is paused: {state.paused}"
    return breaker_sentence(state)


def is_out_of_order(state: TrunkState, now: datetime) -> bool:
    """Whether the operator or the breaker lets no call go out over this trunk now."""
    return state.paused is not None or not may_call(state.breaker, now)


def room(trunk: Trunk, state: TrunkState, live: int, now: datetime, within_s: float) -> int:
    """How many calls this trunk could start from now until `within_s` seconds later, as far as is known now."""
    if is_out_of_order(state, now):
        return 0
    free = max(0, trunk.max_calls - live)
    if state.breaker.state is not BreakerState.CLOSED:
        return min(free, 1)  # the trial call
    return min(free, pace_of(trunk).within(state.bucket, now, within_s))


def _least(obstacles: Sequence[Held]) -> Held:
    """The obstacle that ends first; one without an end is a moment away."""
    soon = [held for held in obstacles if held.until is None]
    return soon[0] if soon else min(obstacles, key=lambda held: held.until or datetime.max)
