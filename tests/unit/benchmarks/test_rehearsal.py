"""A rehearsal's result as figures."""

from datetime import UTC, datetime
from typing import cast

from benchmarks.rehearsal import figures

from opendeep.rehearsal.findings import Finding
from opendeep.rehearsal.results import CaseResult, SuiteResult


def test_every_class_has_its_success_beside_the_whole_and_the_answer_times() -> None:
    right, wrong = Finding("outcome", 1.0, 1, "yes"), Finding("outcome", 0.0, 1, "no")
    cases = [
        CaseResult("books_tuesday", "Books", "person", "+12025550101", "ACHIEVED", [right], gaps_ms=(300, 900)),
        CaseResult("voicemail", "Mailbox", "mailbox", "+12025550102", "VOICEMAIL", [wrong], missed_turns=2),
    ]
    suite = SuiteResult(cases, datetime(2026, 1, 2, tzinfo=UTC), 12.5, "simulated", "offline", 80.0, 2)
    found = {figure.name: figure for figure in figures(suite.as_json())}
    assert {name: figure.value for name, figure in found.items()} == {
        "rehearsal.score_pct": 50.0,
        "rehearsal.score.person_pct": 100.0,
        "rehearsal.score.mailbox_pct": 0.0,
        "rehearsal.answer_p50_ms": 900,
        "rehearsal.answer_p95_ms": 900,
    }
    whole = found["rehearsal.score_pct"].conditions
    assert (whole["callees"], whole["calls_at_once"], whole["missed_turns"]) == (2, 2, 2)
    assert cast(int, found["rehearsal.answer_p50_ms"].conditions["samples"]) == 2
