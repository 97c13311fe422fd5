"""The machine's own checks, at their limits."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from opendeep.doctor.findings import Level
from opendeep.doctor.general import (
    LEAST_HOURS,
    RECORDING_BYTES_PER_HOUR,
    WANTED_HOURS,
    judge_disk,
    judge_host_name,
    judge_time_zone,
)

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "level"),
    [
        (LEAST_HOURS - 0.1, Level.FAIL),
        (LEAST_HOURS, Level.WARN),
        (WANTED_HOURS - 1, Level.WARN),
        (WANTED_HOURS, Level.OK),
    ],
)
def test_disk(hours: int, level: Level) -> None:
    finding = judge_disk(Path("/data"), hours * RECORDING_BYTES_PER_HOUR)
    assert finding.level == level
    assert "/data" in finding.detail


def test_a_machine_in_utc_may_serve_any_zone() -> None:
    assert judge_time_zone("Europe/Berlin", NOON).detail == "it is 14:00 in Europe/Berlin"
    assert judge_time_zone("Europe/Berlin", NOON).level == Level.OK


def test_a_machine_in_the_users_zone_is_right_and_in_another_is_doubted() -> None:
    summer = timezone(timedelta(hours=2), "CEST")
    assert judge_time_zone("Europe/Berlin", NOON.astimezone(summer)).level == Level.OK
    doubted = judge_time_zone("America/New_York", NOON.astimezone(summer))
    assert doubted.level == Level.WARN
    assert "14:00 CEST" in doubted.detail
    assert "DEFAULT_TIMEZONE" in doubted.advice


async def test_host_name() -> None:
    assert (await judge_host_name("localhost")).level == Level.OK
    missing = await judge_host_name("no-such-host.invalid")
    assert missing.level == Level.WARN
    assert "/etc/hosts" in missing.advice
