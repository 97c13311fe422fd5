"""What a recognised sentence is about, by the rules of `intents.txt`.

Owns reading the rules and applying them. Pure; the rules themselves, in the order of the result, are in the text file.
"""

import re
from functools import cache
from importlib.resources import files

RULES_FILE = "intents.txt"
SECTION = re.compile(r"\[([a-z_]+)\]")
DEFINITION = re.compile(r"<([a-z]+)> = (.+)")
USE = re.compile(r"<([a-z]+)>")
INTENTS = (
    "opt_out", "voicemail", "screening", "menu", "wrong_person", "callback", "who_is_this", "repeat", "hold",
    "question", "no", "yes", "time", "date", "number", "goodbye", "greeting",
)  # fmt: skip


class IntentRulesError(ValueError):
    """The rules file has a mistake; the message names the line."""


def intents_of(text: str) -> tuple[str, ...]:
    """Every intent that `text` (lower-case words) shows, what must be acted on first; () for none."""
    return tuple(name for name, pattern in _rules() if pattern.search(text))


@cache
def _rules() -> tuple[tuple[str, re.Pattern[str]], ...]:
    text = (files("opendeep.offline.speech") / RULES_FILE).read_text(encoding="utf-8")
    return read_rules(text)


def read_rules(text: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Sections of `text` as (intent, pattern), in their order. Raises `IntentRulesError`."""
    groups: dict[str, str] = {}
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        try:
            if found := SECTION.fullmatch(line):
                lines = sections.setdefault(found[1], [])
            elif found := DEFINITION.fullmatch(line):
                groups[found[1]] = f"(?:{found[2]})"
            else:
                lines.append(re.compile(USE.sub(lambda use: groups[use[1]], line)).pattern)
        except (KeyError, re.error) as error:
            raise IntentRulesError(f"{RULES_FILE} line {number}: {error!r} in {line!r}") from None
    return tuple((name, re.compile("|".join(patterns))) for name, patterns in sections.items())
