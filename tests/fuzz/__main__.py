"""`make fuzz SECONDS=60`: the fuzz targets, guided by coverage (atheris), beginning with the captures.

What is found stays in `.fuzz/`, as the corpus of the next run; an input that breaks a target is written to `.fuzz/` and
named in the output. Exits 0 when the time was up and nothing broke.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["opendeep.audio_processing_service.audiosocket_codec"]):
    from tests.fuzz import audiosocket


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, default=Path(".fuzz/audiosocket"))
    options = parser.parse_args()
    options.corpus.mkdir(parents=True, exist_ok=True)
    for capture in audiosocket.CAPTURES:
        (options.corpus / capture.name).write_bytes(b"\0" + capture.read_bytes())
    limits = [f"-max_total_time={options.seconds}", "-max_len=40000", "-rss_limit_mb=1024", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], str(options.corpus), f"-artifact_prefix={options.corpus.parent}/", *limits],
                  audiosocket.check_bytes)  # fmt: skip
    atheris.Fuzz()


if __name__ == "__main__":
    main()
