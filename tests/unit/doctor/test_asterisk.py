"""Judgements about an Asterisk that no Asterisk at hand would give cause for."""

import pytest

from opendeep.call_processor_service.ami_packets import AmiEvent
from opendeep.common.ids import new_id
from opendeep.doctor.asterisk import NEEDED_ACTIONS, NEEDED_MODULES, judge_modules, judge_rights, judge_version
from opendeep.doctor.asterisk_files import AsteriskFiles
from opendeep.doctor.audio_probe import CLOCK_TOLERANCE_S, Seen, judge_events
from opendeep.doctor.findings import Level

NO_FILES = AsteriskFiles(None)


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("22.10.1+dfsg", Level.OK),
        ("20.0.0", Level.OK),
        ("certified/20.7-cert2", Level.OK),
        ("18.26.4", Level.FAIL),
        ("unknown", Level.FAIL),
        (None, Level.WARN),
    ],
)
def test_version(version: str | None, level: Level) -> None:
    assert judge_version(version, NO_FILES, "opendeep").level == level


def test_each_missing_right_is_named_once() -> None:
    [finding] = judge_rights(frozenset({"Originate"}), True, NO_FILES, "opendeep")
    assert finding.level == Level.FAIL
    assert "Add call, reporting to `write`" in finding.advice
    [finding] = judge_rights(frozenset(NEEDED_ACTIONS), True, NO_FILES, "opendeep")
    assert finding.level == Level.OK


def test_a_helpful_module_is_no_reason_to_fail() -> None:
    modules: dict[str, bool | None] = dict.fromkeys(NEEDED_MODULES, True)
    [finding] = judge_modules(modules | {"func_pjsip_aor.so": False}, NO_FILES)
    assert (finding.level, finding.where) == (Level.WARN, "modules.conf, [modules] load = func_pjsip_aor.so")


@pytest.mark.parametrize(("off_s", "level"), [(0.0, Level.OK), (-3.0, Level.WARN), (3.0, Level.WARN)])
def test_clocks(off_s: float, level: Level) -> None:
    seen = Seen(new_id(), lambda: 1_000.0)
    seen.take(AmiEvent("Newchannel", {"Timestamp": str(1_000.0 - off_s), "Uniqueid": str(seen.call_id)}))
    seen.connect()
    events, clock = judge_events(seen, NO_FILES, "opendeep")
    assert events.level == Level.OK
    assert clock.level == level
    assert abs(off_s) < CLOCK_TOLERANCE_S or f"{off_s:+.1f} s" in clock.detail


def test_nonsense_instead_of_a_time_is_passed_over() -> None:
    seen = Seen(new_id(), lambda: 1_000.0)
    seen.take(AmiEvent("Newchannel", {"Timestamp": "soon", "Uniqueid": "another"}))
    seen.connect()
    [events] = judge_events(seen, NO_FILES, "opendeep")
    assert events.level == Level.FAIL
