"""What a real Asterisk said on AMI during one call, one file for each outcome, in ``tests/captures/ami``.

``local-*`` calls went through ``Local/{number}@opendeep-out/n`` (the default), ``direct-*`` straight to PJSIP.
The call's id is always ``CALL_ID``. Times, ports and serial numbers are made equal, the order is the one that was seen.
Files hold LF; the wire has CRLF (``wire`` gives that).

A new capture: write a test in ``tests/e2e/test_asterisk_outcomes.py`` that makes the call and ends with ``compare``,
run it once with ``OPENDEEP_SAVE_CAPTURES=1`` in the environment, and add the verdict that you expect of it to
``EXPECTED`` in ``tests/unit/call_processor_service/test_attempt_states.py`` (a test there fails until you do). Without
the variable ``compare`` holds the real Asterisk against the file, so that a capture never grows old in silence.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.support.ami_wire import Message, WireAmi

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


# ------------------------------------------------------------ recording


def compare(name: str, ami: WireAmi, call_id: str, *, repeatable: bool = True) -> None:
    """Hold what the switch said about a call against its capture, or write that (``OPENDEEP_SAVE_CAPTURES=1``).

    ``repeatable=False``: a race, in which the switch may say something else each time; the file is one way it went.
    """
    recorded = [
        raw for raw, event in zip(ami.raw_events, ami.events, strict=True)
        if event["Event"] != "FullyBooted" and _concerns(event, call_id)
    ]  # fmt: skip
    said = facts(ami.events, call_id)
    file = CAPTURES / f"{name}.txt"
    known = file.exists() and (not repeatable or facts(events(name), CALL_ID) == said)
    # Only what says something new is written: the order of events differs from run to run, and others rely on one.
    if os.environ.get("OPENDEEP_SAVE_CAPTURES") == "1" and not known:
        file.write_text(normalised(recorded, call_id), encoding="utf-8")
    if repeatable:
        assert facts(events(name), CALL_ID) == said


def facts(said: list[Message], call_id: str) -> set[tuple[str, ...]]:
    """What is said about one channel, without order and repetition."""
    keys = ("Event", "ChannelStateDesc", "DialStatus", "Response", "Reason", "Cause", "Digit")
    about = [event for event in said if call_id in (event.get("Uniqueid"), event.get("DestUniqueid"))]
    return {tuple(event.get(key, "") for key in keys) for event in about}


def _concerns(event: Message, call_id: str) -> bool:
    return call_id in (
        event.get("Linkedid"),
        event.get("DestLinkedid"),
        event.get("Uniqueid"),
        event.get("LocalOneUniqueid"),
    )
