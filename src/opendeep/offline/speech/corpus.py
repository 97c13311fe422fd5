"""The sentences that the offline listener knows: shipped as templates, expanded when the program starts.

Owns the template notation and the reading of `sentences/*.txt`. Deterministic: the same files give the same sentences.

Notation, one template per line, `#` begins a comment: `(a|b)` one of, `[a|b]` one of or nothing, `{slot}` a value of
`slots.txt`, `|` at the top level separates alternatives. Small templates are expanded completely, large ones sampled.
"""

import itertools
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

MOST_PER_TEMPLATE = 80
TOKEN = re.compile(r"[()\[\]|]|\{[a-z_]+\}|[^\s()\[\]|{}]+")
FOLDER = "sentences"
SLOTS_FILE = "slots.txt"
TOPICS = (
    "assistant", "callback", "callee", "menu", "numbers", "opt_out", "questions", "screening", "times", "voicemail",
    "yes_no",
)  # fmt: skip
MOST_REPEATS = 8
"""A short template counts as much as a long one: its few sentences are repeated up to this often."""
BASE_WEIGHT = 1
EXPECTED_WEIGHT = 5
TOPICS_OF = {
    "any": (),
    "yes_no": ("yes_no", "times", "callback"),
    "choice": ("callee",),
    "date": ("times",),
    "time": ("times",),
    "datetime": ("times",),
    "number": ("numbers",),
    "menu": ("menu",),
    "greeting": ("callee", "voicemail", "screening"),
}
"""Which topics are likelier than the rest, by what is expected. Nothing is ever impossible: a callee may opt out of
any question."""


class TemplateError(ValueError):
    """A sentence file has a mistake; the message names file and line."""


@dataclass(frozen=True, slots=True)
class Word:
    text: str

    def size(self) -> int:
        return 1

    def all(self) -> Iterator[str]:
        yield self.text

    def one(self, dice: random.Random) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Row:
    """Parts that follow each other."""

    parts: tuple["Node", ...]

    def size(self) -> int:
        total = 1
        for part in self.parts:
            total *= part.size()
        return total

    def all(self) -> Iterator[str]:
        for chosen in itertools.product(*(tuple(part.all()) for part in self.parts)):
            yield " ".join(filter(None, chosen))

    def one(self, dice: random.Random) -> str:
        return " ".join(filter(None, (part.one(dice) for part in self.parts)))


@dataclass(frozen=True, slots=True)
class Choice:
    """Exactly one of the options (an empty `Row` is "nothing")."""

    options: tuple["Node", ...]

    def size(self) -> int:
        return sum(option.size() for option in self.options)

    def all(self) -> Iterator[str]:
        for option in self.options:
            yield from option.all()

    def one(self, dice: random.Random) -> str:
        return dice.choice(self.options).one(dice)


Node = Word | Row | Choice


class TemplateReader:
    """Turns template text into nodes; slots are looked up in `slots`, which grows as slot lines are read."""

    def __init__(self, slots: dict[str, Node]) -> None:
        self._slots = slots
        self._tokens: list[str] = []

    def read(self, text: str) -> Node:
        """Raises `TemplateError` for an unknown slot or an unbalanced bracket."""
        self._tokens = TOKEN.findall(text)[::-1]
        node = self._choice(until=None)
        if self._tokens:
            raise TemplateError(f"unexpected {self._tokens[-1]!r} in {text!r}")
        return node

    def _choice(self, until: str | None, optional: bool = False) -> Node:
        options: list[Node] = []
        parts: list[Node] = []
        while self._tokens and self._tokens[-1] not in (")", "]"):
            mark = self._tokens.pop()
            if mark == "|":
                options.append(_row(parts))
                parts = []
            else:
                parts.append(self._atom(mark))
        self._expect(until)
        options.append(_row(parts))
        if optional:
            options.append(Row(()))
        return options[0] if len(options) == 1 else Choice(tuple(dict.fromkeys(options)))

    def _atom(self, mark: str) -> Node:
        if mark == "(":
            return self._choice(until=")")
        if mark == "[":
            return self._choice(until="]", optional=True)
        if mark.startswith("{"):
            if (slot := self._slots.get(mark[1:-1])) is None:
                raise TemplateError(f"unknown slot {mark}")
            return slot
        return Word(mark)

    def _expect(self, closing: str | None) -> None:
        found = self._tokens.pop() if closing and self._tokens else None
        if found != closing:
            raise TemplateError(f"expected {closing!r}, found {found!r}")


def _row(parts: list[Node]) -> Node:
    return parts[0] if len(parts) == 1 else Row(tuple(parts))


def expand(node: Node, seed: str) -> list[str]:
    """At most `MOST_PER_TEMPLATE` different sentences of one template, in a fixed order."""
    if node.size() <= MOST_PER_TEMPLATE:
        return list(dict.fromkeys(sentence for sentence in node.all() if sentence))
    dice = random.Random(seed)  # noqa: S311 - a sample of sentences, no secret
    return list(dict.fromkeys(filter(None, (node.one(dice) for _ in range(MOST_PER_TEMPLATE)))))


@cache
def sentences_of(topic: str) -> tuple[str, ...]:
    """All sentences of one of `TOPICS`, lower case, spoken words only."""
    return tuple(sentence for template in templates_of(topic) for sentence in template)


@cache
def templates_of(topic: str) -> tuple[tuple[str, ...], ...]:
    """The sentences of one of `TOPICS` by the template they come from. Raises `TemplateError`."""
    reader = TemplateReader(_slots())
    found: list[tuple[str, ...]] = []
    for number, line in _lines(f"{topic}.txt"):
        try:
            found.append(tuple(expand(reader.read(line), seed=line)))
        except TemplateError as error:
            raise TemplateError(f"{topic}.txt line {number}: {error}") from None
    return tuple(found)


def repeats(template: tuple[str, ...]) -> int:
    """How often each sentence of a template counts."""
    return max(1, min(MOST_REPEATS, MOST_PER_TEMPLATE // len(template)))


@cache
def slot_sentences() -> tuple[str, ...]:
    """Every slot's values on their own, so that each value is in the vocabulary."""
    return tuple(sentence for name, node in _slots().items() for sentence in expand(node, seed=name))


@cache
def _slots() -> dict[str, Node]:
    slots: dict[str, Node] = {}
    reader = TemplateReader(slots)
    pending = ""
    entries: list[str] = []
    for _, line in _lines(SLOTS_FILE):
        if line[0].isspace():
            pending += line
        else:
            entries.append(pending)
            pending = line
    for entry in filter(None, [*entries, pending]):
        name, separator, values = entry.partition(":")
        if not separator:
            raise TemplateError(f"{SLOTS_FILE}: no slot name in {entry!r}")
        slots[name.strip()] = reader.read(values)
    return slots


def _lines(name: str) -> Iterator[tuple[int, str]]:
    text = (files("opendeep.offline.speech") / FOLDER / name).read_text(encoding="utf-8")
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.split("#", 1)[0].rstrip()
        if line:
            yield number, line
