"""Two real processes over one real PostgreSQL, and the cable of one of them is pulled in the middle of a call.

The cut-off node ends its call before the other one closes the row; the task goes on once, and nobody is called twice.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from tests.support.cable import Cable
from tests.support.product import Product, product, user_at_page
from tests.support.trouble import (
    LATER,
    TONE_NUMBER,
    call_in_progress,
    calls_of,
    eventually,
    logged,
    only_task,
    start_call,
)

pytestmark = pytest.mark.postgres

LEASE_S = 5  # the fence after 15 s, the takeover after 25 s


def line_of(program: Product, event: str) -> dict[str, Any]:
    """The first log line of that name."""
    lines = (json.loads(line) for line in program.log.read_text().splitlines() if line.startswith("{"))
    return next(dict(line) for line in lines if line["event"] == event)


def at(line: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(line["timestamp"])


@pytest.mark.timeout(300)
async def test_a_node_that_is_cut_off_ends_its_call_before_another_closes_it(postgres_url: str, tmp_path: Path) -> None:
    server = make_url(postgres_url)
    folders = [tmp_path / "cut", tmp_path / "well"]
    for folder in folders:
        folder.mkdir()
    shared = {"SECRET_KEY": "the same on every node", "LEASE_S": str(LEASE_S)}
    async with Cable(server.host or "127.0.0.1", server.port or 5432) as cable:
        through = server.set(host="127.0.0.1", port=cable.port).render_as_string(hide_password=False)
        first = product(folders[0], NODE_ID="cut", DATABASE_URL=through, **shared)
        roles = "web,voice,analysis"
        second = product(folders[1], NODE_ID="well", DATABASE_URL=postgres_url, OPENDEEP_ROLES=roles, **shared)
        async with first as cut_off, second as well:
            await cut_off.ready()
            async with user_at_page(cut_off.url) as user:
                campaign = await start_call(user, TONE_NUMBER, LATER)
                await call_in_progress(user, campaign)
            await well.ready()
            cable.cut()
            await logged(cut_off, "calls.fenced", deadline_s=LEASE_S * 8)
            assert "call.reconciled" not in well.events()
            await eventually(lambda: its_end(cut_off))
            await logged(well, "call.reconciled", deadline_s=LEASE_S * 20)
            cable.mend()
            async with user_at_page(well.url) as user:
                await logged(cut_off, "call.closed_elsewhere")
                (only,) = await calls_of(user, (await only_task(user, campaign))["id"])
                assert only["status"] == "LOST"
                assert "vanished" in only["end_reason"]
                assert (await only_task(user, campaign))["attempts"] == 1
        ended, closed = line_of(cut_off, "calls.fenced"), line_of(well, "call.reconciled")
        assert (at(closed) - at(ended)).total_seconds() >= LEASE_S
        assert cut_off.events().count("call.failed") == 0


async def its_end(program: Product) -> bool:
    """Whether the node has hung up and Asterisk has confirmed it; it has no rows to tell that from."""
    lines = (json.loads(line) for line in program.log.read_text().splitlines() if line.startswith("{"))
    return str([line["new"] for line in lines if line["event"] == "call.attempt"][-1]) == "COMPLETED"
