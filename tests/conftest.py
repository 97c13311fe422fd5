"""Fixtures for every test: real PostgreSQL and Redis, one server for the session and a clean slate for each test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from tests.support.services import (
    MISSING_PART,
    TemporaryPostgres,
    TemporaryRedis,
    fresh_database,
    has_natural_voice,
    require,
)

TESTS = Path(__file__).parent
REAL_PARTS = frozenset({"e2e", "integration"})

settings.register_profile("opendeep", deadline=None)  # a busy machine is slow; what takes how long is for benchmarks
settings.load_profile("opendeep")

# structlog's own default draws a traceback with every local value: seconds for each logged error.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[TemporaryPostgres]:
    """A PostgreSQL cluster that lives as long as the test run. Do not stop it; make your own ``TemporaryPostgres``."""
    require("postgres", TemporaryPostgres.available(), "install the package postgresql")
    with TemporaryPostgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: TemporaryPostgres) -> Iterator[str]:
    """``postgresql+asyncpg://…`` of an empty database that belongs to this test alone."""
    with fresh_database(postgres_server, f"test_{uuid.uuid4().hex}") as url:
        yield url


@pytest.fixture(scope="session")
def redis_server() -> Iterator[TemporaryRedis]:
    """A Redis that lives as long as the test run. Do not stop it; make your own ``TemporaryRedis`` for outages."""
    require("redis", TemporaryRedis.available(), "install the package redis-server")
    with TemporaryRedis() as server:
        yield server


@pytest.fixture
def redis_url(redis_server: TemporaryRedis) -> Iterator[str]:
    """``redis://…`` of an empty Redis."""
    redis_server.flush()
    yield redis_server.url
    redis_server.flush()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who waits for real parts on a machine with two cores may be late once; how often that was is told at the end."""
    for item in items:
        if REAL_PARTS.intersection(item.path.relative_to(TESTS).parts[:1]):
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests of what is understood need a voice that can be understood."""
    if item.get_closest_marker("natural_voice"):
        require("natural voice", has_natural_voice(), "install the package libflite1")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the parts that were missing, so that nobody takes a skipped world for a tested one; name the repeated."""
    if repeated := terminalreporter.stats.get("rerun", []):
        terminalreporter.write_line(f"UNSTEADY: {len(repeated)} tests failed once and were repeated", red=True)
        for report in repeated:
            crash = getattr(report.longrepr, "reprcrash", None)
            why = str(crash.message if crash is not None else report.longrepr).partition("\n")[0]
            terminalreporter.write_line(f"  {report.nodeid}: {why[:300]}", red=True)
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = [str(report.longrepr[2]) for report in skipped if isinstance(report.longrepr, tuple)]
    missing = sorted({reason.removeprefix("Skipped: ") for reason in reasons if MISSING_PART in reason})
    count = sum(MISSING_PART in reason for reason in reasons)
    if count:
        terminalreporter.write_line(f"NOT TESTED: {count} tests were skipped because a part is missing", red=True)
        for reason in missing:
            terminalreporter.write_line(f"  {reason}", red=True)
