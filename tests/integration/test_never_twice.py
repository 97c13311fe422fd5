"""Never two live calls for one task, never a lost task, never a lost line: a storm in any order tries to break that.

A state machine drives two whole nodes (see `storm_world`) through answers, refusals, silence, lost, doubled and late
events, dying switches and processes, databases that vanish or lose their answers, drains, and a user who pauses and
resumes and cancels. After every step the invariants hold; when the storm is over, everything comes to an end.

`OPENDEEP_STORMS=500` runs more of them; the default fits into a minute.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from opendeep.common.data_models import LIVE_CALL_STATUSES, CampaignStatus, TaskStatus
from opendeep.common.errors import Conflict
from opendeep.common.redis_client import InProcessDoorbell
from opendeep.common.task_states import TERMINAL
from opendeep.database.db_manager import DatabaseManager
from opendeep.task_manager.campaign_query_svc import CampaignQueryService
from tests.integration.storm_switch import RINGING, UP, Events, Ledger
from tests.integration.storm_world import DYING_S, LINES, Node, StormBell
from tests.support.database import add_campaign, add_user, sample_plan, sqlite_url
from tests.support.virtual_loop import VirtualClock, VirtualLoop

STORMS = int(os.environ.get("OPENDEEP_STORMS", "20"))
STEPS = 30
PLANS = ("ring", "ring", "ring", "answer", "busy", "no_answer", "not_found", "no_endpoint", "refuse", "silent")
CALM_ROUNDS = 60  # of a minute each, until everything has ended
ENDS = TERMINAL | {TaskStatus.NEEDS_USER}
WAITING = {TaskStatus.SCHEDULED, TaskStatus.QUEUED_FOR_CALL, TaskStatus.CALL_IN_PROGRESS, TaskStatus.PENDING_ANALYSIS}
CARED_FOR = ENDS | WAITING  # by the user, or by a worker

nodes = st.integers(0, 1)
picks = st.integers(0, 100)


class Storm(RuleBasedStateMachine):
    """`make_url` gives a fresh, migrated database for each storm."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.ledger = Ledger()
        self.bell = StormBell()
        self.folder = Path(tempfile.mkdtemp(prefix="storm-"))
        self.admin = DatabaseManager(self.make_url(), InProcessDoorbell(), VirtualClock(self.loop))
        self.nodes = [Node(name, self.url, self.folder, self.loop, self.bell, self.ledger) for name in ("a", "b")]
        self.loop.busy = lambda: any(node.alive and node.db.open > 0 for node in self.nodes)
        self.budget = 0
        self.budgets: dict[str, int] = {}

    def make_url(self) -> str:
        raise NotImplementedError

    # -- the beginning

    @initialize(
        plans=st.lists(st.sampled_from(PLANS), min_size=2, max_size=5),
        budget=st.integers(1, 3),
    )
    def begin(self, plans: list[str], budget: int) -> None:
        numbers = [f"+1202555{n:04}" for n in range(len(plans))]
        self.budget = budget
        for node in self.nodes:
            self.loop.perform(node.switch.listen())
            node.switch.plans = dict(zip(numbers, plans, strict=True))
        self.loop.perform(self._confirm(numbers))
        for node in self.nodes:
            self.loop.perform(node.start())
        self.loop.advance(1)

    async def _confirm(self, numbers: list[str]) -> None:
        self.user = await add_user(self.admin)
        plan = sample_plan(numbers, max_attempts=self.budget, retry_minutes=0.5)
        self.campaign, self.tasks = await add_campaign(self.admin, self.user.id, plan)
        self.campaigns = CampaignQueryService(self.admin, self.folder, "America/New_York")

    # -- time, and what callees do

    @rule(seconds=st.sampled_from([0.1, 1, 5, 15, 40, 100, 200]))
    def time_passes(self, seconds: float) -> None:
        self.loop.advance(seconds)

    @rule(which=nodes, pick=picks)
    def callee_answers(self, which: int, pick: int) -> None:
        if channel := self._channel(which, RINGING, pick):
            self.loop.call_soon(self.nodes[which].switch.callee_answers, channel)
        self.loop.advance(0.1)

    @rule(which=nodes, pick=picks)
    def callee_refuses(self, which: int, pick: int) -> None:
        if channel := self._channel(which, RINGING, pick):
            self.loop.call_soon(self.nodes[which].switch.callee_refuses, channel)
        self.loop.advance(0.1)

    @rule(which=nodes, pick=picks)
    def callee_hangs_up(self, which: int, pick: int) -> None:
        if channel := self._channel(which, UP, pick):
            self.loop.call_soon(self.nodes[which].switch.callee_hangs_up, channel)
        self.loop.advance(0.1)

    def _channel(self, which: int, state: int, pick: int) -> str | None:
        found = [channel for channel, now in self.nodes[which].switch.channels.items() if now == state]
        return found[pick % len(found)] if found else None

    # -- what breaks

    @rule(which=nodes, what=st.sampled_from(Events))
    def events_fare(self, which: int, what: Events) -> None:
        switch = self.nodes[which].switch
        switch.events = what
        self.loop.call_soon(switch.let_go)
        self.loop.advance(0.1)

    @rule(which=nodes, deaf=st.booleans())
    def switch_hears_hangups(self, which: int, deaf: bool) -> None:
        self.nodes[which].switch.deaf_to_hangup = deaf

    @rule(which=nodes, mute=st.booleans())
    def switch_confirms_originates(self, which: int, mute: bool) -> None:
        self.nodes[which].switch.mute = mute

    @rule(which=nodes, what=st.sampled_from(["Hangup", "CoreShowChannels", "Ping"]))
    def switch_leaves_unanswered(self, which: int, what: str) -> None:
        self.nodes[which].switch.unanswered ^= {what}

    @rule(which=nodes, back=st.booleans())
    def ami_connection_breaks(self, which: int, back: bool) -> None:
        node = self.nodes[which]
        node.switch.accepting = back and node.alive
        self.loop.call_soon(node.switch.drop_connections)
        self.loop.advance(0.1)

    @rule(which=nodes)
    def switch_loses_power(self, which: int) -> None:
        self.loop.call_soon(self.nodes[which].switch.lose_power)
        self.loop.advance(0.1)

    @rule(which=nodes, away=st.booleans())
    def database_of_one_node(self, which: int, away: bool) -> None:
        if self.nodes[which].alive:
            self.nodes[which].db.away = away

    @rule(away=st.booleans())
    def database_of_all(self, away: bool) -> None:
        for which in (0, 1):
            self.database_of_one_node(which, away)

    @rule(which=nodes, lost=st.booleans())
    def answers_of_the_database(self, which: int, lost: bool) -> None:
        if self.nodes[which].alive:
            self.nodes[which].db.loses_answers = lost

    @rule(silent=st.booleans())
    def bell_rings(self, silent: bool) -> None:
        self.bell.silent = silent

    # -- processes

    @rule(which=nodes)
    @precondition(lambda self: self.nodes and any(node.alive for node in self.nodes))
    def process_is_killed(self, which: int) -> None:
        node = self.nodes[which]
        if node.alive:
            self._kill(node)

    def _kill(self, node: Node) -> None:
        self.loop.call_soon(node.kill)
        self.loop.advance(DYING_S)
        self.loop.perform(node.bury())

    @rule(which=nodes)
    def process_starts(self, which: int) -> None:
        node = self.nodes[which]
        if not node.alive:
            node.switch.accepting = True
            self.loop.perform(node.start())
            self.loop.advance(1)

    @rule(which=nodes)
    def process_drains(self, which: int) -> None:
        node = self.nodes[which]
        if node.alive and not node.draining:
            node.ask_to_stop()
            self.loop.advance(1)

    # -- the user

    @rule(what=st.sampled_from(["pause", "resume", "cancel"]))
    def user_changes_the_campaign(self, what: str) -> None:
        try:
            self.loop.perform(getattr(self.campaigns, what)(self.user.id, self.campaign.id))
        except Conflict:
            return  # it has ended, or a row changed meanwhile: the user sees that and may try again
        self.loop.advance(0.1)

    # -- what holds at every moment

    @invariant()
    def nothing_is_dialled_twice(self) -> None:
        assert not self.ledger.wrong, self.ledger.wrong
        assert all(count <= self.budget for count in self.ledger.per_number().values()), self.ledger.per_number()

    @invariant()
    def no_worker_has_died(self) -> None:
        assert not [problem for node in self.nodes for problem in node.failed()]

    @invariant()
    def rows_agree(self) -> None:
        if self.budget:
            self.loop.perform(self._check_rows())

    async def _check_rows(self) -> None:
        calls = await self._rows("SELECT task_id, status FROM calls")
        tasks = await self._rows("SELECT id, status, attempts, next_attempt_at FROM tasks")
        live = Counter(task_id for task_id, status in calls if status in LIVE_CALL_STATUSES)
        assert set(live.values()) <= {1}
        assert {task_id for task_id, status, *_ in tasks if status == TaskStatus.CALL_IN_PROGRESS} == set(live)
        for task_id, status, attempts, next_attempt_at in tasks:
            assert status in CARED_FOR, (task_id, status)
            assert status != TaskStatus.SCHEDULED or next_attempt_at is not None, task_id
            assert attempts <= self.budget, (task_id, attempts)

    async def _rows(self, sql: str) -> list[Any]:
        async with self.admin.read() as work:
            return list((await work.session.execute(text(sql))).all())

    # -- the storm is over

    def teardown(self) -> None:
        try:
            if self.budget:
                self._calm_down()
                self._check_the_end()
        finally:
            self._clean_up()

    def _calm_down(self) -> None:
        self.bell.silent = False
        for node in self.nodes:
            if node.alive and node.draining:
                self._kill(node)
            self.loop.call_soon(node.switch.calm)
            if node.alive:
                node.db.away = node.db.loses_answers = False
            else:
                self.loop.perform(node.start())
        if self.loop.perform(self._campaign_status()) is CampaignStatus.PAUSED:
            self.loop.perform(self.campaigns.resume(self.user.id, self.campaign.id))
        for _ in range(CALM_ROUNDS):
            self.loop.advance(60)
            self.nothing_is_dialled_twice()
            self.rows_agree()
            if self.loop.perform(self._all_ended()):
                return
        raise AssertionError(f"after {CALM_ROUNDS} minutes: {self.loop.perform(self._statuses())}")

    def _check_the_end(self) -> None:
        assert not [channel for node in self.nodes for channel in node.switch.channels]
        for node in self.nodes:
            assert node.initiator.free_lines() == LINES, node.initiator.snapshot()
        leases = self.loop.perform(self._rows("SELECT id FROM tasks WHERE lease_expires_at IS NOT NULL"))
        leases += self.loop.perform(self._rows("SELECT id FROM calls WHERE lease_expires_at IS NOT NULL"))
        assert not leases
        uncounted = self.loop.perform(self._rows("SELECT phone_number, attempts FROM tasks"))
        dialled = self.ledger.per_number()
        assert all(attempts >= dialled[number] for number, attempts in uncounted), (uncounted, dialled)
        analysed = self.loop.perform(
            self._rows("SELECT call_id, count(*) FROM call_events WHERE kind = 'analysis.done' GROUP BY call_id")
        )
        assert all(count == 1 for _, count in analysed)
        reports = self.loop.perform(self._rows("SELECT id FROM call_events WHERE kind = 'campaign.reported'"))
        assert len(reports) <= 1

    async def _campaign_status(self) -> CampaignStatus:
        async with self.admin.read() as work:
            return (await work.campaigns.get(self.user.id, self.campaign.id)).status

    async def _statuses(self) -> Counter[str]:
        async with self.admin.read() as work:
            return Counter(await work.campaigns.progress(self.user.id, self.campaign.id))

    async def _all_ended(self) -> bool:
        ended = set(await self._statuses()) <= {status.value for status in ENDS}
        return ended and not any(node.switch.channels or node.initiator.snapshot()["calls"] for node in self.nodes)

    def _clean_up(self) -> None:
        for node in self.nodes:
            if node.alive:
                self._kill(node)
            node.switch.close()
            self.loop.perform(node.switch.stop())
        self.loop.perform(self.admin.close())
        self.loop.perform(self.loop.shutdown_asyncgens())
        self.loop.perform(self.loop.shutdown_default_executor())
        self.loop.close()
        shutil.rmtree(self.folder)


@pytest.fixture
def quiet_logs() -> Iterator[None]:
    """Millions of lines would cost more than the storm."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


def storms(machine: type[Storm], number: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=number,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=number <= 100,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(0)
def test_no_storm_makes_it_dial_twice_or_lose_anything(tmp_path: Path, quiet_logs: None) -> None:
    template = tmp_path / "template"
    template.mkdir()
    loop = VirtualLoop()
    empty = DatabaseManager(sqlite_url(template), InProcessDoorbell(), VirtualClock(loop))
    loop.perform(empty.upgrade())
    loop.perform(empty.close())
    loop.close()

    class OnSqlite(Storm):
        def make_url(self) -> str:
            shutil.copy(template / "test.db", self.folder / "test.db")
            self.url = sqlite_url(self.folder)
            return self.url

    storms(OnSqlite, STORMS)
