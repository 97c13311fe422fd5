"""Trunks from the file and from the simple settings; every mistake says where it is."""

from pathlib import Path

import pytest

from opendeep.common.errors import ConfigurationError
from opendeep.config.app_config import AppConfig, load_config
from opendeep.config.trunk_config import Trunk, callable_countries, default_burst, lines_at_most, load_trunks

GOOD = """
trunks:
  sipgate:
    channel: PJSIP/{digits}@sipgate
    max_calls: 30
    calls_per_second: 2
    countries: [DE, AT]
    caller_ids: ["+4930123456", "+4989123456"]
    caller_name: Praxis Keller
    local_presence: true
  world:
    channel: PJSIP/{number}@world
    max_calls: 10
    calls_per_second: 0.5
    burst: 3
    tenants: [Maria Keller]
"""


def config_for(tmp_path: Path, text: str | bytes, **settings: object) -> AppConfig:
    path = tmp_path / "trunks.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_config(_env_file=None, trunks_file=path, **settings)


def refusal(config: AppConfig) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_trunks(config)
    return str(caught.value)


def test_a_file_of_trunks(tmp_path: Path) -> None:
    sipgate, world = load_trunks(config_for(tmp_path, GOOD))
    assert sipgate == Trunk(
        "sipgate", "PJSIP/{digits}@sipgate", 30, 2.0, 1, frozenset({"DE", "AT"}), frozenset(),
        ("+4930123456", "+4989123456"), "Praxis Keller", True,
    )  # fmt: skip
    assert (world.burst, world.tenants, world.caller_ids) == (3, frozenset({"Maria Keller"}), ())
    assert (sipgate.endpoint, sipgate.shown_as("+4930123456")) == ("sipgate", "Praxis Keller <+4930123456>")
    assert world.shown_as(None) is None


def test_without_a_file_the_simple_settings_make_one_trunk() -> None:
    config = load_config(_env_file=None, caller_id="My Firm <+12025550123>", trunk_max_calls=4)
    (trunk,) = load_trunks(config)
    assert (trunk.name, trunk.max_calls, trunk.channel_template) == ("trunk", 4, "PJSIP/{number}@trunk")
    assert trunk.shown_as(trunk.caller_ids[0]) == "My Firm <+12025550123>"


@pytest.mark.parametrize("blank", ["", "   ", None])
def test_an_empty_caller_id_shows_none(blank: str | None) -> None:
    (trunk,) = load_trunks(load_config(_env_file=None, caller_id=blank))
    assert trunk.caller_ids == ()


@pytest.mark.parametrize(
    "wrong", ["x", "<+12>", "a,b <+12>", "A\r\nB <+12>", "+1 202 555", "Firm <12", "+" + "1" * 20, "${X} <+12>"]
)
def test_a_malformed_caller_id_stops_the_start(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match=r"CALLER_ID: .*is no caller ID; write \+12025550123"):
        load_config(_env_file=None, caller_id=wrong)


def test_bursts_are_a_tenth_of_a_second() -> None:
    assert [default_burst(rate) for rate in (0.1, 1, 10, 11, 100)] == [1, 1, 1, 2, 10]


