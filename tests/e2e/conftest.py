"""Fixtures for tests against the real world: one Asterisk for the session, callees for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.ami_wire import WireAmi
from tests.support.asterisk import AsteriskProgram, AsteriskUnavailableError, RealAsterisk, find_asterisk
from tests.support.audiosocket_wire import WireAudioSocket
from tests.support.callees import Callees
from tests.support.services import require


@pytest.fixture(scope="session")
def asterisk_program() -> AsteriskProgram:
    """Where the Asterisk is; fetched into the user's cache when none is installed (80 MB, 15 s, once)."""
    try:
        return find_asterisk()
    except AsteriskUnavailableError as error:
        require("asterisk", False, str(error))
        raise


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def real_asterisk(asterisk_program: AsteriskProgram) -> AsyncIterator[RealAsterisk]:
    """One Asterisk for the whole run. Do not stop or kill it; make your own ``RealAsterisk`` for outages."""
    async with RealAsterisk() as asterisk:
        yield asterisk


@pytest.fixture
async def callees(real_asterisk: RealAsterisk) -> AsyncIterator[Callees]:
    """Starts callees and routes numbers to them; both end with the test."""
    async with Callees(real_asterisk) as started:
        yield started


@pytest.fixture
async def wire_ami(real_asterisk: RealAsterisk) -> AsyncIterator[WireAmi]:
    """A raw AMI session with the rights that the product has."""
    asterisk = real_asterisk
    async with WireAmi(asterisk.ami_host, asterisk.ami_port, asterisk.ami_username, asterisk.ami_secret) as session:
        yield session


@pytest.fixture
async def wire_audio() -> AsyncIterator[WireAudioSocket]:
    """A raw AudioSocket server on a free port."""
    async with WireAudioSocket() as server:
        yield server
