"""A rehearsal can reach nobody but its own callees: the product's settings are closed, dial strings lead home."""

from pathlib import Path

import pytest

from opendeep.call_processor_service.ami_action import DialRequest, originate
from opendeep.call_processor_service.dial_strings import trunk_channel
from opendeep.common.errors import ConfigurationError
from opendeep.common.ids import new_id
from opendeep.config.app_config import AppConfig, embedded_environment
from opendeep.config.trunk_config import load_trunks
from opendeep.rehearsal.asterisk_world import asterisk_settings, own_address, require_asterisk
from opendeep.rehearsal.options import Options, ProviderName, product_settings

PHONES = ("127.0.0.1", 5099)


def config(**settings: str) -> AppConfig:
    return AppConfig.model_validate({name.lower(): value for name, value in settings.items()})


@pytest.fixture
def dangerous(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AppConfig:
    """The environment of somebody with a real Asterisk, trunks, a database and colleagues."""
    trunks = tmp_path / "trunks.yaml"
    trunks.write_text("trunks: {carrier: {channel: 'PJSIP/{number}@carrier', max_calls: 9, calls_per_second: 1}}\n")
    for name, value in {
        "ASTERISK_AMI_HOST": "127.0.0.1", "ASTERISK_AMI_SECRET": "hush", "TRUNKS_FILE": str(trunks),
        "DATABASE_URL": "postgresql+asyncpg://prod/prod", "REDIS_URL": "redis://prod",
        "TRANSFER_TARGETS": "reception=+12025550123", "APP_TEST_MODE": "True", "OPENAI_API_KEY": "sk-mine",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    return AppConfig()


def child_config(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> AppConfig:
    """The settings as the product will read them."""
    for name, value in embedded_environment(**settings).items():
        monkeypatch.setenv(name, value)
    return AppConfig()


def test_nothing_of_the_user_s_own_reaches_the_product(
    dangerous: AppConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = product_settings(Options(out=tmp_path), dangerous) | asterisk_settings(dangerous, PHONES)
    child = child_config(monkeypatch, settings)
    assert child.database_url is None
    assert child.redis_url is None
    assert child.trunks_file is None
    assert child.transfer_places == {}
    assert child.offline_ai
    assert not child.app_test_mode
    assert child.internal_extensions == ()


def test_every_dial_string_leads_to_this_process_and_is_a_valid_action(
    dangerous: AppConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = product_settings(Options(out=tmp_path), dangerous) | asterisk_settings(dangerous, PHONES)
    child = child_config(monkeypatch, settings)
    (trunk,) = load_trunks(child)
    channel = trunk_channel(trunk.channel_template, "+12025550101")
    assert channel == "PJSIP/7000/sip:+12025550101@127.0.0.1:5099"
    assert child.asterisk_extension_template.endswith("@127.0.0.1:5099")
    action = originate(DialRequest(new_id(), channel, ("127.0.0.1", 9092), 30_000))
    assert ("Channel", channel) in action.headers


def test_the_user_s_own_provider_is_passed_on_when_it_is_asked_for(dangerous: AppConfig, tmp_path: Path) -> None:
    settings = product_settings(Options(out=tmp_path, provider=ProviderName.OPENAI), dangerous)
    assert settings["OPENAI_API_KEY"] == "sk-mine"
    assert settings["OPENAI_REALTIME_MODEL"] == dangerous.openai_realtime_model
    assert "sk-mine" not in repr(Options(out=tmp_path))


def test_a_provider_that_is_not_set_up_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
        product_settings(Options(out=tmp_path, provider=ProviderName.OPENAI), config(OPENAI_API_KEY=""))


def test_an_asterisk_that_is_not_set_up_or_cannot_reach_us_is_told() -> None:
    with pytest.raises(ConfigurationError, match="ASTERISK_AMI_HOST"):
        require_asterisk(config(ASTERISK_AMI_HOST=""))
    far = config(ASTERISK_AMI_HOST="10.0.0.5", ASTERISK_AMI_SECRET="s")
    with pytest.raises(ConfigurationError, match="AUDIOSOCKET_PUBLIC_HOST"):
        require_asterisk(far)
    reachable = config(ASTERISK_AMI_HOST="10.0.0.5", ASTERISK_AMI_SECRET="s", AUDIOSOCKET_PUBLIC_HOST="10.0.0.9")
    assert own_address(reachable) == "10.0.0.9"
    assert own_address(config(ASTERISK_AMI_HOST="localhost", ASTERISK_AMI_SECRET="s")) == "127.0.0.1"


def test_fifty_calls_at_once_are_as_many_as_the_machine_carries(tmp_path: Path) -> None:
    asked = Options(out=tmp_path, parallel=50, repeat=1)
    assert 4 <= asked.at_once <= 50
    assert asked.at_once == Options(out=tmp_path, parallel=5000).at_once or asked.at_once == 50
    assert Options(out=tmp_path, parallel=1).at_once == 1
    assert Options(out=tmp_path).at_once >= 2
    assert product_settings(asked, config())["MAX_CONCURRENT_CALLS"] == str(asked.at_once)
