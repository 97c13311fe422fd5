"""Every scenario on the simulated switch: it says what the real Asterisk was recorded to say.

The recordings are checked against a real Asterisk in ``tests/e2e/test_scenarios_on_asterisk.py``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.scenarios.recordings import difference_from
from tests.support.scenarios.schema import load_all
from tests.support.scenarios.worlds import Outcome, chosen_by, run_on_simulation

SCENARIOS = load_all()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def outcomes(request: pytest.FixtureRequest) -> AsyncIterator[dict[str, Outcome]]:
    """All scenarios of this run, acted out beside each other on one simulated switch."""
    yield await run_on_simulation(chosen_by(request, SCENARIOS), SCENARIOS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_it_says_what_asterisk_says(name: str, outcomes: dict[str, Outcome]) -> None:
    found = difference_from(name, outcomes[name])
    assert not found, f"{name}\n{found}"
