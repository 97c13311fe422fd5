"""What a real Asterisk said on AMI during one call, one file for each outcome, in ``tests/captures/ami``.

``local-*`` calls went through ``Local/{number}@opendeep-out/n`` (the default), ``direct-*`` straight to PJSIP.
The call's id is always ``CALL_ID``. Times, ports and serial numbers are made equal, the order is the one that was seen.
Files hold LF; the wire has CRLF (``wire`` gives that).
"""

from __future__ import annotations

import re
from pathlib import Path

CAPTURES = Path(__file__).resolve().parents[1] / "captures" / "ami"
CALL_ID = "0192f0c1-0000-7000-8000-000000000001"


def names() -> list[str]:
    """All captures, for example ``local-busy``."""
    return sorted(path.stem for path in CAPTURES.glob("*.txt"))


def wire(name: str) -> bytes:
    """A capture as it came over the wire."""
    return (CAPTURES / f"{name}.txt").read_bytes().replace(b"\n", b"\r\n")


def events(name: str) -> list[dict[str, str]]:
    """A capture as a list of events in their order."""
    blocks = (CAPTURES / f"{name}.txt").read_text(encoding="utf-8").strip().split("\n\n")
    return [dict(line.split(": ", 1) for line in block.splitlines() if ": " in line) for block in blocks]


def normalised(raw_events: list[str], call_id: str) -> str:
    """Make a recording comparable: our id becomes CALL_ID, other ids are numbered, times and ports are fixed."""
    text = "".join(raw_events).replace(call_id, CALL_ID)
    for number, unique_id in enumerate(dict.fromkeys(re.findall(r"\b\d{10}\.\d+\b", text)), start=1):
        text = text.replace(unique_id, f"1700000000.{number}")
    text = re.sub(r"^Timestamp: .*$", "Timestamp: 1700000000.000000", text, flags=re.MULTILINE)
    text = re.sub(r"(127\.0\.0\.1):\d+", r"\1:5070", text)
    text = re.sub(r"-[0-9a-f]{8}(?=[;\s]|$)", "-00000001", text, flags=re.MULTILINE)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "b" * 8, text)
    return text
