"""Keep what the real Asterisk says, and show where the simulated switch says something else.

    python -m tests.support.scenarios record [NAME …]     write tests/captures/scenarios anew, from the real Asterisk
    python -m tests.support.scenarios compare [NAME …]    act out both worlds and print every difference

Without a name all scenarios are meant; a name stands for all routes. Nothing is written for a scenario that fails or
whose two recordings differ: then something in it is a race, and ``transcript`` must name it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from tests.support.scenarios.recordings import difference_from, file_of
from tests.support.scenarios.schema import load_all
from tests.support.scenarios.transcript import difference
from tests.support.scenarios.worlds import Outcome, Scenarios, run_on_asterisk, run_on_simulation


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.support.scenarios")
    parser.add_argument("command", choices=("record", "compare"))
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    everything = load_all()
    wanted = set(arguments.names)
    chosen = {name: one for name, one in everything.items() if not wanted or {name, name.rpartition("-")[0]} & wanted}
    if not chosen:
        parser.error(f"no scenario is called {', '.join(sorted(wanted))}; see tests/scenarios")
    return record(chosen, everything) if arguments.command == "record" else compare(chosen, everything)


def record(chosen: Scenarios, everything: Scenarios) -> int:
    """Write the recordings; the number of scenarios that could not be recorded is the exit code's sign."""
    first, second = (asyncio.run(run_on_asterisk(chosen, everything)) for _ in range(2))
    spoiled = 0
    for name, said in first.items():
        again = second[name]
        if isinstance(said, str) and said == again:
            file_of(name).write_text(said, encoding="utf-8")
            continue
        spoiled += 1
        print(f"{name}: not recorded\n{_why(said, again)}", file=sys.stderr)
    print(f"{len(first) - spoiled} recorded, {spoiled} not", file=sys.stderr)
    return 1 if spoiled else 0


def compare(chosen: Scenarios, everything: Scenarios) -> int:
    """Print the differences between the real Asterisk, its recordings, and the simulated switch."""
    real = asyncio.run(run_on_asterisk(chosen, everything))
    simulated = asyncio.run(run_on_simulation(chosen, everything))
    found = [_why(real[name], simulated[name]) or difference_from(name, real[name]) for name in chosen]
    print("\n\n".join(f"{name}\n{text}" for name, text in zip(chosen, found, strict=True) if text))
    return 1 if any(found) else 0


def _why(real: Outcome, other: Outcome) -> str:
    for outcome in (real, other):
        if isinstance(outcome, Exception):
            return f"{outcome!r} {' '.join(getattr(outcome, '__notes__', []))}"
    return difference(str(real), str(other), between=("first", "second"))


if __name__ == "__main__":
    sys.exit(main())
