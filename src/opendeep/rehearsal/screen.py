"""What a rehearsal shows while it runs, and its table at the end: live on a terminal, lines elsewhere."""

import json
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from opendeep.rehearsal.evidence import Case
from opendeep.rehearsal.results import CaseResult, SuiteResult, percentile

LATEST_SHOWN = 12
WAITING = "Another rehearsal is running on this machine; this one waits until it is over."


class PlainScreen:
    """One line for each case that was judged."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._done = self._all = 0

    def begins(self, cases: Sequence[Case], at_once: int) -> None:
        self._all = len(cases)
        self._say(f"{len(cases)} calls, {at_once} at once")

    def waits(self) -> None:
        self._say(WAITING)

    def calls(self, case: Case) -> None:
        pass

    def judged(self, result: CaseResult) -> None:
        self._done += 1
        self._say(f"{self._done:>4}/{self._all} {summary(result)}")

    def stop(self) -> None:
        pass

    def _say(self, line: str) -> None:
        self._console.print(escape(line), highlight=False, soft_wrap=True)


class LiveScreen:
    """A progress bar, who is on the phone, and the latest results."""

    def __init__(self, console: Console) -> None:
        self._calling: dict[str, Case] = {}
        self._results: list[CaseResult] = []
        self._all = 1
        self._note = ""
        self._live = Live(console=console, refresh_per_second=4, get_renderable=self._render)
        self._live.start()

    def begins(self, cases: Sequence[Case], at_once: int) -> None:
        self._all, self._note = len(cases), ""

    def waits(self) -> None:
        self._note = WAITING

    def calls(self, case: Case) -> None:
        self._calling[case.name] = case

    def judged(self, result: CaseResult) -> None:
        self._calling.pop(result.name, None)
        self._results.append(result)

    def stop(self) -> None:
        self._live.stop()

    def _render(self) -> Group:
        done = len(self._results)
        head = Table.grid(padding=(0, 1))
        head.add_row(ProgressBar(total=self._all, completed=done, width=40), f"{done} of {self._all}", self._note)
        lines = [Text(summary(one), style="" if not one.wrong else "yellow") for one in self._results[-LATEST_SHOWN:]]
        lines += [Text(f"on the phone  {name}", style="dim") for name in self._calling]
        return Group(head, *lines)


class JsonScreen:
    """One JSON object a line, for programs."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out

    def begins(self, cases: Sequence[Case], at_once: int) -> None:
        self._say("begins", cases=[case.name for case in cases], at_once=at_once)

    def waits(self) -> None:
        self._say("waits")

    def calls(self, case: Case) -> None:
        self._say("calls", name=case.name, title=case.callee.title)

    def judged(self, result: CaseResult) -> None:
        wrong = [finding.check for finding in result.wrong]
        self._say("judged", name=result.name, score=round(result.score, 1), outcome=result.outcome, wrong=wrong)

    def stop(self) -> None:
        pass

    def _say(self, event: str, **fields: Any) -> None:
        print(json.dumps({"event": event} | fields), file=self._out, flush=True)


Screen = PlainScreen | LiveScreen | JsonScreen


def screen_for(console: Console, *, as_json: bool) -> Screen:
    if as_json:
        return JsonScreen(console.file if hasattr(console.file, "write") else sys.stdout)  # type: ignore[arg-type]
    return LiveScreen(console) if console.is_terminal else PlainScreen(console)


def summary(result: CaseResult) -> str:
    """One line about a case."""
    wrong = ", ".join(finding.check for finding in result.wrong)
    return f"{result.score:5.1f} %  {result.name:<24} {result.outcome:<18} {wrong}".rstrip()


def print_result(console: Console, suite: SuiteResult) -> None:
    """The table per class and the whole."""
    table = Table(box=None, padding=(0, 2))
    for title, side in (("class", "left"), ("cases", "right"), ("score", "right"), ("worst", "left")):
        table.add_column(title, justify=side)  # type: ignore[arg-type]
    for name, count, score in suite.kinds():
        worst = min((case for case in suite.cases if case.kind == name), key=lambda case: case.score)
        told = f"{worst.name} {worst.score:.0f} %" if worst.wrong else ""
        table.add_row(escape(name), str(count), f"{score:.1f} %", escape(told))
    console.print()
    console.print(table)
    gaps = suite.gaps_ms()
    if gaps:
        console.print(
            f"Our answers began after {percentile(gaps, 50)} ms (p50), {percentile(gaps, 95)} ms (p95).",
            highlight=False,
        )
    if suite.late_ticks:
        lost = suite.late_ticks * 20
        console.print(
            f"This machine was too busy for {lost} ms of sound; lower --parallel.", style="yellow", highlight=False
        )
    if suite.missed_turns:
        words = f"Callees missed {suite.missed_turns} of our turns because their recogniser was too late."
        console.print(words, style="yellow", highlight=False)
    if suite.passed_over:
        console.print(f"Not judged: {', '.join(suite.passed_over)}", markup=False, highlight=False, soft_wrap=True)
    for left in suite.left_running:
        console.print(f"Left running: {left}", style="red", markup=False, highlight=False, soft_wrap=True)
