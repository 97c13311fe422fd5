"""One table of contacts read in a process of its own: `python -m benchmarks.import_load FILE`; prints JSON."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

import orjson

from opendeep.tools.contact_columns import guess
from opendeep.tools.contact_import import ContactImport, NumberRules
from opendeep.tools.contact_tables import ContactTable


def main() -> None:
    """Seconds (also of CPU), rows, and the highest resident memory (MB) before and after."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began, began_cpu = time.perf_counter(), time.process_time()
    table = ContactTable(Path(sys.argv[1]))
    walk = ContactImport(table, guess(table.sample(), "US"), NumberRules("US"))
    bytes_kept = sum(len(contact.model_dump_json(exclude_defaults=True)) for contact in walk.contacts())
    seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = {
        "seconds": seconds,
        "cpu_s": cpu,
        "rows": walk.tally.rows,
        "ready": walk.tally.ready,
        "plan_bytes": bytes_kept,
    }
    print(orjson.dumps(told | {"peak_mb": peak, "base_mb": before}).decode())


if __name__ == "__main__":
    main()
