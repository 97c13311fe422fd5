"""Whether a keypad menu leads nowhere: the same prompt comes again, or too many keys were pressed. Pure.

Owns comparing the prompts of one call and counting its keys; which key is right is the AI's decision, sending it the
telephony side's. `switch_tools` asks it before each `send_dtmf` and tells it what the other side was understood to say.
"""

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

MAX_KEYS: Final = 12  # presses in one call, not digits: an extension is one press
SAME_AT: Final = 0.5  # share of the pairs of neighbouring words; each misheard word spoils two. Other menus: below 0.2
LEAST_WORDS: Final = 4  # shorter prompts are compared with nothing ("please hold" comes often)
MAX_PROMPTS: Final = 20  # remembered; the oldest goes first
MAX_PROMPT_WORDS: Final = 120  # looked at, from the start
SAME_PROMPTS: Final = 3  # the third time the same prompt is a loop
SAME_KEY_HERE: Final = 2  # the same key at the same prompt, in vain


@dataclass(slots=True)
class _Prompt:
    pairs: frozenset[tuple[str, str]]
    heard: int = 1
    keys: dict[str, int] = field(default_factory=dict)


class MenuLoop:
    """One per call."""

    def __init__(self, max_keys: int = MAX_KEYS) -> None:
        self._max_keys = max_keys
        self._prompts: deque[_Prompt] = deque(maxlen=MAX_PROMPTS)
        self._here: _Prompt | None = None
        self._presses = 0

    def hear(self, prompt: str) -> int:
        """A prompt of the machine, as recognised. Returns how often it has been heard; 0 when too short to tell."""
        words = tuple("".join(c if c.isalnum() else " " for c in prompt.lower()).split()[:MAX_PROMPT_WORDS])
        if len(words) < LEAST_WORDS:
            return 0
        pairs = frozenset(pairwise(words))
        known = max(self._prompts, key=lambda one: _alike(one.pairs, pairs), default=None)
        if known is None or _alike(known.pairs, pairs) < SAME_AT:
            known = _Prompt(pairs)
            self._prompts.append(known)
        else:
            known.heard += 1
        self._here = known
        return known.heard

    def press(self, digits: str) -> str | None:
        """May these keys be pressed now? Returns why not, in a sentence for the AI; None counts them as pressed."""
        if reason := self.stuck:
            return reason
        if self._presses >= self._max_keys:
            return f"Keys were pressed {self._presses} times in this call. Give up on this menu and end the call."
        if self._here is not None:
            if self._here.keys.get(digits, 0) >= SAME_KEY_HERE:
                return f"{digits} was pressed at this prompt before and led back to it. Choose another way."
            self._here.keys[digits] = self._here.keys.get(digits, 0) + 1
        self._presses += 1
        return None

    @property
    def stuck(self) -> str | None:
        """Why the call should be given up, or None."""
        if self._here is not None and self._here.heard >= SAME_PROMPTS and self._here.keys:
            return f"The same menu came {self._here.heard} times. Give up on it and end the call."
        return None


def _alike(one: frozenset[tuple[str, str]], other: frozenset[tuple[str, str]]) -> float:
    """The share of pairs in common, 0 to 1; a prompt that was cut short is like its whole self."""
    shorter, longer = sorted((len(one), len(other)))
    return len(one & other) / (shorter if shorter * 2 >= longer else longer)
