"""How words are pronounced: the recogniser's dictionary plus our few additions.

Owns reading both and looking words up. Runs in the worker process; one look-up table of some 20 MB is built there once.
"""

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

ADDITIONS = "pronunciations.txt"


class Lexicon:
    """Words to their pronunciations (CMU phones, blank-separated, the likeliest first)."""

    def __init__(self, dictionary: Path) -> None:
        """`dictionary` in CMU form: `word P H O N`, alternatives as `word(2) …`."""
        added = (files("opendeep.offline.speech") / ADDITIONS).read_text(encoding="utf-8")
        self._found: dict[str, list[str]] = {}
        for text in (added, dictionary.read_text(encoding="utf-8")):
            self._read(text)

    def __contains__(self, word: str) -> bool:
        return word in self._found

    def pronunciations(self, word: str) -> list[str]:
        """All known ways to say `word`; empty when it is unknown."""
        return self._found.get(word, [])

    def entries(self, words: Iterable[str]) -> list[tuple[str, str]]:
        """Dictionary entries `(word, phones)` of the known ones of `words`; alternatives as `word(2)`."""
        return [
            (word if number == 1 else f"{word}({number})", phones)
            for word in words
            for number, phones in enumerate(self.pronunciations(word), start=1)
        ]

    def _read(self, text: str) -> None:
        for line in text.splitlines():
            entry, _, phones = line.partition(" ")
            if entry and not entry.startswith("#"):
                known = self._found.setdefault(entry.split("(", 1)[0], [])
                if phones not in known:
                    known.append(phones)
