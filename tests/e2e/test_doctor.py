"""`opendeep doctor` finds what is wrong, names it, and says what to do; against real parts."""

import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from opendeep.common.redis_client import InProcessDoorbell
from opendeep.config.app_config import AppConfig, load_config
from opendeep.database.db_manager import DatabaseManager
from opendeep.doctor import Finding, check_asterisk, check_database, check_redis, examine
from tests.support.asterisk import RealAsterisk
from tests.support.services import TemporaryRedis

UNREACHABLE = "127.0.0.9"  # loopback, but nobody listens there


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppConfig:
    monkeypatch.chdir(tmp_path)
    for name in AppConfig.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return load_config(data_dir=tmp_path)


def with_asterisk(config: AppConfig, asterisk: RealAsterisk, **changes: object) -> AppConfig:
    settings: dict[str, object] = {
        "asterisk_ami_host": asterisk.ami_host,
        "asterisk_ami_port": asterisk.ami_port,
        "asterisk_ami_username": asterisk.ami_username,
        "asterisk_ami_secret": SecretStr(asterisk.ami_secret),
    }
    return config.model_copy(update=settings | changes)


def helpful(finding: Finding, *words: str) -> None:
    """Wrong, and the advice names the setting or command."""
    assert finding.ok is False
    for word in words:
        assert word in f"{finding.detail} {finding.advice}"


async def test_embedded_defaults_are_all_right(config: AppConfig) -> None:
    findings = {finding.part: finding for finding in await examine(config)}
    assert findings["database"].ok
    assert {name for name, f in findings.items() if f.ok is None} == set(findings) - {"database"}


@pytest.mark.postgres
async def test_an_old_schema_is_found(config: AppConfig, postgres_url: str) -> None:
    there = config.model_copy(update={"database_url": postgres_url})
    helpful(await check_database(there), "opendeep db upgrade")
    db = DatabaseManager(postgres_url, InProcessDoorbell())
    await db.upgrade()
    await db.close()
    assert (await check_database(there)).ok


async def test_a_missing_database_is_found(config: AppConfig) -> None:
    nowhere = config.model_copy(update={"database_url": f"postgresql+asyncpg://a:b@{UNREACHABLE}:1/x"})
    helpful(await check_database(nowhere), "DATABASE_URL")


@pytest.mark.redis
async def test_redis(config: AppConfig, redis_server: TemporaryRedis) -> None:
    assert (await check_redis(config.model_copy(update={"redis_url": redis_server.url}))).ok
    helpful(await check_redis(config.model_copy(update={"redis_url": f"redis://{UNREACHABLE}:1"})), "REDIS_URL")


@pytest.mark.asterisk
async def test_asterisk(config: AppConfig, real_asterisk: RealAsterisk) -> None:
    assert (await check_asterisk(with_asterisk(config, real_asterisk))).ok
    refused = with_asterisk(config, real_asterisk, asterisk_ami_secret=SecretStr("wrong"))
    helpful(await check_asterisk(refused), "ASTERISK_AMI_USERNAME")
    helpful(await check_asterisk(with_asterisk(config, real_asterisk, asterisk_ami_port=1)), "manager.conf")
    deaf = with_asterisk(config, real_asterisk, audiosocket_public_host=UNREACHABLE)
    helpful(await check_asterisk(deaf), "AUDIOSOCKET_PUBLIC_HOST")


@pytest.mark.skipif(sys.platform != "linux", reason="addresses of the loopback range")
async def test_providers_that_refuse_or_are_away(config: AppConfig) -> None:
    away = config.model_copy(update={"openai_base_url": f"http://{UNREACHABLE}:1/v1"})
    findings = {finding.part: finding for finding in await examine(away)}
    helpful(findings["voice and text AI"], "OPENAI_BASE_URL")
