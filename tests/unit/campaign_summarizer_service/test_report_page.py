"""The report as a page: nothing in it is markup but its own, and it asks for nothing."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import opendeep.web_interface as web_interface
from opendeep.campaign_summarizer_service.report_figures import figures, series
from opendeep.campaign_summarizer_service.report_page import MAX_PRINTED_TASKS, policy, render
from opendeep.common.outcome_words import CAMPAIGN_STATES, OUTCOMES, TASK_STATES

EVIL = "<script>window.hacked=1</script><img src=x onerror=alert(1)>\"'"
LABELS = Path(web_interface.__file__).parent / "static/js/labels.js"


def report(**changes: Any) -> dict[str, Any]:
    task = {
        "task_id": "t", "contact_name": EVIL, "phone_number": "+12025550101", "status": "COMPLETED",
        "status_reason": EVIL, "disposition": "ACHIEVED", "attempts": 1, "summary": EVIL,
        "result": {"slot_ok": {"value": EVIL, "turns": [2], "quote": EVIL, "call_id": "a"}},
        "calls": [{"call_id": "a", "attempt": 1, "status": "COMPLETED", "disposition": "ACHIEVED"}],
    }  # fmt: skip
    sources = [{"call_id": "a", "turns": [2]}]
    base = {
        "title": EVIL, "objective": EVIL, "interim": False, "generated_at": "2026-11-02T15:00:00+00:00", "by": "model",
        "figures": figures([], [], 0.0) | {"tasks": 1}, "series": series([], "America/New_York", 0.0),
        "headline": EVIL, "headline_sources": sources, "removed_claims": 1, "tasks": [task],
        "paragraphs": [{"text": EVIL, "sources": sources, "calls": ["a"], "turns": [2]}],
    }  # fmt: skip
    return base | changes


def test_everything_from_outside_is_text() -> None:
    page = render(report())
    assert "<script" not in page
    assert "<img" not in page
    assert page.count("&lt;script&gt;") >= 8
    assert "turn 2" in page
    assert "1 claim was removed" in page


def test_the_page_asks_for_nothing_and_its_policy_allows_its_own_style_only() -> None:
    page = render(report())
    assert not re.search(r"<(?:link|script|iframe|object|form)\b|\bsrc=x?[\"']?https?:|\son\w+=\"", page)
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy()
    assert "unsafe" not in policy()


def test_an_interim_report_says_so_with_its_time() -> None:
    assert "Interim report, as of 2 November 2026, 10:00 (America/New_York)" in render(report(interim=True))
    assert "Interim" not in render(report())


def test_a_report_of_an_earlier_version_can_still_be_read() -> None:
    old = {"title": "Old", "headline": "Done.", "by": "figures", "generated_at": "2026-01-02T03:04:05+00:00",
           "figures": {"tasks": 1, "completed": 1, "failed": 0, "calls": 1, "talk_seconds": 1.0},
           "paragraphs": [{"text": "Said so.", "calls": [], "turns": []}],
           "tasks": [{"task_id": "t", "contact_name": "Anna Meyer", "status": "COMPLETED", "disposition": None,
                      "summary": None, "calls": [],
                      "result": {"slot_ok": {"value": "yes", "turns": [2]}}}]}  # fmt: skip
    assert "Anna Meyer" in render(old)


def test_a_long_report_lists_the_first_tasks_and_says_where_the_others_are() -> None:
    many = report()["tasks"] * (MAX_PRINTED_TASKS + 1)
    page = render(report(tasks=many, figures=figures([], [], 0.0) | {"tasks": 5_000}))
    assert page.count('class="task"') == MAX_PRINTED_TASKS
    assert "have all 5000" in page


def test_pages_and_documents_use_the_same_words() -> None:
    script = LABELS.read_text()
    for word in OUTCOMES.items():
        assert f'{word[0].value}: "{word[1]}"' in script
    for state, text in (*TASK_STATES.items(), *CAMPAIGN_STATES.items()):
        assert f'{state.value}: ["{text}"' in script
