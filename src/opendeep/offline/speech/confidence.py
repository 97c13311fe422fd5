"""How far a decoded sentence may be believed: two measurements of the decoder to one number.

Owns the formula and its constants, nothing of the decoder. Pure.

Fitted on 121 sentences through 300-3400 Hz and µ-law (flite rms and slt), median (and worst twentieth):
word-exact posterior 0.88 (0.55), log10 likelihood per word -0.85 (-1.4); sentences with over 40 % errors 0.54 and -1.7;
sentences that are not of our world 0.42 (0.61) and -2.4 (-1.25). Either one alone lets too many foreign sentences pass.
"""

import math
from dataclasses import dataclass

POSTERIOR_MIDDLE, POSTERIOR_SLOPE = 0.55, 10.0
LIKELIHOOD_MIDDLE, LIKELIHOOD_SLOPE = -1.5, 3.0
LONGEST_WORD_FRAMES = 50
LONGEST_LETTER_FRAMES = 10
"""A word of n letters longer than 500 + 100·n ms is noise, music or a hum that was given a word's name."""


@dataclass(frozen=True, slots=True)
class HeardWord:
    """One word of the best path: its length in frames of 10 ms, its posterior probability."""

    word: str
    frames: int
    posterior: float

    @property
    def is_speech(self) -> bool:
        """Nobody speaks a word for that long."""
        return self.frames <= LONGEST_WORD_FRAMES + LONGEST_LETTER_FRAMES * len(self.word)


def confidence_of(words: list[HeardWord], likelihood: float) -> float:
    """0 to 1; 0.5 means it may as well be wrong, 0 that it is no speech.

    `likelihood` is the mean log10 probability per word under the language model.
    """
    if not words or not all(word.is_speech for word in words):
        return 0.0
    frames = sum(word.frames for word in words)
    posterior = sum(word.frames * min(1.0, word.posterior) for word in words) / frames
    evidence = POSTERIOR_SLOPE * (posterior - POSTERIOR_MIDDLE) + LIKELIHOOD_SLOPE * (likelihood - LIKELIHOOD_MIDDLE)
    return 1.0 / (1.0 + math.exp(-evidence))
