"""What was said in a scenario, in words that are the same in every run and on every switch.

Owns the named lists of what is left out and of what has no order, each with its reason. Pure.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable

from tests.support.ami_wire import Message
from tests.support.audio import FRAME_MS, tone_ms
from tests.support.scenarios.runner import MOSTLY, Run, concerns
from tests.support.scenarios.schema import Act, Tone

Transcript = dict[str, object]

LEFT_OUT = {
    "Timestamp": "the time",
    "Uptime": "the age of the process",
    "LastReload": "the age of its configuration",
    "Duration": "the age of a channel, in seconds",
    "DurationMs": "how long a key was held, counted in packets that may be late",
    "BridgeNumChannels": "which of the two channels enters or leaves first is a race",
    "ListItems": "other scenarios have channels on the same switch",
}
"""Headers that differ from run to run on one and the same switch, and why."""

STATE_HEADERS = re.compile(r"(Dest)?ChannelState(Desc)?")


def transcribe(run: Run) -> Transcript:
    """Say what happened in a run."""
    names = _names(run)
    lists = [event for event in run.ami.events if _is_listed(event)]
    events = [event for event in run.own_events() if not _is_listed(event)]
    said: Transcript = {
        "answers": [_answer(run, name, answer, lists, names) for name, answer in run.answers],
        "events": _grouped(events, run.call_id, names),
    }
    if run.scenario.sound:
        said["sound"] = _sound(run)
    if not run.scenario.login:
        said["banner"] = run.ami.banner
        said["session"] = "closed by the switch" if run.ami.closed else "open"
    return said


def as_text(transcript: Transcript) -> str:
    """A recording: one line for each event."""

    def lines(value: object, indent: str) -> str:
        if isinstance(value, dict) and any(isinstance(one, list | dict) for one in value.values()):
            inner = [f"{indent}  {json.dumps(key)}: {lines(one, indent + '  ')}" for key, one in value.items()]
            return "{\n" + ",\n".join(inner) + f"\n{indent}}}"
        if isinstance(value, list) and any(isinstance(one, list | dict) for one in value):
            inner = [f"{indent}  {lines(one, indent + '  ')}" for one in value]
            return "[\n" + ",\n".join(inner) + f"\n{indent}]"
        return json.dumps(value, ensure_ascii=False)

    return lines(transcript, "") + "\n"


def difference(expected: str, found: str, *, between: tuple[str, str]) -> str:
    """What one recording says and the other does not; empty when they are equal."""
    return "\n".join(difflib.unified_diff(expected.splitlines(), found.splitlines(), *between, lineterm="", n=1))


# ------------------------------------------------------------------ names instead of ids


def _names(run: Run) -> list[tuple[str, str]]:
    """What stands for each id, address and number of this run; longer ones first."""
    names = {run.call_id: "<call>", run.number: "<number>", run.digits: "<digits>", run.audio_address: "<audio>"}
    for event in run.own_events():
        unique_id = event.get("Uniqueid", "")
        if event["Event"] == "Newchannel" and run.call_id not in unique_id:
            names[unique_id] = "<callee>"
        if bridge := event.get("BridgeUniqueid"):
            names[bridge] = "<bridge>"
    return sorted(names.items(), key=lambda pair: len(pair[0]), reverse=True)


def _named(text: str, names: Iterable[tuple[str, str]]) -> str:
    for found, name in names:
        text = text.replace(found, name)
    return re.sub(r"-[0-9a-f]{8}(?=;|$)", "-<n>", text)


def _clean(message: Message, names: list[tuple[str, str]], without: re.Pattern[str] | None = None) -> Message:
    return {
        key: _named(value, names)
        for key, value in message.items()
        if key and key not in LEFT_OUT and not (without and without.fullmatch(key))
    }


# ------------------------------------------------------------------ the manager


UNORDERED = {
    "dial": ("Dial(Begin|State|End)", "told by the thread that dials, while the channel's own tells its state"),
    "bridge": ("Bridge(Enter|Leave)", "two channels enter and leave the bridge from two threads"),
    "request": ("(Soft)?HangupRequest", "told by the thread that asks for the end, while the channel goes on"),
}
"""Events that Asterisk sends before or after their neighbours, and why: they make groups of their own."""

SNAPSHOTS = {
    # The state is looked up when the event is made: before or after it changed.
    "DialBegin": STATE_HEADERS,
    "DialState": STATE_HEADERS,
    "DialEnd": STATE_HEADERS,
    "HangupRequest": STATE_HEADERS,
    "SoftHangupRequest": STATE_HEADERS,
}


def _is_listed(event: Message) -> bool:
    """An entry or the end of a list that an action asked for."""
    return "ActionID" in event and event["Event"] != "OriginateResponse"


def _answer(run: Run, name: str, answer: Message, lists: list[Message], names: list[tuple[str, str]]) -> list[object]:
    asked = answer.get("ActionID", "")
    listed = [one for one in lists if one.get("ActionID") == asked and _belongs(one, run.call_id)]
    channels = sorted(listed, key=lambda one: (one["Event"].endswith("Complete"), one.get("Channel", "")))
    return [name, _clean(answer, names), *(_clean(one, names) for one in channels)]


def _belongs(listed: Message, call_id: str) -> bool:
    return concerns(listed, call_id) or "Channel" not in listed or listed["Event"] == "ChannelHungup"


def _grouped(events: list[Message], call_id: str, names: list[tuple[str, str]]) -> dict[str, list[Message]]:
    """The events of each channel in their order; Asterisk promises none between channels."""
    groups: dict[str, list[Message]] = {}
    for event in events:
        without = SNAPSHOTS.get(event["Event"])
        groups.setdefault(_group(event, call_id), []).append(_clean(event, names, without))
    return dict(sorted(groups.items()))


def _group(event: Message, call_id: str) -> str:
    if event["Event"] in ("FullyBooted", "OriginateResponse"):
        return event["Event"]
    about = event.get("DestUniqueid") or event.get("Uniqueid") or event["LocalOneUniqueid"]
    name = event.get("DestChannel") or event.get("Channel", "")
    channel = "one" if about == call_id else "two" if name.endswith(";2") else "callee"
    for topic, (names, _) in UNORDERED.items():
        if re.fullmatch(names, event["Event"]):
            return f"{channel} {topic}"
    return channel


# ------------------------------------------------------------------ the sound


def _sound(run: Run) -> Transcript:
    audio = run.audio
    if audio.call_id is None:
        return {"connected": "never"}
    ours = [step.say for step in run.scenario.steps if step.say is not None]
    theirs = list(_tones(run.scenario.callee.talk)) if run.scenario.callee else []
    keys = run.scenario.callee.on_key.values() if run.scenario.callee else []
    theirs += [one for acts in keys for one in _tones(acts)]
    return {
        "connected": "as <call>" if audio.call_id == run.call_id else audio.call_id,
        "frames": audio.frames,
        "pace": _pace(run),
        "ended": _end(run),
        "we heard": {f"{one.hz} Hz": _share(bytes(audio.heard), one) for one in (*theirs, *ours)},
        "callee heard": {f"{one.hz} Hz": _share(run.callee_heard, one) for one in (*theirs, *ours)},
    }


def _end(run: Run) -> str:
    """Who closed the connection, and after how much silence from both sides."""
    audio = run.audio
    if audio.left or not audio.closed.is_set():
        return "by us" if audio.left else "never"
    quiet_ms = (audio.ticks - audio.ticks_at_last_sound) * FRAME_MS
    if quiet_ms < 1_000:
        return "by the switch"
    # A busy machine makes the two seconds longer, never shorter.
    return f"by the switch after {2 if quiet_ms < 4_000 else quiet_ms // 1_000} s of silence"


def _tones(acts: list[Act]) -> Iterable[Tone]:
    return (act.tone for act in acts if act.tone is not None)


def _share(pcm: bytes, wanted: Tone) -> str:
    found = tone_ms(pcm, wanted.hz)
    return "all" if found >= MOSTLY * wanted.ms else "some" if found else "none"


def _pace(run: Run) -> str:
    """Frames against our own ticks, over two seconds and more; shorter calls say nothing about the pace."""
    ticks = run.audio.ticks - run.audio.ticks_at_first_sound
    if not run.audio.sound_frames or ticks < 100:
        return "too short"
    share = run.audio.sound_frames / ticks
    return "50 frames a second" if 0.8 <= share <= 1.1 else f"{share:.1f} of 50 frames a second"
