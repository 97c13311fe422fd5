"""`opendeep demo` as a stranger runs it without a terminal: six fates judged from the database, an honest last line."""

import asyncio
import re
import sys
import wave
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from opendeep.common.data_models import Disposition
from opendeep.common.redis_client import InProcessDoorbell
from opendeep.database.db_manager import DatabaseManager
from opendeep.demo import story
from tests.support.sound import rms_dbfs

DEMO_DEADLINE_S = 240.0
AUDIBLE_DBFS = -45.0


@pytest.mark.timeout(300)
async def test_the_demo_makes_its_calls_and_judges_itself(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "opendeep", "demo", "--data-dir", str(tmp_path),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(DEMO_DEADLINE_S):
            output = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    last = output.strip().splitlines()[-1]
    found = re.fullmatch(r"DEMO ok tasks=6 calls=(\d+) completed=(\d+) report=([0-9a-f-]{36})", last)
    assert found, output
    assert process.returncode == 0
    assert int(found[1]) >= 7  # the busy one was called again

    recordings = sorted((tmp_path / "recordings").rglob("*.wav"))
    assert len(recordings) >= 6
    for path in recordings:
        with wave.open(str(path)) as recording:
            assert (recording.getnchannels(), recording.getframerate()) == (2, 8000)
            frames = recording.readframes(recording.getnframes())
        assert rms_dbfs(frames) > AUDIBLE_DBFS, f"{path.name} is silent"

    secret = (tmp_path / "session.key").read_text().strip()
    log = (tmp_path / "opendeep.log").read_text()
    assert secret
    assert secret not in log
    assert "+12025550101" not in log  # numbers are masked

    db = DatabaseManager(f"sqlite+aiosqlite:///{tmp_path / 'opendeep.db'}", InProcessDoorbell())
    async with db.transaction() as work:
        user = await work.users.get_or_create(story.USER_NAME)
    evidence = await story.collect(db, user.id, UUID(found[3]))
    await db.close()
    assert all(holds for _, holds in story.judge(evidence))
    # The judgement is no formality: change what the database says, and it says so.
    spoiled = [replace(e, task=replace(e.task, disposition=Disposition.DECLINED)) for e in evidence]
    assert not any(holds for _, holds in story.judge(spoiled))
    assert not any(holds for _, holds in story.judge([]))


def test_the_form_is_filled_in_by_its_words() -> None:
    form = {
        "fields": [
            {"name": "call_window", "label": "When may I call?", "options": ["09:00 to 20:00", "any time"]},
            {"name": "may_say", "label": "What may I say when asked?", "value": None},
            {"name": "unknown", "label": "Something new", "value": "keep"},
            {"name": "colour", "label": "Colour", "options": ["red", "blue"]},
        ]
    }
    assert story.fill_in(form) == {
        "call_window": "any time",
        "may_say": "The visit takes about thirty minutes. The visit is free of charge.",
        "unknown": "keep",
        "colour": "red",
    }
