"""`LinesQueryService`: what a tenant may know of the lines, and the operator's pause of a trunk.

A tenant sees the trunks that are open to it with their totals, and of calls only its own. Who is calling on the other
lines is nobody's business, so nothing here is listed by tenant. Pausing is for the operator's shell, not for the web:
there are no roles yet (docs/decisions/0004).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from opendeep.call_processor_service.line_book import is_out_of_order, pace_of, trunk_sentence
from opendeep.common import channels
from opendeep.common.clock import Clock
from opendeep.common.data_models import User
from opendeep.common.errors import NotFound, UserMistake
from opendeep.common.trunk_values import Breaker, CallerIdUse, TrunkState
from opendeep.config.trunk_config import Trunk
from opendeep.database.db_manager import DatabaseManager
from opendeep.database.store_trunks import LiveLines

log = structlog.get_logger(__name__)

ANSWER_RATE_OVER: Final = timedelta(days=1)
MAX_SHOWN_CALLER_IDS: Final = 200  # of one trunk, the operator's first
MAX_REASON_CHARS: Final = 200
_NODE_FIELDS: Final = ("node_id", "lines_total", "lines_used", "queued", "draining", "paused_because")


class LinesQueryService:
    """`node` gives the figures of this process's own lines, an empty mapping where it has none."""

    def __init__(
        self,
        trunks: Sequence[Trunk],
        tenant_cap: int | None,
        db: DatabaseManager,
        clock: Clock,
        node: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._trunks = tuple(trunks)
        self._tenant_cap = tenant_cap
        self._db = db
        self._clock = clock
        self._node = node

    async def view(self, user: User) -> dict[str, Any]:
        """Node, the tenant's own use, and the trunks that it may use."""
        trunks = [trunk for trunk in self._trunks if not trunk.tenants or user.name in trunk.tenants]
        now = self._clock.now()
        async with self._db.read() as work:
            states = await work.trunks.states()
            live = await work.trunks.live_lines()
            uses = await work.trunks.caller_ids([trunk.name for trunk in trunks])
            answers = await work.trunks.own_answers(user.id, now - ANSWER_RATE_OVER)
        node = self._node()
        return {
            "node": {name: node[name] for name in _NODE_FIELDS} if node else None,
            "tenant": {"calls": live.by_user.get(user.id, 0), "max_calls": self._tenant_cap},
            "trunks": [
                _trunk_view(trunk, states.get(trunk.name) or TrunkState(trunk.name), live, now)
                | {
                    "caller_ids": _caller_ids_view(trunk, uses[trunk.name]),
                    "own_calls_last_day": _answers_view(*answers.get(trunk.name, (0, 0))),
                }
                for trunk in trunks
            ],
        }

    async def out_of_order(self) -> str | None:
        """For /readyz: why no trunk takes a call; None while one does."""
        async with self._db.read() as work:
            states = await work.trunks.states()
        mine = [states.get(trunk.name) or TrunkState(trunk.name) for trunk in self._trunks]
        now = self._clock.now()
        return "; ".join(map(trunk_sentence, mine)) if all(is_out_of_order(state, now) for state in mine) else None

    # -- the operator's

    async def overview(self) -> list[dict[str, Any]]:
        """Every trunk, for the operator."""
        now = self._clock.now()
        async with self._db.read() as work:
            states = await work.trunks.states()
            live = await work.trunks.live_lines()
        return [_trunk_view(t, states.get(t.name) or TrunkState(t.name), live, now) for t in self._trunks]

    async def pause(self, name: str, reason: str) -> None:
        """No new calls over this trunk until `resume`. Raises `NotFound` for a trunk that is not configured."""
        plain = " ".join(reason.split())[:MAX_REASON_CHARS]
        if not plain:
            raise UserMistake("Give a reason: those whose calls wait will read it.")
        await self._change(name, lambda state: replace(state, paused=plain))
        log.warning("trunk.paused_by_operator", trunk=name, reason=plain)

    async def resume(self, name: str) -> None:
        """Calls go on; a breaker that is open is closed too: the operator says that it is mended."""
        await self._change(name, lambda state: replace(state, paused=None, breaker=Breaker()))
        log.warning("trunk.resumed_by_operator", trunk=name)

    async def _change(self, name: str, change: Callable[[TrunkState], TrunkState]) -> None:
        if name not in (known := [trunk.name for trunk in self._trunks]):
            raise NotFound(f"There is no trunk “{name}”. There is: {', '.join(known)}.")
        async with self._db.transaction() as work:
            await work.trunks.save(change(await work.trunks.hold_one(name)))
            work.ring(channels.TASKS_DUE)
            work.ring(channels.TASKS_QUEUED)


def _trunk_view(trunk: Trunk, state: TrunkState, live: LiveLines, now: datetime) -> dict[str, Any]:
    breaker = state.breaker
    return {
        "name": trunk.name,
        "max_calls": trunk.max_calls,
        "live_calls": live.by_trunk.get(trunk.name, 0),
        "calls_per_second": trunk.calls_per_second,
        "burst": trunk.burst,
        "tokens": round(pace_of(trunk).tokens(state.bucket, now), 2),
        "countries": sorted(trunk.countries),
        "breaker": breaker.state.value,
        "paused_because": trunk_sentence(state) or None,
        "until": breaker.until.isoformat() if breaker.until and state.paused is None else None,
    }


def _caller_ids_view(trunk: Trunk, uses: Mapping[str, CallerIdUse]) -> list[dict[str, Any]]:
    """In the operator's order. A trunk with one number needs no turns, so nobody counts its uses."""
    shown = []
    for number in trunk.caller_ids[:MAX_SHOWN_CALLER_IDS]:
        use = uses.get(number) or CallerIdUse(trunk.name, number)
        last = use.last_used_at.isoformat() if use.last_used_at else None
        shown.append({"number": number, "uses": use.uses, "last_used_at": last})
    return shown


def _answers_view(calls: int, answered: int) -> dict[str, Any]:
    return {"calls": calls, "answered": answered, "answer_rate": round(answered / calls, 3) if calls else None}
