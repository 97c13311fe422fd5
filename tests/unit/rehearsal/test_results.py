"""From findings to scores, JSON and HTML: weights, classes, nothing that a callee says becomes markup."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from opendeep.rehearsal import checks, report
from opendeep.rehearsal.evidence import CallEvidence, Evidence
from opendeep.rehearsal.findings import Finding, judged, score_of
from opendeep.rehearsal.results import CaseResult, SuiteResult, percentile, result_of
from tests.unit.rehearsal.builder import case, evidence, heard, ours, row, task, witness, words

EVIL = "<script>alert(1)</script>"


def suite(*cases: CaseResult, **changes: Any) -> SuiteResult:
    fixed: dict[str, Any] = {
        "cases": cases, "started_at": datetime(2026, 11, 28, tzinfo=UTC), "seconds": 60.0, "world": "simulated",
        "provider": "offline", "threshold": 80.0, "parallel": 4,
    }  # fmt: skip
    return SuiteResult(**(fixed | changes))


def result(name: str, kind: str, *findings: Finding) -> CaseResult:
    return CaseResult(name, name.title(), kind, "+12025550101", "ACHIEVED", findings)


def test_a_score_is_the_weighted_share() -> None:
    assert score_of([judged("a", True, 3, ""), judged("b", False, 1, "")]) == 75.0
    assert score_of([Finding("a", 0.5, 2, "")]) == 50.0
    assert score_of([]) == 0.0


def test_classes_and_the_whole_are_means_over_cases() -> None:
    good, bad = judged("a", True, 1, ""), judged("a", False, 1, "")
    held = suite(result("one", "menu", good), result("two", "menu", bad), result("three", "person", good))
    assert held.kinds() == [("menu", 2, 50.0), ("person", 1, 100.0)]
    assert held.score == pytest.approx(66.7, abs=0.1)
    assert not held.good
    assert suite(result("one", "menu", good)).good


def test_something_left_running_spoils_the_whole() -> None:
    assert suite(result("one", "menu", judged("a", True, 1, "")), left_running=["a line"]).score == 0.0


def test_what_could_not_be_finished_is_wrong_as_a_whole() -> None:
    findings = checks.judge(Evidence(case(), fault="the task was not settled after 300 s"))
    assert score_of(findings) == 0.0
    assert findings[0].why == "the task was not settled after 300 s"


def test_a_perfect_call_scores_everything_and_a_spoiled_truth_does_not() -> None:
    truth = {"fields": {"accepts": True}, "must": ["disclosed", "said_goodbye"], "must_not": ["argued"], "within_s": 60}
    turns = [
        ours(
            2_500,
            5_000,
            "This is an AI assistant calling on behalf of Harbour Homes. Does Tuesday at ten work for you?",
        ),
        ours(10_000, 2_000, "I have noted: yes. Thank you for your time. Goodbye."),
    ]
    lines = [words(400, 1_600, "hello"), words(8_000, 1_500, "yes tuesday at ten works for me")]
    sound = heard((2_500, 7_500), (10_000, 12_000))
    booked = task(result={"accepts": {"value": "yes"}})
    good = checks.judge(evidence(*turns, of=case(truth), uttered=lines, sound=sound, the_task=booked))
    assert [finding.check for finding in good if not finding.right] == []
    assert len(good) >= 12
    spoiled = case(truth | {"disposition": "DECLINED", "fields": {"accepts": False}, "must": ["yielded"]})
    wrong = checks.judge(evidence(*turns, of=spoiled, uttered=lines, sound=sound, the_task=booked))
    assert [finding.check for finding in wrong if not finding.right] == ["outcome", "answers", "yielded"]


def test_the_result_is_json_with_evidence_and_measures() -> None:
    line = words(400, 1_600, "hello")
    found = evidence(ours(2_500, 900, "Hello."), uttered=[line], sound=heard((2_500, 3_400)))
    held = suite(result_of(found, checks.judge(found), ["calls/someone-1.wav"]))
    told = json.loads(json.dumps(held.as_json()))
    assert told["answer_ms"] == {"count": 1, "p50": 500, "p95": 500}
    assert told["cases"][0]["calls"][0]["audio"] == "calls/someone-1.wav"
    spoken = told["cases"][0]["calls"][0]["lines"]
    assert [(one["speaker"], one["text"]) for one in spoken] == [("really", "hello"), ("ai", "Hello.")]
    assert told["classes"] == [{"name": "person", "cases": 1, "score": told["score"]}]


def test_percentiles() -> None:
    assert percentile([], 50) is None
    assert percentile(list(range(1, 101)), 95) == 96
    assert percentile([7], 95) == 7


def page_with_evil() -> str:
    call = CallEvidence(row(), [ours(0, 900, EVIL)], (), witness(words(0, 900, EVIL)))
    found = evidence(calls=(call,))
    return report.render(
        suite(result_of(found, [judged(EVIL, False, 1, EVIL, 1, 2_000)], ["calls/a.wav"]), left_running=[EVIL])
    )


def test_nothing_that_was_said_becomes_markup() -> None:
    page = page_with_evil()
    assert EVIL not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4
    assert page.count("<script>") == 1


def test_the_report_asks_nothing_of_the_network_and_carries_its_own_policy() -> None:
    page = page_with_evil()
    assert re.findall(r"(?:https?:)?//[a-z]", page.replace("// A time", "")) == []
    assert re.findall(r'src="([^"]+)"', page) == ["calls/a.wav"]
    assert report.policy() in page.replace("&#39;", "'")
    assert "unsafe" not in report.policy()


def test_times_in_the_report_lead_into_the_recording() -> None:
    page = page_with_evil()
    assert 'data-call="someone-1" data-at="2000">0:02.0' in page
    assert '<audio id="someone-1"' in page
