"""`opendeep doctor` finds what is wrong, names it, and says what to do; against real parts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from opendeep.common.redis_client import InProcessDoorbell
from opendeep.config.app_config import AppConfig, embedded_environment, load_config
from opendeep.database.db_manager import DatabaseManager
from opendeep.doctor.examination import examine
from opendeep.doctor.findings import Finding, Level
from opendeep.doctor.general import check_database, check_redis, check_voice
from tests.integration.audio_realtime import fake_realtime
from tests.support.services import TemporaryRedis

UNREACHABLE = "127.0.0.9"  # loopback, but nobody listens there


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppConfig:
    monkeypatch.chdir(tmp_path)
    for name in AppConfig.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return load_config(data_dir=tmp_path)


def helpful(finding: Finding, *words: str) -> None:
    """Wrong, and the advice names the setting or command."""
    assert finding.level == Level.FAIL
    for word in words:
        assert word in f"{finding.detail} {finding.advice}"


async def test_embedded_defaults_are_all_right(config: AppConfig) -> None:
    findings = {finding.part: finding for finding in await examine(config)}
    assert findings["database"].level == Level.OK
    assert {finding.part for finding in findings.values() if finding.level == Level.UNUSED} == {
        "redis", "asterisk", "voice and text AI", "voice AI session", "business lookup",
    }  # fmt: skip
    assert Level.FAIL not in {finding.level for finding in findings.values()}


@pytest.mark.postgres
async def test_an_old_schema_is_found(config: AppConfig, postgres_url: str) -> None:
    there = config.model_copy(update={"database_url": postgres_url})
    helpful(await check_database(there), "opendeep db upgrade")
    db = DatabaseManager(postgres_url, InProcessDoorbell())
    await db.upgrade()
    await db.close()
    assert (await check_database(there)).level == Level.OK


async def test_a_missing_database_is_found(config: AppConfig) -> None:
    nowhere = config.model_copy(update={"database_url": f"postgresql+asyncpg://a:b@{UNREACHABLE}:1/x"})
    helpful(await check_database(nowhere), "DATABASE_URL")


@pytest.mark.redis
async def test_redis(config: AppConfig, redis_server: TemporaryRedis) -> None:
    assert (await check_redis(config.model_copy(update={"redis_url": redis_server.url}))).level == Level.OK
    helpful(await check_redis(config.model_copy(update={"redis_url": f"redis://{UNREACHABLE}:1"})), "REDIS_URL")


@pytest.mark.skipif(sys.platform != "linux", reason="addresses of the loopback range")
async def test_providers_that_refuse_or_are_away(config: AppConfig) -> None:
    away = config.model_copy(update={"openai_base_url": f"http://{UNREACHABLE}:1/v1"})
    findings = {finding.part: finding for finding in await examine(away)}
    helpful(findings["voice and text AI"], "OPENAI_BASE_URL")


async def test_the_voice_is_tried_by_opening_a_session(config: AppConfig) -> None:
    async with fake_realtime() as server:
        there = config.model_copy(
            update={
                "openai_realtime_url": server.url,
                "openai_api_key": SecretStr("a-key"),
                "openai_base_url": "http://x",
            }
        )
        assert (await check_voice(there)).level == Level.OK
        assert (await server.session()).headers["authorization"] == "Bearer a-key"
        server.status = 401
        helpful(await check_voice(there), "refuses the key", "OPENAI_API_KEY")
    helpful(await check_voice(there), "cannot be reached", "OPENAI_REALTIME_URL")


# ------------------------------------------------------------------ the command


def doctor(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = embedded_environment(DATA_DIR=str(folder / "var"), **settings) | {"COLUMNS": "60"}
    command = [sys.executable, "-m", "opendeep", "doctor", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env=environment, timeout=150, check=False
    )


def test_one_line_for_each_check_and_0_when_nothing_fails(tmp_path: Path) -> None:
    done = doctor(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert all(line.startswith(("ok", "warn", "not used", "         ")) for line in lines)
    assert sum(line.startswith("ok       database") for line in lines) == 1


def test_1_when_something_fails_with_what_to_do_on_the_next_line(tmp_path: Path) -> None:
    done = doctor(tmp_path, REDIS_URL=f"redis://{UNREACHABLE}:1")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    [at] = [number for number, line in enumerate(lines) if line.startswith("fail")]
    assert "redis" in lines[at]
    assert lines[at + 1].strip() == "→ Check REDIS_URL, and that the server runs."


def test_json_for_programs(tmp_path: Path) -> None:
    done = doctor(tmp_path, "--json", REDIS_URL=f"redis://{UNREACHABLE}:1")
    assert done.returncode == 1
    [redis] = [finding for finding in json.loads(done.stdout) if finding["part"] == "redis"]
    assert redis["level"] == "fail"
    assert set(redis) == {"part", "level", "detail", "advice", "where"}


def test_a_folder_that_does_not_exist_is_said_at_once(tmp_path: Path) -> None:
    done = doctor(tmp_path, "--asterisk-config", os.fspath(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert "nowhere" in done.stderr.replace("\n", "").replace("│", "").replace(" ", "")
