"""What is shown while a rehearsal runs and at its end: for people, for pipes, for programs."""

import io
import json
from datetime import UTC, datetime

import pytest
from rich.console import Console

from opendeep.rehearsal.desk import settled
from opendeep.rehearsal.findings import judged
from opendeep.rehearsal.results import CaseResult, SuiteResult
from opendeep.rehearsal.screen import JsonScreen, LiveScreen, PlainScreen, print_result, screen_for
from tests.unit.rehearsal.builder import case

RIGHT = CaseResult("books_tuesday", "A person", "person", "+12025550101", "ACHIEVED", [judged("outcome", True, 1, "")])
WRONG = CaseResult("[bold]evil", "A person", "menu", "+12025550102", "FAILED", [judged("keys", False, 1, "")])


def shown(screen_type: str) -> str:
    out = io.StringIO()
    console = Console(file=out, width=120, force_terminal=screen_type == "live")
    screen = screen_for(console, as_json=screen_type == "json")
    assert isinstance(screen, {"json": JsonScreen, "live": LiveScreen, "plain": PlainScreen}[screen_type])
    screen.waits()
    screen.begins([case(), case()], 4)
    screen.calls(case())
    screen.judged(RIGHT)
    screen.judged(WRONG)
    screen.stop()
    return out.getvalue()


@pytest.mark.parametrize("screen_type", ["live", "plain", "json"])
def test_progress_tells_who_was_judged_and_what_was_wrong(screen_type: str) -> None:
    output = shown(screen_type)
    for text in ("books_tuesday", "[bold]evil", "keys"):
        assert text in output


def test_programs_get_an_object_a_line() -> None:
    events = [json.loads(line) for line in shown("json").splitlines()]
    assert [one["event"] for one in events] == ["waits", "begins", "calls", "judged", "judged"]
    assert events[4] == {"event": "judged", "name": "[bold]evil", "score": 0.0, "outcome": "FAILED", "wrong": ["keys"]}


def test_the_table_names_the_worst_and_signs_of_a_busy_machine() -> None:
    out = io.StringIO()
    suite = SuiteResult(
        (RIGHT, WRONG), datetime(2026, 11, 28, tzinfo=UTC), 60.0, "simulated", "offline", 80.0, 4, late_ticks=3,
        passed_over=["chooses"], left_running=["1 line(s) of the product are still in use"],
    )  # fmt: skip
    print_result(Console(file=out, width=120), suite)
    for text in (
        "person",
        "100.0 %",
        "[bold]evil 0 %",
        "60 ms of sound",
        "Not judged: chooses",
        "Left running: 1 line",
    ):
        assert text in out.getvalue()


@pytest.mark.parametrize(
    ("status", "made", "wanted", "over"),
    [
        ("SCHEDULED", 0, 1, False),
        ("CALL_IN_PROGRESS", 1, 1, False),
        ("PENDING_ANALYSIS", 1, 1, False),
        ("SCHEDULED", 1, 2, False),
        ("SCHEDULED", 1, 1, True),
        ("COMPLETED", 1, 2, True),
        ("FAILED", 1, 1, True),
        ("NEEDS_USER", 0, 1, False),
        ("NEEDS_USER", 1, 1, True),
    ],
)
def test_a_case_is_over_when_nothing_more_will_happen_by_itself(
    status: str, made: int, wanted: int, over: bool
) -> None:
    assert settled({"status": status, "attempts": made}, wanted) is over
