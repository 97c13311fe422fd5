"""What the demo shows: a live table with the latest words on a terminal, plain lines elsewhere."""

from collections import deque
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

ENDED = {"COMPLETED", "FAILED", "CANCELLED"}
STEPS = {
    "SCHEDULED": 5,
    "QUEUED_FOR_CALL": 15,
    "CALL_IN_PROGRESS": 45,
    "PENDING_ANALYSIS": 85,
    "NEEDS_USER": 60,
    "ON_HOLD": 10,
}
LINES_SHOWN = 14
SPEAKERS = {"ai": ("◂ AI    ", "cyan"), "callee": ("▸ callee", "yellow"), "user": ("◂ you   ", "green")}


class Screen(Protocol):
    """Where the demo reports to."""

    def say(self, line: str) -> None: ...
    def task(self, task: dict[str, Any]) -> None: ...
    def call(self, call: dict[str, Any]) -> None: ...
    def words(self, who: str, speaker: str, text: str) -> None: ...
    def stop(self) -> None: ...


class PlainScreen:
    """One line per change, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._seen: dict[str, str] = {}

    def say(self, line: str) -> None:
        self._console.print(escape(line), highlight=False, soft_wrap=True)

    def task(self, task: dict[str, Any]) -> None:
        state = f"{task['status']}{' · ' + task['disposition'] if task['disposition'] else ''}"
        if self._seen.get(task["id"]) != state:
            self._seen[task["id"]] = state
            self.say(f"  {task['contact_name']:<20} {state:<34} {task['status_reason']}")

    def call(self, call: dict[str, Any]) -> None:
        pass

    def words(self, who: str, speaker: str, text: str) -> None:
        self.say(f"    {who} {SPEAKERS[speaker][0]} {text}")

    def stop(self) -> None:
        pass


class LiveScreen:
    """A table of the tasks with progress bars, and the latest words below."""

    def __init__(self, console: Console) -> None:
        self._tasks: dict[str, dict[str, Any]] = {}
        self._calls: dict[str, str] = {}
        self._lines: deque[Text] = deque(maxlen=LINES_SHOWN)
        self._live = Live(console=console, refresh_per_second=8, get_renderable=self._render)
        self._live.start()

    def say(self, line: str) -> None:
        self._lines.append(Text(line, style="dim"))

    def task(self, task: dict[str, Any]) -> None:
        self._tasks[task["id"]] = task

    def call(self, call: dict[str, Any]) -> None:
        self._calls[call["task_id"]] = call["status"]

    def words(self, who: str, speaker: str, text: str) -> None:
        self._lines.append(Text.assemble((f"{who:<20} ", "bold"), SPEAKERS[speaker], f" {text}"))

    def stop(self) -> None:
        self._live.stop()

    def _render(self) -> Group:
        table = Table(expand=True, box=None, padding=(0, 1))
        for title in ("who", "progress", "state", "attempts", "why"):
            table.add_column(title, no_wrap=title != "why", ratio=2 if title == "why" else None)
        for task in sorted(self._tasks.values(), key=lambda t: t["position"]):
            done = 100 if task["status"] in ENDED else STEPS.get(task["status"], 0)
            state = task["disposition"] or task["status"]
            if task["status"] == "CALL_IN_PROGRESS":
                state = f"call {self._calls.get(task['id'], '').lower().replace('_', ' ')}"
            table.add_row(
                escape(task["contact_name"]),
                ProgressBar(total=100, completed=done, width=18),
                escape(state),
                f"{task['attempts']}/{task['max_attempts']}",
                escape(task["status_reason"]),
            )
        return Group(table, Panel(Group(*self._lines), title="as it is spoken", border_style="dim"))
