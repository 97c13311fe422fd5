"""Whether a sentence tells that no human is calling, in the languages that we speak. Pure."""

import re
from typing import Final

_SAYS_AI: Final = re.compile(
    r"\b(?:AI|A\.I\.|KI|IA)\b|(?i:\b(?:artificial|artificielle|artificiale|automat\w*|robot\w*|computer\w*"
    r"|intelligen\w*|inteligencia|intelligenza|k\u00fcnstliche\w*|kunstmatige))"
)


def says_ai(disclosure: str) -> bool:
    """Whether the sentence tells that no human is calling."""
    return _SAYS_AI.search(disclosure) is not None
