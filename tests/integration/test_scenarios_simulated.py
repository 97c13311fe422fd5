"""Every scenario on the simulated switch: it says what the real Asterisk was recorded to say.

The recordings are checked against a real Asterisk in ``tests/e2e/test_scenarios_on_asterisk.py``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.scenarios.recordings import difference_from, file_of
from tests.support.scenarios.schema import load, load_all
from tests.support.scenarios.worlds import Outcome, chosen_by, run_on_simulation

SCENARIOS = load_all()
MIXED = [
    "busy-local", "busy_at_once-local", "callee_hangs_up-local", "early_media_without_end-local",
    "hangup_while_it_rings-local", "rings_without_end-local", "we_press_keys-local", "busy-direct",
    "answers_at_once-direct",
]  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def outcomes(request: pytest.FixtureRequest) -> AsyncIterator[dict[str, Outcome]]:
    """All scenarios of this run, acted out beside each other on one simulated switch."""
    yield await run_on_simulation(chosen_by(request, SCENARIOS), SCENARIOS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_it_says_what_asterisk_says(name: str, outcomes: dict[str, Outcome]) -> None:
    found = difference_from(name, outcomes[name])
    assert not found, f"{name}\n{found}"


@pytest.mark.parametrize("seed", [1, 2])
async def test_mixed_orders_are_orders_of_asterisk(seed: int) -> None:
    outcomes = await run_on_simulation({name: SCENARIOS[name] for name in MIXED}, SCENARIOS, shuffle_seed=seed)
    assert {name: difference_from(name, outcome) for name, outcome in outcomes.items()} == dict.fromkeys(MIXED, "")


def test_what_is_different_is_shown_and_nothing_else() -> None:
    recorded = file_of("busy-direct").read_text(encoding="utf-8")
    found = difference_from("busy-direct", recorded.replace('"Cause": "17"', '"Cause": "21"', 1))
    changed = [line for line in found.splitlines() if line.startswith(("-  ", "+  "))]
    assert len(changed) == 2
    assert '"Cause": "17"' in changed[0]
    assert '"Cause": "21"' in changed[1]
    assert difference_from("busy-direct", recorded) == ""


def test_a_mistake_in_a_scenario_names_the_file_and_the_field(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("about: A mistake.\nsteps: [{wait: for_ever}]\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"(?s)wrong\.yaml.*steps\.0\.wait"):
        load(file)
