"""The transcript of one call while it is spoken: turns of both sides in the order they were spoken. Pure.

A turn gets its number when it is first heard on the line, its text may come later (recognition, rest of a sentence) or
be cut (barge-in); each change that a reader should see goes to `put`. Times are ms since the answer.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from opendeep.common.data_models import Speaker, TranscriptTurn

MAX_TURNS: Final = 2_000
MAX_TEXT_CHARS: Final = 8_000
INAUDIBLE: Final = "(not understood)"

Put = Callable[[TranscriptTurn], None]


@dataclass(slots=True)
class _Turn:
    speaker: Speaker
    number: int = 0  # 0: not on the line yet
    text: str = ""
    started_ms: int = 0
    ended_ms: int | None = None
    interrupted: bool = False
    settled: bool = False  # the text is final


class TranscriptBook:
    """Keyed by the provider's item ids. Beyond `MAX_TURNS` turns nothing is written any more (and counted)."""

    def __init__(self, call_id: UUID, put: Put) -> None:
        self._call_id = call_id
        self._put = put
        self._turns: OrderedDict[str, _Turn] = OrderedDict()
        self._last_number = 0
        self.last_callee_turn: int | None = None  # the number of the turn in which the callee spoke last
        self.dropped = 0

    @property
    def waiting_for_text(self) -> bool:
        """Some words of the callee, or of the user, are not recognised yet."""
        return any(turn.speaker is not Speaker.AI and not turn.settled for turn in self._turns.values())

    @property
    def last_number(self) -> int:
        """Of the turn that began last; 0 before the first."""
        return self._last_number

    def history(self, after: int = 0) -> list[tuple[Speaker, str]]:
        """What was said so far, in order; `after` the turn of that number."""
        known = (turn for turn in self._turns.values() if turn.number > after and turn.text)
        spoken = sorted(known, key=lambda turn: turn.number)
        return [(turn.speaker, turn.text) for turn in spoken]

    @property
    def ai_spoke(self) -> bool:
        """Whether a word of ours was heard."""
        return any(turn.speaker is not Speaker.CALLEE and turn.number and turn.text for turn in self._turns.values())

    def asks(self, playing: tuple[str, float] | None) -> bool:
        """Whether the AI was heard to ask something: so much of this item, 0 to 1, was played; None: everything."""
        if playing is None:
            return True
        item_id, share = playing
        turn = self._turns.get(item_id)
        text = turn.text if turn is not None else ""
        return "?" in text[: round(len(text) * share) + 1]

    # -- the callee; in the same way the user who has taken over

    def callee_started(self, item_id: str, at_ms: int, who: Speaker = Speaker.CALLEE) -> None:
        turn = self._turn(item_id, who)
        if turn is not None and not turn.number:
            self._number(turn, at_ms)

    def callee_ended(self, item_id: str, at_ms: int) -> None:
        turn = self._turns.get(item_id)
        if turn is not None:
            turn.ended_ms = max(at_ms, turn.started_ms)

    def callee_text(self, item_id: str, text: str, now_ms: int, who: Speaker = Speaker.CALLEE) -> None:
        """The recognised words; empty when there were none."""
        turn = self._turn(item_id, who)
        if turn is None:
            return
        if not turn.number:
            self._number(turn, now_ms)
        turn.text, turn.settled = _clean(text), True
        turn.ended_ms = now_ms if turn.ended_ms is None else turn.ended_ms
        self._write(turn)

    def rename(self, old_item_id: str, new_item_id: str) -> None:
        """The server committed what was being said under another item id."""
        if old_item_id in self._turns and new_item_id not in self._turns:
            self._turns[new_item_id] = self._turns.pop(old_item_id)

    def callee_inaudible(self, item_id: str, now_ms: int, who: Speaker = Speaker.CALLEE) -> None:
        """There was speech, but nobody could understand it."""
        self.callee_text(item_id, INAUDIBLE, now_ms, who)

    def callee_keys(self, digits: str, now_ms: int) -> None:
        """What was pressed is said as much as a word is: an answer by keys is proved by it."""
        self.callee_text(f"keys-{self._last_number}-{now_ms}", f"(pressed {digits})", now_ms)

    # -- the AI

    def ai_words(self, item_id: str, text: str) -> None:
        """The next words of an item."""
        turn = self._turn(item_id, Speaker.AI)
        if turn is not None and not (turn.interrupted or turn.settled):
            turn.text = (turn.text + text)[:MAX_TEXT_CHARS]

    def ai_text(self, item_id: str, text: str) -> None:
        """All words of an item, at its end."""
        turn = self._turn(item_id, Speaker.AI)
        if turn is None or turn.interrupted:
            return
        turn.text, turn.settled = _clean(text), True
        if turn.number:
            self._write(turn)

    def ai_started(self, item_id: str, at_ms: int) -> None:
        """The first frame of an item leaves."""
        turn = self._turn(item_id, Speaker.AI)
        if turn is not None and not turn.number:
            self._number(turn, at_ms)
            if turn.settled:
                self._write(turn)

    def ai_ended(self, item_id: str, at_ms: int) -> None:
        """The last frame has left."""
        turn = self._turns.get(item_id)
        if turn is not None and turn.number:
            turn.ended_ms, turn.settled = at_ms, True
            self._write(turn)

    def ai_cut(self, item_id: str, at_ms: int, heard: float) -> None:
        """Barge-in: only the share `heard` (0 to 1) of the words so far was played."""
        turn = self._turns.get(item_id)
        if turn is None or turn.interrupted:
            return
        turn.text = _spoken_part(turn.text, heard)
        turn.ended_ms, turn.interrupted, turn.settled = at_ms, True, True
        if turn.number:
            self._write(turn)

    def close(self, now_ms: int) -> None:
        """The call is over: whatever still lacks its end or its words is written as it is."""
        for turn in self._turns.values():
            if turn.number and (turn.ended_ms is None or not turn.settled):
                turn.ended_ms = now_ms if turn.ended_ms is None else turn.ended_ms
                if turn.speaker is not Speaker.AI and not turn.text:
                    turn.text = INAUDIBLE
                turn.settled = True
                self._write(turn)

    # -- inside

    def _turn(self, item_id: str, speaker: Speaker) -> _Turn | None:
        turn = self._turns.get(item_id)
        if turn is not None:
            return turn if turn.speaker is speaker else None
        if len(self._turns) >= MAX_TURNS:
            self.dropped += 1
            return None
        turn = self._turns[item_id] = _Turn(speaker)
        return turn

    def _number(self, turn: _Turn, at_ms: int) -> None:
        self._last_number += 1
        turn.number, turn.started_ms = self._last_number, max(0, at_ms)
        if turn.speaker is Speaker.CALLEE:
            self.last_callee_turn = turn.number

    def _write(self, turn: _Turn) -> None:
        turn.text = _clean(turn.text)
        if turn.text:
            ended_ms = turn.started_ms if turn.ended_ms is None else max(turn.ended_ms, turn.started_ms)
            self._put(
                TranscriptTurn(
                    self._call_id, turn.number, turn.speaker, turn.text, turn.started_ms, ended_ms, turn.interrupted
                )
            )


def _clean(text: str) -> str:
    return " ".join(text.replace("\0", "").split())[:MAX_TEXT_CHARS]


def _spoken_part(text: str, heard: float) -> str:
    """Whole words up to the share that was heard."""
    if heard >= 1:
        return text
    cut = int(len(text) * max(0.0, heard))
    if cut >= len(text) or text[cut : cut + 1] == " ":
        return text[:cut].rstrip()
    return text[:cut].rpartition(" ")[0]
