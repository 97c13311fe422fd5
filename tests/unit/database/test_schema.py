"""Migrations, models and the reviewed snapshot say the same, on both databases."""

import re
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

from opendeep.common.redis_client import InProcessDoorbell
from opendeep.common.task_states import TERMINAL
from opendeep.database.db_manager import DatabaseManager
from opendeep.database.models import OPEN_TASK, Base
from opendeep.database.schema import SNAPSHOT, render_schema
from tests.support.database import sqlite_url
from tests.support.services import TemporaryPostgres, fresh_database


def test_the_snapshot_is_current() -> None:
    assert SNAPSHOT.read_text() == render_schema(), "run `opendeep db schema` and review the difference"


async def test_the_migrations_build_the_models_on_sqlite(tmp_path: Path) -> None:
    db = DatabaseManager(sqlite_url(tmp_path), InProcessDoorbell())
    await db.upgrade()
    await db.upgrade()  # a second time is nothing to do
    await db.close()
    by_models = create_engine(f"sqlite:///{tmp_path / 'models.db'}")
    Base.metadata.create_all(by_models)

    def schema(path: Path) -> dict[str, list[str]]:
        engine = create_engine(f"sqlite:///{path}")
        with engine.connect() as connection:
            rows = connection.execute(
                text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name != 'alembic_version'")
            ).all()
        engine.dispose()
        between_parts = re.compile(r",\s(?![^(]*\))|\n")  # a column that was added later stands on the line before
        return {name: sorted(filter(None, (p.strip(" \t,()") for p in between_parts.split(sql)))) for name, sql in rows}

    migrated, modelled = schema(tmp_path / "test.db"), schema(tmp_path / "models.db")
    by_models.dispose()
    assert migrated == modelled


@pytest.mark.postgres
async def test_the_migrations_build_the_models_on_postgresql(postgres_server: TemporaryPostgres) -> None:
    with fresh_database(postgres_server, "by_models") as models_url, fresh_database(postgres_server, "migrated") as url:
        engine = create_async_engine(models_url)
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        await engine.dispose()
        db = DatabaseManager(url, InProcessDoorbell())
        await db.upgrade()
        await db.upgrade()
        await db.close()

        def dump(database: str) -> list[str]:
            plain = database.replace("postgresql+asyncpg://", "postgresql://")
            command = ["pg_dump", "--schema-only", "--no-owner", "--exclude-table=alembic_version", plain]
            out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            lines = (line.strip(" ,") for line in out.splitlines())
            return sorted(line for line in lines if line and not line.startswith(("--", "\\restrict", "\\unrestrict")))

        assert dump(url) == dump(models_url)


def test_open_tasks_are_those_that_are_not_terminal() -> None:
    """The condition is written out, because only so a partial index serves it."""
    assert set(re.findall(r"'(\w+)'", OPEN_TASK)) == {status.value for status in TERMINAL}
