"""The rendered Asterisk configuration as text: which line says what, so that a finding can point at it.

Owns the reading of sections and lines (Asterisk `main/config.c`: `[section](template)`, `key = value`, `key => value`,
`;` begins a comment). Judges nothing. Without a folder the places are named by file, section and key alone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SECTION = re.compile(r"\[([^\]]+)\]")
_ASSIGNMENT = re.compile(r"([A-Za-z0-9_-]+)\s*=>?\s*(.*)")
_COMMENT = re.compile(r"(?<!\\);.*")


@dataclass(frozen=True, slots=True)
class ConfigLine:
    """One assignment, or the header of a section (`key` is empty then). Lines count from 1."""

    number: int
    section: str
    key: str
    value: str


def config_lines(text: str) -> Iterator[ConfigLine]:
    """The lines of one file that mean something."""
    section = ""
    for number, line in enumerate(text.split("\n"), 1):
        meaning = _COMMENT.sub("", line).strip()
        if header := _SECTION.match(meaning):
            section = header[1]
            yield ConfigLine(number, section, "", "")
        elif assignment := _ASSIGNMENT.fullmatch(meaning):
            yield ConfigLine(number, section, assignment[1], assignment[2].strip())


class AsteriskFiles:
    """The folder with manager.conf, pjsip.conf …, or None when it is not known."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def value(self, file: str, section: str, key: str) -> str | None:
        """The first value of a setting; None when there is none or the file cannot be read."""
        found = (line.value for line in self._lines(file) if (line.section, line.key) == (section, key))
        return next(found, None)

    def where(self, file: str, section: str, key: str = "", value: str | None = None) -> str:
        """The place of a setting: its line, else that of its section, else the file.

        `value` chooses among lines with the same key. Several files may be named, separated by `|`: the first that has
        the section counts.
        """
        names = file.split("|")
        if self.folder is None:
            return f"{names[0]}, [{section}]" + (f" {key}" if key else "") + (f" = {value}" if value else "")
        for name in names:
            lines = [line for line in self._lines(name) if line.section == section]
            wanted = [line for line in lines if key and line.key == key and value in (None, line.value)]
            if lines:
                return f"{self.folder / name}:{(wanted or lines)[0].number}"
        return f"{self.folder / names[0]} (there is no [{section}] yet)"

    def _lines(self, file: str) -> list[ConfigLine]:
        if self.folder is None:
            return []
        try:
            return list(config_lines((self.folder / file).read_text(encoding="utf-8", errors="replace")))
        except OSError:
            return []  # the caller then names the file, and `readable` has told that it cannot be read

    def unreadable(self) -> str | None:
        """Why the folder is of no use, as a sentence; None when all is well or there is none."""
        if self.folder is None:
            return None
        try:
            (self.folder / "manager.conf").read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            return f"{self.folder / 'manager.conf'} cannot be read: {error.strerror}."
        return None
