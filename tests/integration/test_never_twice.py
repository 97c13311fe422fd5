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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from opendeep.call_processor_service.line_records import MAX_FORGIVEN
from opendeep.common.data_models import LIVE_CALL_STATUSES, CampaignStatus, TaskStatus
from opendeep.common.errors import Conflict
from opendeep.common.redis_client import InProcessDoorbell
from opendeep.common.task_states import TERMINAL
from opendeep.database.db_manager import DatabaseManager
from opendeep.task_manager.campaign_query_svc import CampaignQueryService
from tests.integration.storm_switch import RINGING, UP, Events, Ledger
from tests.integration.storm_world import DYING_S, POLL_S, Node, StormBell
from tests.support.database import add_campaign, add_user, sample_plan, sqlite_url
from tests.support.services import TemporaryPostgres, fresh_database
from tests.support.virtual_loop import VirtualClock, VirtualLoop

STORMS = int(os.environ.get("OPENDEEP_STORMS", "8"))
STEPS = 30
PLANS = ("ring", "ring", "ring", "answer", "busy", "no_answer", "not_found", "no_endpoint", "refuse", "silent")
SWITCH_FAULTS = (
    "events lost",
    "events twice",
    "events held",
    "deaf to hangup",
    "originates unconfirmed",
    "Hangup",
    "CoreShowChannels",
    "Ping",
    "connection lost",
    "power lost",
)
MAX_CAMPAIGNS = 4
CALM_ROUNDS = 60  # of a minute each, until everything has ended
ENDS = TERMINAL | {TaskStatus.NEEDS_USER}
WAITING = {TaskStatus.SCHEDULED, TaskStatus.QUEUED_FOR_CALL, TaskStatus.CALL_IN_PROGRESS, TaskStatus.PENDING_ANALYSIS}
CARED_FOR = ENDS | WAITING  # by the user, or by a worker

