"""The report of a rehearsal: one HTML file that asks nothing of the network, with the recordings beside it.

Words of callees and plans are data: the template escapes everything, and the page's own policy allows no script but the
one that it came with.
"""

import base64
import hashlib
from importlib import resources
from pathlib import Path
from typing import Final

from jinja2 import Environment, StrictUndefined

from opendeep.rehearsal.results import SuiteResult, percentile

FOLDER: Final = resources.files("opendeep.rehearsal") / "templates"
SPEAKERS: Final = {"ai": "AI", "callee": "understood", "really": "callee", "user": "user"}


def write_report(suite: SuiteResult, path: Path) -> None:
    """Write the report; its recordings lie where the result's paths say, relative to it."""
    path.write_text(render(suite), encoding="utf-8")


def render(suite: SuiteResult) -> str:
    """The report as HTML."""
    style, script = _part("report.css"), _part("report.js")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"clock": clock, "speaker": speaker}
    gaps = suite.gaps_ms()
    return environment.from_string(_part("report.html")).render(
        suite=suite,
        style=style,
        script=script,
        policy=policy(),
        p50=percentile(gaps, 50),
        p95=percentile(gaps, 95),
        cases=sorted(suite.cases, key=lambda case: (case.score, case.name)),
    )


def policy() -> str:
    """The Content-Security-Policy of the report: its own style and script, recordings beside it, nothing else."""
    style, script = _hash(_part("report.css")), _hash(_part("report.js"))
    return f"default-src 'none'; style-src '{style}'; script-src '{script}'; media-src 'self' file:; base-uri 'none'"


def speaker(name: str) -> str:
    """Who spoke, for people; what was understood of the callee and what it truly said are two lines."""
    return SPEAKERS.get(name, name)


def clock(ms: int) -> str:
    """Milliseconds as minutes and seconds: 1:04.2."""
    minutes, rest = divmod(max(0, ms), 60_000)
    return f"{minutes}:{rest / 1000:04.1f}"


def _part(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
