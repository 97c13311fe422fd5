"""The small conversation of a client that brings no script: honest about what it is, and about what it understood.

Owns the answers and the choice of a tool. A tool is called when the client demands it, or when the words clearly name
one (all telling words of its name, or most of those of its description); its arguments are read from the words by its
own schema. Pure and without a model: the same words give the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from opendeep.offline.minds.schema_values import ValueReader, empty_value, required_of, words_in
from opendeep.offline.script.understanding import Heard, meanings

WHAT_I_AM: Final = "I am the offline voice of OpenDeep. I work by rules, without a language model."
GREETING: Final = f"Hello. {WHAT_I_AM} Say something, and I will repeat what I understood."
LISTENING: Final = "I am listening."
NOT_UNDERSTOOD: Final = "I did not understand that. Please say it in other words."
GOODBYE: Final = "Goodbye."
CALLING: Final = "One moment please."
MAX_ECHO_CHARS: Final = 300
MAX_RESULT_PARTS: Final = 8
MAX_QUESTIONS: Final = 2  # for the argument of a tool; then the call is given up
FEWEST_DESCRIBED: Final = 3  # words of a description that must be heard
DESCRIBED_SHARE: Final = 0.6

_COMMON: Final = frozenset(
    re.findall(
        r"\w+",
        "a an and any are as at be by can could current currently do does fetch find for from function get give given "
        "has have how i if in into is it its look make me my of on or our please run set tell that the their this to "
        "tool up use used user want what when where which will with would you your",
    )
)
_QUOTED_OPENING: Final = re.compile(
    r"\b(?:greet|begin|start|open|answer)\w*\b[^.\n\"“]{0,80}[\"“]([^\"”\n]{1,300})[\"”]", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of one of the client's functions."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Offer:
    """The tools that may be called now. `choice`: `none`, `auto`, `required`, or the name of the one to call."""

    tools: tuple[Mapping[str, Any], ...] = ()
    choice: str = "auto"

    @property
    def usable(self) -> tuple[Mapping[str, Any], ...]:
        return () if self.choice == "none" else self.tools

    @property
    def forced(self) -> bool:
        return self.choice not in ("none", "auto") and bool(self.tools)


def read_offer(tools: Sequence[Any], choice: Any) -> Offer:
    """From the wire's `tools` (both shapes: flat, or below `function`) and `tool_choice`."""
    flat = [tool.get("function", tool) for tool in tools if isinstance(tool, Mapping)]
    usable = tuple(tool for tool in flat if isinstance(tool, Mapping) and isinstance(tool.get("name"), str))
    if isinstance(choice, Mapping):
        named = choice.get("function", choice)
        choice = named.get("name") if isinstance(named, Mapping) else None
    return Offer(usable, choice if isinstance(choice, str) else "auto")


@dataclass(slots=True)
class SmallTalk:
    """One conversation. Every answer is a list of sentences to say and at most one tool call at its end."""

    today: date
    instructions: str = ""
    _greeted: bool = False
    _said: str = ""
    _asking: tuple[Mapping[str, Any], str, int] | None = field(default=None)

    def open(self) -> str:
        """Asked to speak although nobody has said anything."""
        if self._greeted:
            return self._say(LISTENING)
        self._greeted = True
        wanted = _QUOTED_OPENING.search(self.instructions)
        return self._say(" ".join(wanted.group(1).split()) if wanted else GREETING)

    def hear(self, heard: Heard, offer: Offer) -> str | ToolCall:
        """Somebody has spoken or written."""
        self._greeted = True
        if offer.forced:
            return forced_call(heard.text, offer, self.today)
        if not heard.text:
            return self._say(NOT_UNDERSTOOD)
        if self._asking is not None:
            return self._argument(heard.text)
        tool = clearly_meant(heard.text, offer.usable)
        return self._try(tool, heard.text, asked=0) if tool is not None else self._say(self._reply(heard))

    def result(self, name: str, output: Mapping[str, object]) -> str:
        """A tool has answered."""
        parts = list(_spoken_parts(output))[:MAX_RESULT_PARTS]
        return self._say(_clip(f"The answer of {' '.join(words_in(name))} is: {', '.join(parts) or 'nothing'}."))

    def _say(self, text: str) -> str:
        self._said = text
        return text

    def _reply(self, heard: Heard) -> str:
        meant = meanings(heard)
        if "who_is_this" in meant:
            return WHAT_I_AM
        if "repeat" in meant and self._said:
            return self._said
        if meant & {"goodbye", "farewell"}:
            return GOODBYE
        return f"I understood: {_clip(heard.text)}{'' if heard.text.endswith(('.', '!', '?')) else '.'}"

    def _argument(self, words: str) -> str | ToolCall:
        """The answer to our question for an argument, together with what was said before."""
        if self._asking is None:
            raise RuntimeError("no argument was asked for")
        (tool, before, asked), self._asking = self._asking, None
        return self._try(tool, f"{before} {words}", asked=asked)

    def _try(self, tool: Mapping[str, Any], words: str, *, asked: int) -> str | ToolCall:
        arguments, missing = arguments_from(tool, words, self.today)
        if not missing:
            return ToolCall(str(tool["name"]), arguments)
        named = " ".join(words_in(missing[0]))
        if asked >= MAX_QUESTIONS:
            return self._say(f"I did not understand the {named}, so I leave it.")
        self._asking = (tool, words, asked + 1)
        return self._say(f"Which {named}, please?")