def trunk(**lines: str) -> str:
    fields = {"channel": "PJSIP/{number}@a", "max_calls": "1", "calls_per_second": "1"} | lines
    return "trunks:\n  a:\n" + "".join(f"    {key}: {value}\n" for key, value in fields.items() if value != "-")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "one key “trunks:”"),
        ("trunks: []", "one key “trunks:”"),
        ("trunks: {}", "1 to 100 trunks"),
        (trunk() + "other: 1\n", "one key “trunks:”"),
        ("trunks: {a: [", "is not YAML"),
        (b"\xff\xfe\x00", "is not YAML"),
        ("trunks: !!python/object/apply:os.system ['true']", "is not YAML"),
        (trunk() + "  a:\n    max_calls: 2\n", "“a” stands twice"),
        ("trunks: {'a b': {}}", "“a b” is no name for a trunk"),
        ("trunks: {a: 1}", "trunk “a”, as a whole: write its keys below it"),
        ("trunks: {a: }", "trunk “a”, as a whole: write its keys below it"),
        (trunk(max_calls="-"), "trunk “a”, max_calls: is missing"),
        (trunk(max_calls="0"), "trunk “a”, max_calls: Input should be greater than or equal to 1"),
        (trunk(max_calls="'5'"), "trunk “a”, max_calls: must be a whole number, without quotes"),
        (trunk(countries="[]"), "countries is empty; leave the key out if the trunk is for all"),
        (trunk(tenants="[]"), "tenants is empty; leave the key out if the trunk is for all"),
        (trunk(caller_name="Firm"), "caller_name is shown together with a number"),
        (trunk(calls_per_second="0"), "trunk “a”, calls_per_second: Input should be greater than 0"),
        (trunk(max_call="3"), "trunk “a”, max_call: there is no such key; known are channel"),
        (trunk(channel="PJSIP/x@a"), "exactly one of {number}, {digits}, {national}"),
        (trunk(channel="PJSIP/{number}{digits}@a"), "exactly one of"),
        (trunk(channel='"PJSIP/{number}@a\\nAction: x"'), "is no channel; write it without spaces or commas"),
        (trunk(channel="PJSIP/{national}@a"), "{national} in channel needs exactly one country"),
        (trunk(countries="[NO]"), "trunk “a”, countries.1: must be text; put it in quotes"),
        (trunk(countries="[Germany]"), "“Germany” is not a country"),
        (trunk(countries="DE"), "trunk “a”, countries: must be a list in square brackets"),
        (trunk(caller_ids="[+4930123456]"), "caller_ids.1: must be text; put it in quotes"),
        (trunk(caller_ids='["030 123456"]'), "“030 123456” is not an E.164 number; write it in quotes"),
        (trunk(caller_ids='["+4930123456", "+4930123456"]'), "caller_ids names a number twice"),
        (trunk(caller_name="'A, B'"), "caller_name: use up to 60 plain letters"),
        (trunk(local_presence="true"), "local_presence chooses between caller_ids; give at least two"),
    ],
)
def test_a_mistake_says_where_it_is(tmp_path: Path, text: str | bytes, words: str) -> None:
    said = refusal(config_for(tmp_path, text))
    assert said.startswith(f"TRUNKS_FILE: {tmp_path / 'trunks.yaml'}")
    assert words in said


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    text = trunk(max_calls="0", countries="[XX]") + "  b: {}\n"
    assert len(refusal(config_for(tmp_path, text)).splitlines()) == 5


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    config = load_config(_env_file=None, trunks_file=tmp_path / "no.yaml")
    assert "cannot be read: No such file or directory" in refusal(config)


def test_two_places_for_caller_ids_are_refused(tmp_path: Path) -> None:
    assert "CALLER_ID: leave it empty" in refusal(config_for(tmp_path, GOOD, caller_id="+12025550123"))


def a_trunk(*countries: str, max_calls: int = 5) -> Trunk:
    return Trunk("a", "PJSIP/{number}@a", max_calls, 1.0, 1, frozenset(countries))


def test_only_countries_that_a_trunk_serves_may_be_called() -> None:
    config = load_config(_env_file=None, allowed_countries="US,DE,FR")
    assert callable_countries(config, [a_trunk("DE"), a_trunk("FR", "ES")]) == ("DE", "FR")
    assert callable_countries(config, [a_trunk("DE"), a_trunk()]) == ("US", "DE", "FR")
    tested = load_config(_env_file=None, allowed_countries="US,DE,FR", app_test_mode=True)
    assert callable_countries(tested, [a_trunk("DE")]) == ("US", "DE", "FR")


def test_the_tightest_bound_of_lines_counts() -> None:
    config = load_config(_env_file=None, max_concurrent_calls=10)
    assert lines_at_most(config, [a_trunk()]) == 5
    assert lines_at_most(config, [a_trunk(), a_trunk(max_calls=20)]) == 10
    assert lines_at_most(load_config(_env_file=None, max_calls_per_tenant=2), [a_trunk()]) == 2
    assert lines_at_most(load_config(_env_file=None, app_test_mode=True), [a_trunk()]) == 1