nodes = st.integers(0, 1)
picks = st.integers(0, 100)
plans_of_callees = st.lists(st.sampled_from(PLANS), min_size=2, max_size=5)


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
        self.callees = 0
        self.confirmed: list[UUID] = []

    def make_url(self) -> str:
        raise NotImplementedError

    # -- the beginning

    @initialize(plans=plans_of_callees, budget=st.integers(1, 3))
    def begin(self, plans: list[str], budget: int) -> None:
        self.budget = budget
        for node in self.nodes:
            self.loop.perform(node.switch.listen())
        self.user = self.loop.perform(add_user(self.admin))
        self.campaigns = CampaignQueryService(self.admin, self.folder, "America/New_York")
        self._confirm(plans)
        for node in self.nodes:
            self.loop.perform(node.start())
        self.loop.advance(POLL_S + 1)

    def _confirm(self, plans: list[str]) -> None:
        numbers = [f"+1202555{self.callees + offset:04}" for offset in range(len(plans))]
        self.callees += len(plans)
        for node in self.nodes:
            node.switch.plans |= dict(zip(numbers, plans, strict=True))
        plan = sample_plan(numbers, max_attempts=self.budget, retry_minutes=0.5)
        campaign, _ = self.loop.perform(add_campaign(self.admin, self.user.id, plan))
        self.confirmed.append(campaign.id)

    # -- time, and what callees do

    @rule(seconds=st.sampled_from([0.1, 1, 5, 15, 40, 40, 100, 200]))
    def time_passes(self, seconds: float) -> None:
        self.loop.advance(seconds)

    @rule(pick=picks, what=st.sampled_from(["answers", "answers", "refuses", "hangs_up"]))
    def callee_acts(self, pick: int, what: str) -> None:
        wanted = UP if what == "hangs_up" else RINGING
        switches = [node.switch for node in self.nodes]
        found = [(switch, one) for switch in switches for one, state in switch.channels.items() if state == wanted]
        if found:
            switch, channel = found[pick % len(found)]
            self.loop.call_soon(getattr(switch, f"callee_{what}"), channel)
            self.loop.advance(0.1)

    # -- what breaks

    @rule(which=nodes, what=st.sampled_from(SWITCH_FAULTS), on=st.booleans())
    def switch_misbehaves(self, which: int, what: str, on: bool) -> None:
        switch = self.nodes[which].switch
        match what:
            case "events lost" | "events twice" | "events held":
                switch.events = Events(what.split()[1]) if on else Events.TOLD
                self.loop.call_soon(switch.let_go)
            case "deaf to hangup":
                switch.deaf_to_hangup = on
            case "originates unconfirmed":
                switch.mute = on
            case "Hangup" | "CoreShowChannels" | "Ping":
                switch.unanswered ^= {what}
            case "connection lost":
                switch.accepting = on and self.nodes[which].alive
                self.loop.call_soon(switch.drop_connections)
            case "power lost":
                self.loop.call_soon(switch.lose_power)
        self.loop.advance(0.1)

    @rule(which=st.sampled_from([(0,), (1,), (0, 1)]), away=st.booleans())
    def database_goes_away(self, which: tuple[int, ...], away: bool) -> None:
        for node in (self.nodes[index] for index in which):
            if node.alive:
                node.db.away = away

    @rule(which=nodes, lost=st.booleans())
    def database_answers_get_lost(self, which: int, lost: bool) -> None:
        if self.nodes[which].alive:
            self.nodes[which].db.loses_answers = lost

    @rule(silent=st.booleans())
    def bell_rings(self, silent: bool) -> None:
        self.bell.silent = silent

    # -- processes

    @rule(which=nodes, what=st.sampled_from(["is killed", "starts", "starts", "drains"]))
    def process(self, which: int, what: str) -> None:
        busy = [node for node in self.nodes if node.switch.channels]
        node = self.nodes[which] if what == "starts" or not busy else busy[which % len(busy)]
        if what == "starts" and not node.alive:
            node.switch.accepting = True
            self.loop.perform(node.start())
        elif what == "is killed" and node.alive:
            self._kill(node)
        elif what == "drains" and node.alive and not node.draining:
            node.ask_to_stop()
        self.loop.advance(1)

    def _kill(self, node: Node) -> None:
        self.loop.call_soon(node.kill)
        self.loop.advance(DYING_S)
        self.loop.perform(node.bury())

    # -- the user

    @rule(plans=plans_of_callees)
    def user_confirms_more(self, plans: list[str]) -> None:
        if len(self.confirmed) < MAX_CAMPAIGNS:
            self._confirm(plans)
            self.loop.advance(POLL_S)

    @rule(pick=picks, what=st.sampled_from(["pause", "resume", "cancel"]))
    def user_changes_a_campaign(self, pick: int, what: str) -> None:
        campaign = self.confirmed[pick % len(self.confirmed)]
        try:
            self.loop.perform(getattr(self.campaigns, what)(self.user.id, campaign))
        except Conflict:
            return  # it has ended, or a row changed meanwhile: the user sees that and may try again
        self.loop.advance(0.1)

    # -- what holds at every moment

    @invariant()
    def nothing_is_dialled_twice(self) -> None:
        assert not self.ledger.wrong, self.ledger.wrong
        most = self.budget + MAX_FORGIVEN  # attempts that failed by their line
        assert all(count <= most for count in self.ledger.per_number().values()), self.ledger.per_number()

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
        for campaign in self.confirmed:
            if self.loop.perform(self._status(campaign)) is CampaignStatus.PAUSED:
                self.loop.perform(self.campaigns.resume(self.user.id, campaign))
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
            lines = node.initiator.snapshot()
            assert (lines["lines_used"], lines["queued"]) == (0, 0), lines
        leases = self.loop.perform(self._rows("SELECT id FROM tasks WHERE lease_expires_at IS NOT NULL"))
        leases += self.loop.perform(self._rows("SELECT id FROM calls WHERE lease_expires_at IS NOT NULL"))
        assert not leases
        lost_calls = "SELECT count(*) FROM calls WHERE task_id = tasks.id AND status = 'LOST'"
        counted = self.loop.perform(self._rows(f"SELECT phone_number, attempts, ({lost_calls}) FROM tasks"))  # noqa: S608
        dialled = self.ledger.per_number()
        for number, attempts, lost in counted:
            assert attempts >= max(lost, dialled[number] - MAX_FORGIVEN), (number, attempts, lost, dialled)
        analysed = self.loop.perform(
            self._rows("SELECT call_id, count(*) FROM call_events WHERE kind = 'analysis.done' GROUP BY call_id")
        )
        assert all(count == 1 for _, count in analysed)
        reported = self.loop.perform(
            self._rows(
                "SELECT campaign_id, count(*) FROM call_events WHERE kind = 'campaign.reported' GROUP BY campaign_id"
            )
        )
        assert all(count == 1 for _, count in reported)

    async def _status(self, campaign: UUID) -> CampaignStatus:
        async with self.admin.read() as work:
            return (await work.campaigns.get(self.user.id, campaign)).status

    async def _statuses(self) -> Counter[str]:
        return Counter(row[0] for row in await self._rows("SELECT status FROM tasks"))

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


