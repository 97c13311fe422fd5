"""The two worlds in which scenarios are acted out: the real Asterisk with SIP phones, and the simulated switch.

Both have the manager's user that the project ships. Owns their start and end; ``run_all`` acts out many scenarios at
a time on one switch.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import numpy as np
import pytest

from opendeep.simulation import Callee as SimulatedCallee
from opendeep.simulation import SimulatedSwitch
from tests.support.asterisk import RealAsterisk
from tests.support.callees import Callees
from tests.support.scenarios.callees import ScriptedPhone, simulated
from tests.support.scenarios.lateness import Lateness
from tests.support.scenarios.runner import act_out
from tests.support.scenarios.schema import Callee, Route, Scenario
from tests.support.scenarios.transcript import as_text, transcribe
from tests.unit.simulation.support import FakeEngines

# Two cores, and fifty packets a second in each direction for each call; the simulated switch shares our one loop.
AT_ONCE_ON_ASTERISK, AT_ONCE_IN_SIMULATION = 12, 8
ATTEMPTS = 3
WAV_HEAD_BYTES = 44
SHIPPED_RIGHTS = frozenset({"call", "dtmf", "system", "reporting"})
USER, SECRET = "opendeep", "test-ami-secret"

Scenarios = dict[str, tuple[Scenario, Route]]


def number_of(index: int) -> str:
    """The number of the scenario with this index, in E.164."""
    return f"+4930123{index:05}"


class RealWorld:
    """An Asterisk of its own: a refused channel id leaves it unable to end by itself, so it is killed."""

    def __init__(self, asterisk: RealAsterisk, callees: Callees) -> None:
        self._callees = callees
        self._phones: dict[str, ScriptedPhone] = {}
        self.ami_address = asterisk.ami_host, asterisk.ami_port
        self.ami_username, self.ami_secret = asterisk.ami_username, asterisk.ami_secret

    @contextlib.asynccontextmanager
    async def calling(self, number: str, callee: Callee | None) -> AsyncIterator[None]:
        if callee is None:
            yield
            return
        async with ScriptedPhone(callee) as scripted:
            await self._callees.route(number, scripted.phone.sip_port)
            self._phones[number] = scripted
            yield

    async def heard_by_callee(self, number: str, call_id: str) -> bytes:
        scripted = self._phones.get(number)
        return scripted.phone.received() if scripted is not None else b""


@contextlib.asynccontextmanager
async def real_world() -> AsyncIterator[RealWorld]:
    """Raises AsteriskUnavailableError."""
    async with RealAsterisk() as asterisk:
        try:
            async with Callees(asterisk) as callees:
                yield RealWorld(asterisk, callees)
        finally:
            await asterisk.kill()


class SimulatedWorld:
    """The simulated switch on the real clock, with every scenario's callee in its directory."""

    def __init__(self, switch: SimulatedSwitch, records: Path) -> None:
        self._records = records
        self.ami_address = switch.ami_address
        self.ami_username, self.ami_secret = USER, SECRET

    @contextlib.asynccontextmanager
    async def calling(self, number: str, callee: Callee | None) -> AsyncIterator[None]:
        yield

    async def heard_by_callee(self, number: str, call_id: str) -> bytes:
        file = self._records / f"{call_id}.wav"
        if not file.exists():
            return b""
        # The head of the file says how long it is only when the call is over; what the callee heard is on the left.
        return bytes(np.frombuffer(file.read_bytes()[WAV_HEAD_BYTES:], "<i2")[::2].tobytes())


@contextlib.asynccontextmanager
async def simulated_world(callees: list[SimulatedCallee], shuffle_seed: int | None) -> AsyncIterator[SimulatedWorld]:
    engines = FakeEngines()
    with tempfile.TemporaryDirectory(prefix="opendeep-scenarios-") as records:
        async with SimulatedSwitch(
            synthesizer=engines, recognizer=engines, username=USER, secret=SECRET, callees=callees,
            trunks=frozenset({"trunk"}), event_classes=SHIPPED_RIGHTS, record_dir=Path(records),
            shuffle_seed=shuffle_seed,
        ) as switch:  # fmt: skip
            yield SimulatedWorld(switch, Path(records))


def simulated_callees(scenarios: Scenarios, order: list[str]) -> list[SimulatedCallee]:
    """One callee file for each number."""
    by_number = {
        scenario.number or number_of(order.index(name)): (name, scenario.callee)
        for name, (scenario, _) in scenarios.items()
        if scenario.callee is not None
    }
    return [simulated(name, number, callee) for number, (name, callee) in by_number.items()]


Outcome = str | Exception


async def run_all(
    world: RealWorld | SimulatedWorld, scenarios: Scenarios, order: list[str], at_once: int
) -> dict[str, Outcome]:
    """Act out the scenarios, some at a time; what one of them raises is its result and harms no other.

    Those that want to be alone come last, one by one.
    """
    async with Lateness() as lateness:
        stage = Stage(world, order, at_once, lateness)
        return await stage.play(scenarios)


class Stage:
    """Where scenarios are acted out: so many at a time, again when this machine was too busy meanwhile."""

    def __init__(self, world: RealWorld | SimulatedWorld, order: list[str], at_once: int, lateness: Lateness) -> None:
        self._world, self._order, self._lateness = world, order, lateness
        self._places = asyncio.Semaphore(at_once)

    async def play(self, scenarios: Scenarios) -> dict[str, Outcome]:
        """Return what each of them said or raised."""
        outcomes: dict[str, Outcome] = {}
        together = {name: found for name, found in scenarios.items() if not found[0].alone}
        alone = [{name: found} for name, found in scenarios.items() if found[0].alone]
        for batch in (together, *alone):
            results = await asyncio.gather(*(self._one(name, *found) for name, found in batch.items()))
            outcomes.update(zip(batch, results, strict=True))
        return outcomes

    async def _one(self, name: str, scenario: Scenario, route: Route) -> Outcome:
        number = scenario.number or number_of(self._order.index(name))
        for _ in range(ATTEMPTS):
            async with self._places:
                began_s = asyncio.get_running_loop().time()
                outcome = await self._try(scenario, route, number)
            if not self._lateness.since(began_s):
                break
        return outcome

    async def _try(self, scenario: Scenario, route: Route, number: str) -> Outcome:
        try:
            return as_text(transcribe(await act_out(scenario, route, number, self._world)))
        except Exception as error:  # boundary: one scenario; its test raises it again
            return error


async def run_on_asterisk(scenarios: Scenarios, order: Iterable[str]) -> dict[str, Outcome]:
    async with real_world() as world:
        return await run_all(world, scenarios, list(order), AT_ONCE_ON_ASTERISK)


async def run_on_simulation(
    scenarios: Scenarios, order: Iterable[str], shuffle_seed: int | None = None
) -> dict[str, Outcome]:
    """With a seed the switch mixes the orders of events that Asterisk does not promise."""
    ordered = list(order)
    async with simulated_world(simulated_callees(scenarios, ordered), shuffle_seed) as world:
        return await run_all(world, scenarios, ordered, AT_ONCE_IN_SIMULATION)


def chosen_by(request: pytest.FixtureRequest, scenarios: Scenarios) -> Scenarios:
    """The scenarios whose tests were selected, so that one of them can be run without the others."""
    selected = {
        item.callspec.params.get("name")
        for item in request.session.items
        if item.path == request.path and hasattr(item, "callspec")
    }
    return {name: one for name, one in scenarios.items() if name in selected}
