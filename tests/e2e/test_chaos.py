"""A small campaign while its processes, its switch, its database and its doorbell are killed; `make chaos` is the large
one. Who was called when is judged by the callees' own SIP traces.
"""

from pathlib import Path

import pytest

from tests.chaos.run import run
from tests.chaos.world import Size
from tests.support.asterisk import AsteriskProgram, SippCallee
from tests.support.services import TemporaryPostgres, TemporaryRedis, require

DEADLINE_S = 600


@pytest.mark.asterisk
@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.timeout(DEADLINE_S)
@pytest.mark.parametrize("seed", [1, 2])
async def test_nothing_is_dialled_twice_and_nothing_is_lost(
    seed: int, tmp_path: Path, asterisk_program: AsteriskProgram
) -> None:
    require("postgres", TemporaryPostgres.available(), "install the package postgresql")
    require("redis", TemporaryRedis.available(), "install the package redis-server")
    require("sipp", SippCallee.available(), "install the package sip-tester")
    report = await run(Size(tasks=24, faults=5, seed=seed, lines=2), tmp_path, print)
    assert report.findings == [], f"seed {seed}; logs in {tmp_path}"