def clearly_meant(words: str, tools: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The one tool that the words name; None when there is none, or more than one equally well."""
    heard = {_stem(word) for word in re.findall(r"[a-z0-9]+", words.lower())}
    scores = sorted(((_likeness(heard, tool), at) for at, tool in enumerate(tools)), reverse=True)
    if not scores or scores[0][0] <= 0 or (len(scores) > 1 and scores[0][0] == scores[1][0]):
        return None
    return tools[scores[0][1]]


def _likeness(heard: set[str], tool: Mapping[str, Any]) -> float:
    """0 when the tool is not clearly meant; the more of its words were heard the higher."""
    name = _telling(words_in(str(tool["name"]))) or {_stem(word) for word in words_in(str(tool["name"]))}
    if name and name <= heard:
        return 1.0 + len(name)
    described = _telling(re.findall(r"[a-z0-9]+", str(tool.get("description") or "").lower()))
    common = described & heard
    enough = len(common) >= FEWEST_DESCRIBED and len(common) >= DESCRIBED_SHARE * len(described)
    return len(common) / len(described) if enough else 0.0


def arguments_from(tool: Mapping[str, Any], words: str, today: date) -> tuple[dict[str, Any], list[str]]:
    """The arguments found in the words, and the names of required ones that were not."""
    schema = tool.get("parameters")
    if not isinstance(schema, Mapping):
        return {}, []
    return ValueReader(words, today=today).read_object(schema)


def forced_call(words: str, offer: Offer, today: date) -> ToolCall:
    """The call that the client demands; arguments that the words do not hold are the empty value of their type."""
    named = [tool for tool in offer.tools if tool["name"] == offer.choice]
    tool = named[0] if named else clearly_meant(words, offer.tools) or offer.tools[0]
    arguments, missing = arguments_from(tool, words, today)
    schema = tool.get("parameters")
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    empty = properties if isinstance(properties, Mapping) else {}
    order = required_of(schema) if isinstance(schema, Mapping) else []
    filled = {**arguments, **{name: empty_value(empty.get(name)) for name in missing}}
    return ToolCall(
        str(tool["name"]), {name: filled[name] for name in (*order, *(n for n in filled if n not in order))}
    )


def tool_hints(offer: Offer) -> tuple[str, ...]:
    """What the recogniser should know besides its own sentences: names, first sentences and choices of the tools."""
    hints: dict[str, None] = {}
    for tool in offer.usable:
        hints[" ".join(words_in(str(tool["name"])))] = None
        hints[str(tool.get("description") or "").partition(".")[0]] = None
        schema = tool.get("parameters")
        properties = schema.get("properties") if isinstance(schema, Mapping) else None
        for name, inner in properties.items() if isinstance(properties, Mapping) else ():
            choices = inner.get("enum") if isinstance(inner, Mapping) else None
            words = [choice for choice in choices if isinstance(choice, str)] if isinstance(choices, list) else []
            hints.update(dict.fromkeys([" ".join(words_in(name)), *words]))
    return tuple(filter(None, hints))


def _telling(words: Sequence[str]) -> set[str]:
    return {_stem(word) for word in words if word not in _COMMON}


def _stem(word: str) -> str:
    """Enough of a word to see that "appointments" and "appointment", "booked" and "book" are one."""
    for ending in ("ings", "ing", "ies", "ed", "es", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _spoken_parts(value: object, name: str = "", depth: int = 0) -> Sequence[str]:
    """A tool's answer as short phrases: `{"temperature": 21}` is "temperature 21"."""
    if depth > 3:
        return []
    if isinstance(value, Mapping):
        inner = [_spoken_parts(part, " ".join(words_in(str(key))), depth + 1) for key, part in value.items()]
        return [phrase for phrases in inner for phrase in phrases]
    if isinstance(value, list):
        return [phrase for part in value for phrase in _spoken_parts(part, name, depth + 1)]
    text = (
        {True: "yes", False: "no", None: "nothing"}.get(value)
        if value is None or isinstance(value, bool)
        else str(value)
    )
    return [f"{'' if name == 'text' else name} {text}".strip()]


def _clip(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= MAX_ECHO_CHARS else f"{one_line[:MAX_ECHO_CHARS].rpartition(' ')[0]} …"
