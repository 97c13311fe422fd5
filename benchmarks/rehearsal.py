"""How well calls go, per class of callee: the judged suite as figures. The product and its callees are other processes.

`OPENDEEP_BENCH_REHEARSE` holds more options of `opendeep rehearse` (`--handful`, `--world asterisk`,
`--provider openai`); a score is only worth something on a machine that does nothing else: see `missed_turns`.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from benchmarks.figures import Figure

RESULT = "result.json"


def run() -> Iterator[Figure]:
    """The figures; raises when the rehearsal could not be held."""
    with tempfile.TemporaryDirectory() as folder:
        more = shlex.split(os.environ.get("OPENDEEP_BENCH_REHEARSE", ""))
        command = [sys.executable, "-m", "opendeep", "rehearse", "--threshold", "0", "--out", folder, *more]
        subprocess.run(command, check=True, stdout=sys.stderr)
        yield from figures(orjson.loads((Path(folder) / RESULT).read_bytes()))


def figures(result: dict[str, Any]) -> Iterator[Figure]:
    """Of the JSON that a rehearsal leaves behind."""
    conditions: dict[str, object] = {
        "world": result["world"],
        "provider": result["provider"],
        "calls_at_once": result["parallel"],
        "seconds": result["seconds"],
        "cores": os.cpu_count(),
        "late_ticks": result["late_ticks"],
        "missed_turns": result["missed_turns"],
        "load_avg_1m": round(os.getloadavg()[0], 2),
    }
    yield Figure("rehearsal.score_pct", result["score"], "%", conditions | {"callees": len(result["cases"])})
    for one in result["classes"]:
        name = one["name"].replace(" ", "_")
        yield Figure(f"rehearsal.score.{name}_pct", one["score"], "%", conditions | {"callees": one["cases"]})
    for share in ("p50", "p95"):
        if (value := result["answer_ms"][share]) is not None:
            samples = {"samples": result["answer_ms"]["count"]}
            yield Figure(f"rehearsal.answer_{share}_ms", value, "ms", conditions | samples)
