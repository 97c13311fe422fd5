"""The rules that outrank every model: words that forbid further calls, and what may be claimed at all. Pure."""

import re
from collections.abc import Sequence
from typing import Final

from opendeep.common.data_models import Speaker, TranscriptTurn

MESSAGE_WORDS: Final = 6  # fewer words of ours are no message on a mailbox
_OPT_OUT: Final = re.compile(
    r"\b(?:stop|quit) (?:calling|phoning|ringing|contacting)\b"
    r"|\b(?:don't|do not|never) (?:ever )?(?:call|phone|ring|contact) (?:me|us|here|this number)\b(?! (?:back|later))"
    r"|\b(?:don't|do not|never) call again\b"
    r"|\b(?:take|remove|get|delete) (?:me|us|my number|this number|our number|my name) (?:off|from)\b"
    r"|\boff (?:your|the) (?:calling )?list\b|\bdo not call list\b|\bno more calls\b|\bunsubscribe\b"
    r"|\bleave (?:me|us) alone\b|\blose (?:my|our|this) number\b"
    r"|\b(?:don't|do not) want (?:(?:any|to get|to receive|you to) )?(?:any |more |these |your |such )*"
    r"(?:phone )?calls?(?: me| us)?\b|\b(?:don't|do not) want to be (?:called|phoned|contacted)\b"
)
_FOR_GOOD: Final = re.compile(r"^ (?:ever )?(?:again|any ?more|ever)\b(?! (?:before|until|till|today|now|on))")
_ONLY_NOW: Final = re.compile(
    r"\b(?:before|until|till|at work|today|now|on (?:sun|satur|mon|tues|wednes|thurs|fri)day)\b"
)


def opt_out_turns(turns: Sequence[TranscriptTurn]) -> list[int]:
    """The callee's turns that ask for no more calls; "do not call me before nine" is none of them."""
    found = []
    for turn in turns:
        text = " ".join(turn.text.lower().replace("\u2019", "'").split())
        match = _OPT_OUT.search(text) if turn.speaker is Speaker.CALLEE else None
        if match and not _only_now(match, text[match.end() :]):
            found.append(turn.turn)
    return found


def _only_now(match: re.Match[str], rest: str) -> bool:
    """Whether "do not call me" goes on with a time: then it asks for another time, not for no more calls."""
    if not match[0].startswith(("don", "do ")) or _FOR_GOOD.match(rest):
        return False
    return _ONLY_NOW.search(rest) is not None


def left_message(turns: Sequence[TranscriptTurn]) -> list[int]:
    """Turns of ours that are long enough to be a message on a mailbox."""
    return [t.turn for t in turns if t.speaker is Speaker.AI and len(t.text.split()) >= MESSAGE_WORDS]


def callee_spoke(turns: Sequence[TranscriptTurn]) -> bool:
    return any(turn.speaker is Speaker.CALLEE and turn.text.strip() for turn in turns)
