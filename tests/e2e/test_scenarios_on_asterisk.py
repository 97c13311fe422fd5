"""Every scenario on a real Asterisk: what was recorded from it is still what it says.

The simulated switch is held to the same recordings in ``tests/integration/test_scenarios_simulated.py``, so the two
say the same, scenario by scenario.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.asterisk import AsteriskProgram
from tests.support.scenarios.recordings import difference_from, names
from tests.support.scenarios.schema import load_all
from tests.support.scenarios.worlds import Outcome, chosen_by, run_on_asterisk

pytestmark = pytest.mark.asterisk

SCENARIOS = load_all()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def outcomes(
    request: pytest.FixtureRequest, asterisk_program: AsteriskProgram
) -> AsyncIterator[dict[str, Outcome]]:
    """All scenarios of this run, acted out beside each other on one Asterisk."""
    yield await run_on_asterisk(chosen_by(request, SCENARIOS), SCENARIOS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_recording_is_still_true(name: str, outcomes: dict[str, Outcome]) -> None:
    found = difference_from(name, outcomes[name])
    assert not found, f"{name}\n{found}"


def test_there_is_no_recording_without_a_scenario() -> None:
    assert set(names()) == set(SCENARIOS)
