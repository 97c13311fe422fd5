"""`python -m tests.chaos`: one run, its progress, the table of its faults, and an exit code that says how it went."""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos.run import Report, run
from tests.chaos.world import Size

MAX_SEED = 10_000


def options(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Break everything during a campaign.")
    parser.add_argument("--tasks", type=int, default=200, help="phone calls to make, up to 1000")
    parser.add_argument("--faults", type=int, default=20, help="things to break")
    parser.add_argument("--seed", type=int, default=None, help="repeats a run's choices; default: another each time")
    parser.add_argument("--nodes", type=int, default=2, help="processes of the product, each with an Asterisk")
    parser.add_argument("--lines", type=int, default=4, help="calls at once for each node")
    parser.add_argument("--keep", action="store_true", help="keep the logs of a good run too")
    return parser.parse_args(arguments)


def table(report: Report) -> str:
    """The faults, one a line."""
    lines = [f"{'at':>7}  {'away':>6}  {'well after':>10}  what"]
    for fault in report.suffered:
        well = "-" if fault.well_after_s is None else f"{fault.well_after_s:.1f} s"
        lines.append(f"{fault.at_s:5.1f} s  {fault.away_s:4.1f} s  {well:>10}  {fault.name}, {fault.moment}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    wanted = options(sys.argv[1:] if arguments is None else arguments)
    seed = random.randrange(MAX_SEED) if wanted.seed is None else wanted.seed
    size = Size(wanted.tasks, wanted.faults, seed, wanted.nodes, wanted.lines)
    folder = Path(tempfile.mkdtemp(prefix="opendeep-chaos-"))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # give everything back then, too
    report = asyncio.run(run(size, folder, lambda line: print(line, flush=True)))
    print(table(report))
    for name, value in report.figures.items():
        print(f"{name}: {value}")
    if report.findings:
        print(f"\n{len(report.findings)} findings; seed {seed}; the logs are in {folder}")
        print("\n".join(f"  {finding}" for finding in report.findings))
        return 1
    print(f"\nNothing was dialled twice, nothing was lost (seed {seed}).")
    if not wanted.keep:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