@pytest.fixture
def on_sqlite(tmp_path: Path, quiet_logs: None) -> type[Storm]:
    """Storms over a copy of one migrated file."""
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

    return OnSqlite


@pytest.mark.timeout(0)
def test_no_storm_makes_it_dial_twice_or_lose_anything(on_sqlite: type[Storm]) -> None:
    storms(on_sqlite, STORMS)


def cut_off(storm: Storm, owner: int) -> None:
    storm.database_goes_away((owner,), True)
    for _ in range(8):
        storm.time_passes(40)
        storm.nothing_is_dialled_twice()
        storm.rows_agree()


def cut_off_and_deaf(storm: Storm, owner: int) -> None:
    storm.switch_misbehaves(owner, "Hangup", True)
    cut_off(storm, owner)


def killed_and_away(storm: Storm, owner: int) -> None:
    storm.process(owner, "is killed")
    for _ in range(6):
        storm.time_passes(40)
        storm.rows_agree()


def deaf_to_hangup(storm: Storm, owner: int) -> None:
    storm.switch_misbehaves(owner, "deaf to hangup", True)
    storm.process(owner, "drains")
    for _ in range(8):
        storm.time_passes(40)
        storm.nothing_is_dialled_twice()
        storm.rows_agree()


def answers_lost(storm: Storm, owner: int) -> None:
    storm.database_answers_get_lost(owner, True)
    for _ in range(6):
        storm.time_passes(40)
        storm.nothing_is_dialled_twice()
        storm.rows_agree()


@pytest.mark.parametrize("trouble", [cut_off, cut_off_and_deaf, killed_and_away, deaf_to_hangup, answers_lost])
def test_a_known_storm_in_the_middle_of_calls(on_sqlite: type[Storm], trouble: Callable[[Storm, int], None]) -> None:
    """Storms that chance would seldom make: three answered calls, and one thing goes wrong for minutes."""
    storm = on_sqlite()
    try:
        storm.begin(["answer", "answer", "answer"], 3)
        owner = next(index for index, node in enumerate(storm.nodes) if node.switch.channels)
        trouble(storm, owner)
    finally:
        storm.teardown()


@pytest.mark.postgres
@pytest.mark.parametrize("trouble", [cut_off, killed_and_away])
def test_a_known_storm_over_postgresql(
    postgres_server: TemporaryPostgres, quiet_logs: None, trouble: Callable[[Storm, int], None]
) -> None:
    with fresh_database(postgres_server, f"storm_{uuid4().hex}") as url:

        class OnPostgres(Storm):
            def make_url(self) -> str:
                self.url = url
                empty = DatabaseManager(url, InProcessDoorbell(), VirtualClock(self.loop))
                self.loop.perform(empty.upgrade())
                self.loop.perform(empty.close())
                return url

        storm = OnPostgres()
        try:
            storm.begin(["answer", "answer", "answer"], 3)
            owner = next(index for index, node in enumerate(storm.nodes) if node.switch.channels)
            trouble(storm, owner)
        finally:
            storm.teardown()
