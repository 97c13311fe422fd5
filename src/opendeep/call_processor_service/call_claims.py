"""`CallClaims`: queued tasks become committed calls, as many as caps, trunks and pace allow at this moment.

Owns the claim's transaction from the task's side, and this node's last view of the trunks, from which it says how much
more could be queued. Who gets which line is `line_book`; dialling and the life of calls are the initiator's.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from pydantic import ValidationError

from opendeep.call_processor_service.attempt_records import add_line
from opendeep.call_processor_service.caller_ids import CallerIdPool
from opendeep.call_processor_service.dial_strings import DialPlan
from opendeep.call_processor_service.line_book import (
    FULL_RETRY_S,
    Held,
    Line,
    LineBook,
    Unservable,
    extension_line,
    is_out_of_order,
    pace_of,
    room,
    trunk_sentence,
)
from opendeep.common.campaign_plan import TaskBrief
from opendeep.common.clock import Clock
from opendeep.common.data_models import Call, CallCreate, Task, TaskStatus
from opendeep.common.errors import Conflict, TelephonyMisuse
from opendeep.common.trunk_values import BreakerState, TrunkState
from opendeep.config.app_config import AppConfig
from opendeep.config.trunk_config import Trunk
from opendeep.database.db_manager import DatabaseManager, Transaction
from opendeep.database.store_consent import concerns

log = structlog.get_logger(__name__)

BUSY_TASK_RETRY_S: Final = 10.0  # a task that still has a live call
DEFAULT_MAX_TALK_S: Final = 600.0  # for a task whose brief does not say
MIN_WAIT_S: Final = 0.005  # between two looks for the next token
LOOK_PAST: Final = 20  # queued tasks beyond those that could start: some may be held, and are told why
FRUITLESS_PAUSE_S: Final = 0.25  # after a claim that could only send tasks back
HOLD_STEP_S: Final = 1.0  # longer hold after a claim that could only send back, while more such tasks follow
LONGEST_HOLD_S: Final = 300.0
HORIZON_SHARE: Final = 0.5  # of a lease: what cannot start within is not queued


@dataclass(frozen=True, slots=True)
class Placed:
    """A committed attempt that is about to be dialled."""

    call: Call
    channel: str
    caller_id: str | None
    max_talk_s: float


@dataclass(slots=True)
class _View:
    """The trunks as this node last saw them."""

    states: dict[str, TrunkState] = field(default_factory=dict)
    live: Counter[str | None] = field(default_factory=Counter)
    waiting: int = 0  # tasks that are queued and could not start yet
    moved: bool = False  # the claim behind this view started a call


@dataclass(slots=True)
class _Claim:
    """One claim under way."""

    book: LineBook
    placed: list[Placed] = field(default_factory=list)
    sent_back: int = 0


class CallClaims:
    """One per node. Raises from `claim` what the database raises; then nothing was claimed."""

    def __init__(self, config: AppConfig, trunks: Sequence[Trunk], db: DatabaseManager, clock: Clock) -> None:
        self._config = config
        self._trunks = tuple(trunks)
        self._db = db
        self._clock = clock
        self._plan = DialPlan(
            config.asterisk_extension_template,
            config.internal_extensions,
            config.app_test_mode_redirect_number if config.app_test_mode else None,
        )
        self._without_trunks = not config.needs_trunks
        self._pools = {t.name: CallerIdPool(t.caller_ids, local_presence=t.local_presence) for t in trunks}
        self._restricted = any(trunk.tenants for trunk in trunks)
        self._pooled = [trunk.name for trunk in trunks if len(trunk.caller_ids) > 1]
        self._view = _View()
        self._fruitless_until = clock.monotonic()
        self._asked = 0  # tasks that `room` has last asked for
        self._looking_past = False  # the last claim could only send tasks back: others may wait behind them
        self._hold_s = FULL_RETRY_S

    # -- what may start

    def room(self, free: int) -> int:
        """How many more tasks are worth queueing: what can start within half a lease, less what waits already.

        `free`: lines of this node without a call. While every trunk is out of order, one task at a time is asked for:
        it learns why it waits, and calls to our own extensions go on. Where only such tasks came that no trunk takes
        now, more are asked for: callees whom another trunk serves may stand behind them.
        """
        if self._clock.monotonic() < self._fruitless_until:
            return 0
        possible = self._possible(free, self._config.lease_s * HORIZON_SHARE)
        if self._looking_past and not self._all_out_of_order() and possible:
            possible += LOOK_PAST
        self._asked = max(0, possible - self._view.waiting)
        return self._asked

    def seconds_to_next(self) -> float | None:
        """Seconds until a queued task may start by the pace of the trunks; None when nothing waits for that."""
        if not self._view.waiting:
            return None
        now = self._clock.now()
        waits = [
            pace_of(trunk).wait_s(self._state(trunk).bucket, now)
            for trunk in self._trunks
            if room(trunk, self._state(trunk), self._view.live[trunk.name], now, self._config.lease_s)
        ]
        if not self._view.moved:  # what has a token already was no use to those that wait
            waits = [wait_s for wait_s in waits if wait_s > 0]
        return max(MIN_WAIT_S, min(waits)) if waits else None

    def note_end(self, trunk: str | None) -> None:
        """A call of this node has ended: its line counts as free before the next look at the rows."""
        self._view.live[trunk] = max(0, self._view.live[trunk] - 1)

    def out_of_order(self) -> str | None:
        """Why no trunk takes a call, as a sentence; None while one does."""
        if self._without_trunks or not self._all_out_of_order():
            return None
        sentences = (trunk_sentence(self._state(trunk)) for trunk in self._trunks)
        return f"No trunk takes calls: {'; '.join(sentences)}"

    @property
    def waiting(self) -> int:
        """Queued tasks that could not start yet, when this node last looked."""
        return self._view.waiting

    # -- the claim

    async def claim(self, free: int) -> list[Placed]:
        """Create the calls and move their tasks on, in one transaction: the row is there before the dialling."""
        limit = self._possible(free, 0.0) + LOOK_PAST
        async with self._db.transaction(urgent=True) as work:
            states = await work.trunks.hold([trunk.name for trunk in self._trunks])  # nobody else claims meanwhile
            tasks = await work.trunks.queued(limit, self._config.lease_s)
            claim = _Claim(await self._open_book(work, {task.user_id for task in tasks}, states))
            for task in await _not_listed_since(work, tasks):
                if len(claim.placed) < free:
                    await self._prepare(work, claim, task)
            await self._close_book(work, claim.book)
            waiting = await work.trunks.count_queued(self._config.lease_s)
        self._view = _View(claim.book.states, Counter(claim.book.live), waiting, bool(claim.placed))
        self._note_fruit(claim)
        return claim.placed

    # -- second lines

    async def take_second(self, call: Call, number: str) -> Line | str | None:
        """A line for a person whom the callee may be put through to, or why there is none; None: ask again in a moment.

        One over a trunk counts there until it is given back or the call ends; the tenant's own cap counts
        conversations, so it is no obstacle. Raises `DatabaseUnavailable`, `TelephonyMisuse`.
        """
        if not number.startswith("+"):
            return extension_line(self._plan, self._trunks, number)
        async with self._db.transaction(urgent=True) as work:
            states = await work.trunks.hold([trunk.name for trunk in self._trunks])
            book = await self._open_book(work, {call.user_id}, states)
            book.tenant_cap = None
            found = book.find(call.user_id, number)
            if isinstance(found, Held):
                return found.reason if found.until is not None else None
            if isinstance(found, Unservable):
                return found.reason
            if found.trunk is not None:
                if book.states[found.trunk].breaker.state is not BreakerState.CLOSED:
                    return "The line to the telephone network has a fault just now."  # what tries it is a call
                book.take(found, call.user_id)
                await self._close_book(work, book)
                await work.calls.use_second_trunk(call.id, found.trunk)
        return found

    async def give_back_second(self, call: Call) -> None:
        """The person is not on the line (any more), and the call goes on. Raises `DatabaseUnavailable`."""
        async with self._db.transaction(urgent=True) as work:
            await work.calls.use_second_trunk(call.id, None)

    def _note_fruit(self, claim: _Claim) -> None:
        """Sent-back tasks must stay away for as long as it takes to look at all of them, or none behind them is seen.

        How many there are is not counted (a claim reads no backlog): the hold grows while every task that was asked for
        is sent back, and shrinks when fewer came than were asked for.
        """
        if not claim.sent_back and not claim.placed:
            return
        self._looking_past = not claim.placed
        if self._looking_past:
            self._fruitless_until = self._clock.monotonic() + FRUITLESS_PAUSE_S
        if 0 < self._asked <= claim.sent_back:
            self._hold_s = min(self._hold_s + HOLD_STEP_S, LONGEST_HOLD_S)
        else:
            self._hold_s = max(self._hold_s - HOLD_STEP_S, FULL_RETRY_S)

    async def _open_book(self, work: Transaction, users: set[UUID], states: dict[str, TrunkState]) -> LineBook:
        """Count under the lock of the trunks: nobody else gives lines out until this transaction ends."""
        live = await work.trunks.live_lines()
        return LineBook(
            self._trunks,
            self._plan,
            self._pools,
            work.now,
            states=states,
            live=dict(live.by_trunk),
            tenant_live=dict(live.by_user),
            uses=await work.trunks.caller_ids(self._pooled) if users and self._pooled else {},
            names=await work.trunks.tenant_names(users) if users and self._restricted else {},
            tenant_cap=self._config.max_calls_per_tenant,
            hold_s=self._hold_s,
        )

    async def _close_book(self, work: Transaction, book: LineBook) -> None:
        for name in sorted(book.changed):
            state = book.states[name]
            await work.trunks.save(state)
            if state.breaker.state is not BreakerState.CLOSED:
                log.info("trunk.trial", trunk=name, reason=state.breaker.reason)
        for name, number in sorted(book.shown):
            await work.trunks.save_caller_id(book.uses[name][number])

    async def _prepare(self, work: Transaction, claim: _Claim, task: Task) -> None:
        number = self._plan.number_for(task.phone_number)
        try:
            found = claim.book.find(task.user_id, number)
        except TelephonyMisuse as error:
            found = Unservable(f"This number cannot be dialled: {error}")
        match found:
            case Line():
                await self._commit(work, claim, task, number, found)
            case Held(reason, until) if until is not None:
                claim.sent_back += 1
                await work.tasks.transition(task.id, TaskStatus.SCHEDULED, reason, next_attempt_at=until)
            case Unservable(reason):
                log.warning("call.unservable", task_id=str(task.id), user_id=str(task.user_id), reason=reason)
                await work.tasks.transition(task.id, TaskStatus.FAILED, reason)

    async def _commit(self, work: Transaction, claim: _Claim, task: Task, number: str, line: Line) -> None:
        new = CallCreate(
            user_id=task.user_id,
            campaign_id=task.campaign_id,
            task_id=task.id,
            phone_number=number,
            caller_id=line.caller_number,
            node_id=self._config.node_id,
            trunk=line.trunk,
        )
        try:
            call = await work.calls.create_call_attempt(new, self._config.lease_s)
        except Conflict as error:
            again = self._clock.now() + timedelta(seconds=BUSY_TASK_RETRY_S)
            await work.tasks.transition(task.id, TaskStatus.SCHEDULED, f"Waiting: {error}", next_attempt_at=again)
            return
        claim.book.take(line, task.user_id)
        await work.tasks.transition(task.id, TaskStatus.CALL_IN_PROGRESS, f"Attempt {call.attempt_number} has begun.")
        facts = {"test_mode": self._config.app_test_mode, "trunk": line.trunk, "caller_id": line.caller_number}
        await add_line(work, call, "call.created", f"Attempt {call.attempt_number}.", facts)
        claim.placed.append(Placed(call, line.channel, line.caller_id, _max_talk_s(task)))

    # -- private

    def _possible(self, free: int, within_s: float) -> int:
        """Calls that could start within `within_s` seconds; 1 while every trunk is out of order."""
        if self._without_trunks:
            return free
        now = self._clock.now()
        rooms = [room(t, self._state(t), self._view.live[t.name], now, within_s) for t in self._trunks]
        broken = self._all_out_of_order()
        return min(free, 1 if broken else sum(rooms))

    def _all_out_of_order(self) -> bool:
        now = self._clock.now()
        return all(is_out_of_order(self._state(trunk), now) for trunk in self._trunks)

    def _state(self, trunk: Trunk) -> TrunkState:
        return self._view.states.get(trunk.name) or TrunkState(trunk.name)


async def _not_listed_since(work: Transaction, tasks: Collection[Task]) -> list[Task]:
    """Tasks whose callees may still be called; one who asked for no more calls while a task waited goes to the gate."""
    numbers, users = {task.phone_number for task in tasks}, {task.user_id for task in tasks}
    entries = await work.dnd.of_numbers(numbers, users) if tasks else {}
    free = []
    for task in tasks:
        if any(concerns(entry, task.user_id, task.campaign_id) for entry in entries.get(task.phone_number, ())):
            reason = "The number came onto a do-not-call list while it waited for a line."
            await work.tasks.transition(task.id, TaskStatus.SCHEDULED, reason)
        else:
            free.append(task)
    return free


def _max_talk_s(task: Task) -> float:
    """Longest talk by the task's brief, in seconds."""
    try:
        return TaskBrief.model_validate(dict(task.brief)).max_call_minutes * 60
    except ValidationError as error:
        log.warning("task.brief_unreadable", task_id=str(task.id), mistakes=error.error_count())
        return DEFAULT_MAX_TALK_S
