"""`python -m benchmarks [all|group|part]`: runs `benchmarks/<group>.py`, whose `run()` yields figures.

A part of a group (`dialling.PARTS`) can be run alone by its name; `all` runs the groups.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

GROUPS = ("dialling", "import", "media", "offline", "rehearsal")
NOT_RUN = frozenset({"__init__", "__main__", "figures", "media_parent"})


def modules() -> list[str]:
    """Every module here that measures something; `*_load` are their load generators."""
    names = (path.stem for path in Path(__file__).parent.glob("*.py"))
    return sorted(name for name in names if name not in NOT_RUN and not name.endswith("_load"))


def main() -> int:
    wanted = sys.argv[1] if len(sys.argv) > 1 else "all"
    if wanted != "all" and wanted not in modules():
        print(f"There is no group {wanted!r}; there are: all, {', '.join(modules())}", file=sys.stderr)
        return 2
    for name in GROUPS if wanted == "all" else (wanted,):
        for figure in import_module(f"benchmarks.{name}").run():
            print(figure.line(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
