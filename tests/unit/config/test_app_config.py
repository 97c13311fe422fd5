"""Settings: the owner's names, one line per mistake, the example file complete."""

import re
from pathlib import Path

import pytest

from opendeep.common.errors import ConfigurationError
from opendeep.config.app_config import AppConfig, load_config

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in AppConfig.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def test_defaults_are_the_embedded_world() -> None:
    config = load_config()
    assert config.simulated_telephony
    assert config.offline_ai
    assert config.sample_directory
    assert config.effective_database_url.startswith("sqlite+aiosqlite:///")
    assert len(config.opendeep_roles) == 5


def test_the_owners_names_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "APP_TEST_MODE": "True",
        "APP_TEST_MODE_REDIRECT_NUMBER": "7000",
        "MAX_CONCURRENT_CALLS": "25",
        "GOOGLE_API_KEY": "g",
        "OPENAI_API_KEY": "o",
    }.items():
        monkeypatch.setenv(name, value)
    config = load_config()
    assert config.app_test_mode
    assert config.concurrent_calls == 1  # test mode forces one call at a time
    assert not config.offline_ai
    assert not config.sample_directory
    assert "g" not in repr(config.google_api_key)


@pytest.mark.parametrize(
    ("test_mode", "number", "needed"),
    [(False, "7000", True), (True, "7000", False), (True, "7001", False), (True, "+12025550123", True)],
)
def test_trunks_are_needed_unless_all_calls_stay_inside(test_mode: bool, number: str, needed: bool) -> None:
    assert load_config(app_test_mode=test_mode, app_test_mode_redirect_number=number).needs_trunks is needed


def test_every_mistake_has_its_own_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_CONCURRENT_CALLS", "many")
    monkeypatch.setenv("DEFAULT_TIMEZONE", "Mars/Base")
    monkeypatch.setenv("OPENDEEP_ROLES", "web,cook")
    monkeypatch.setenv("WEB_PORT", "99999")
    with pytest.raises(ConfigurationError) as refused:
        load_config()
    lines = str(refused.value).splitlines()
    assert len(lines) == 4
    for name in ("MAX_CONCURRENT_CALLS", "DEFAULT_TIMEZONE", "OPENDEEP_ROLES", "WEB_PORT"):
        assert sum(name in line for line in lines) == 1


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ASTERISK_AMI_HOST", "127.0.0.1", "ASTERISK_AMI_SECRET must be set"),
        ("DATABASE_URL", "mysql://x", "DATABASE_URL must start with"),
        ("REDIS_URL", "localhost:6379", "REDIS_URL must start with"),
        ("ASTERISK_CHANNEL_TEMPLATE", "PJSIP/trunk", "must contain {number}"),
        ("OPENDEEP_ROLES", "", "at least one"),
        ("INTERNAL_EXTENSIONS", "7000,911", "911 is an emergency number"),
        ("APP_TEST_MODE_REDIRECT_NUMBER", "112", "112 is an emergency number"),
        ("TRANSFER_TARGETS", "desk=7001,police=112", "112 is an emergency number"),
        ("TRANSFER_TARGETS", "7001", "'7001' is nobody to put callees through to"),
        ("TRANSFER_TARGETS", "desk=PJSIP/1@x", "write for example reception=7001"),
        ("MAX_SPEND_PER_DAY", "20", "needs PRICE_PER_MINUTE"),
        ("ALLOWED_NUMBER_TYPES", "mobile,premium_rate", "“premium_rate” cannot be allowed"),
    ],
)
def test_settings_that_do_not_fit_together(monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=re.escape(words)):
        load_config()


def test_the_example_file_documents_every_setting_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / ".env.example").read_text()
    named = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE))
    assert named == {name.upper() for name in AppConfig.model_fields}
    defaults = load_config()
    for line in text.splitlines():
        if match := re.match(r"([A-Z][A-Z0-9_]+)=(.*)", line):
            monkeypatch.setenv(match[1], match[2])
    from_example = load_config()
    assert from_example.model_dump(exclude={"node_id"}) == defaults.model_dump(exclude={"node_id"})


def test_whom_callees_may_be_put_through_to() -> None:
    targets = "front desk = 7001, sales=+12025550150"
    real = {"asterisk_ami_host": "127.0.0.1", "asterisk_ami_secret": "x"}
    assert load_config(transfer_targets=targets).transfer_places == {}  # the simulated switch puts nobody through
    known = load_config(transfer_targets=targets, **real)
    assert known.transfer_places == {"front desk": "7001", "sales": "+12025550150"}
    assert load_config(transfer_targets=targets, app_test_mode=True, **real).transfer_places == {"front desk": "7001"}


def test_only_the_settings_read_the_environment() -> None:
    offenders = [
        path
        for path in (ROOT / "src").rglob("*.py")
        if path.name != "app_config.py" and re.search(r"os\.(environ|getenv)\b", path.read_text())
    ]
    assert offenders == []
