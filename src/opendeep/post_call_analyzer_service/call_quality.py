"""How well a call was held, as far as rows show it: our silences, repeated questions, talking over each other, and
being taken for a machine. Pure; no model has a say here.

Times are those of the transcript turns (ms since the answer). Words are read in English, like the other rules.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from opendeep.common.data_models import CallEvent, Speaker, TranscriptTurn
from opendeep.post_call_analyzer_service.citations import plain_words

DEAD_AIR_MS: Final = 1_000  # from the end of the callee's turn (half a second after the last word) to our first sound
OVERLAP_MS: Final = 300  # shorter ones are how people take turns
SAME_QUESTION: Final = 0.8  # share of common words
MIN_QUESTION_WORDS: Final = 3
ON_HOLD: Final = "call.on_hold"  # at_ms
OFF_HOLD: Final = "call.off_hold"  # ms: how long the hold was

_QUESTION: Final = re.compile(r"[^.!?]*\?")
_SAY_AGAIN: Final = re.compile(
    r"\b(?:pardon|repeat|say (?:that|it) again|once more|come again|excuse me|what did you say"
    r"|(?:did not|didn't|didnt|cannot|can't|cant|could not|couldn't|couldnt) (?:quite )?"
    r"(?:hear|catch|understand|get))\b"
    r"|^\W*(?:sorry|what|huh|hello)\W*$"
)
_MACHINE: Final = r"(?:robot|bot|chat ?bot|machine|computer|ai|a\.i\.|artificial|recording|automated|automatic|program)"
_TAKEN_FOR_AI: Final = re.compile(
    rf"\b(?:are you|am i (?:talking|speaking) (?:to|with)|is (?:this|it|that)|you are|you're|youre|"
    rf"(?:you |this |that )?sounds? like)\b(?:(?!\babout\b)[^.?!]){{0,30}}\b{_MACHINE}(?:\b|$)"
    r"|\b(?:are you|is this|is that|am i (?:talking|speaking) (?:to|with))\b[^.?!]{0,20}"
    r"\b(?:real|human|actual|living) ?(?:person|being|human|voice)?\b"
    rf"|\b(?:talk|talking|speak|speaking) (?:to|with) an? {_MACHINE}\b"
)


@dataclass(frozen=True, slots=True)
class QualityFlag:
    """One kind of fault with the turns that show it. `ms`: the longest of its silences or overlaps."""

    flag: str
    turns: tuple[int, ...]
    ms: int | None = None

    def document(self) -> dict[str, Any]:
        """As stored with the call's analysis; `by` says that code has measured it."""
        length = {} if self.ms is None else {"ms": self.ms}
        return {"flag": self.flag, "by": "rows", "turns": list(self.turns), **length}


def measured_flags(turns: Sequence[TranscriptTurn], events: Sequence[CallEvent]) -> list[QualityFlag]:
    """All that the rows of one call show, the kinds in a fixed order; [] for a call without a fault."""
    ordered = sorted(turns, key=lambda turn: (turn.started_ms, turn.turn))
    found = (
        _timed("dead_air", _dead_air(ordered, _holds(events))),
        _plain("repeated_question", _repeated_questions(ordered)),
        _timed("interrupted_by_us", _overlaps(ordered)),
        _plain("interrupted_by_callee", (t.turn for t in ordered if t.speaker is Speaker.AI and t.interrupted)),
        _plain("detected_as_ai", (t.turn for t in ordered if taken_for_ai(t))),
    )
    return [flag for flag in found if flag is not None]


def taken_for_ai(turn: TranscriptTurn) -> bool:
    """Whether the callee said or asked that it talks with a machine."""
    return turn.speaker is Speaker.CALLEE and _TAKEN_FOR_AI.search(turn.text.lower()) is not None


def _timed(flag: str, found: Iterator[tuple[int, int]]) -> QualityFlag | None:
    cases = list(found)
    return QualityFlag(flag, tuple(turn for turn, _ in cases), max(ms for _, ms in cases)) if cases else None


def _plain(flag: str, found: Iterator[int]) -> QualityFlag | None:
    numbers = tuple(dict.fromkeys(found))
    return QualityFlag(flag, numbers) if numbers else None


def _holds(events: Sequence[CallEvent]) -> list[tuple[int, int]]:
    """Spans on hold in ms since the answer: nobody was there to be answered."""
    spans: list[tuple[int, int]] = []
    since: int | None = None
    for event in events:
        if event.kind == ON_HOLD:
            since = int(event.data.get("at_ms") or 0)
        elif event.kind == OFF_HOLD and since is not None:
            spans.append((since, since + int(event.data.get("ms") or 0)))
            since = None
    return spans if since is None else [*spans, (since, 1 << 60)]


def _dead_air(turns: Sequence[TranscriptTurn], holds: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Our turns that began more than `DEAD_AIR_MS` after the end of the callee's turn, and how long it was."""
    quiet_from: int | None = None  # where the callee fell silent and waits for us
    for turn in turns:
        if turn.speaker is Speaker.CALLEE:
            quiet_from = max(turn.ended_ms, quiet_from or 0)
            continue
        if turn.speaker is Speaker.AI and quiet_from is not None:
            ms = turn.started_ms - quiet_from
            held = any(start < turn.started_ms and quiet_from < end for start, end in holds)
            if ms > DEAD_AIR_MS and not held:
                yield turn.turn, ms
        quiet_from = None


def _overlaps(turns: Sequence[TranscriptTurn]) -> Iterator[tuple[int, int]]:
    """Our turns that began while the callee was speaking."""
    for earlier, turn in pairwise(turns):
        if turn.speaker is not Speaker.AI or earlier.speaker is not Speaker.CALLEE:
            continue
        ms = min(turn.ended_ms, earlier.ended_ms) - turn.started_ms
        if turn.started_ms > earlier.started_ms and ms >= OVERLAP_MS:
            yield turn.turn, ms


def _repeated_questions(turns: Sequence[TranscriptTurn]) -> Iterator[int]:
    """Our turns with a question that the callee had heard whole before and had not asked to hear again."""
    asked: list[set[str]] = []
    heard = ""
    for turn in turns:
        if turn.speaker is not Speaker.AI:
            heard = turn.text.lower()
            continue
        questions = [set(plain_words(text).split()) for text in _QUESTION.findall(turn.text)]
        questions = [words for words in questions if len(words) >= MIN_QUESTION_WORDS]
        if not _SAY_AGAIN.search(heard) and any(_same(words, old) for words in questions for old in asked):
            yield turn.turn
        if not turn.interrupted:
            asked += questions


def _same(one: set[str], other: set[str]) -> bool:
    return len(one & other) >= SAME_QUESTION * len(one | other)
