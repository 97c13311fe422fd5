"""Words to the values that a JSON schema asks for, by rules.

Owns the reading of one schema: choices, numbers, yes or no, dates, times, free words, lists and objects of these. Pure:
today is an argument. It never invents a value: what the words do not hold is `MISSING`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from opendeep.offline.script.spoken_values import spoken_date, spoken_number, spoken_time
from opendeep.offline.script.understanding import meanings_of_text
from opendeep.offline.speech.words import spoken

MAX_DEPTH: Final = 6
MISSING: Final = object()
"""What the words do not hold; no JSON value, so that None can be one."""

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LEAD_IN = re.compile(r"\b(?:in|for|to|at|of|about|named|called|with|that|saying)\s+", re.IGNORECASE)
_TRIMMED: Final = " \t\n.,;:!?\"'“”"


def words_in(name: str) -> tuple[str, ...]:
    """The words of an identifier: `get_weather`, `getWeather` and `get-weather` are get, weather."""
    return tuple(re.findall(r"[a-z0-9]+", _CAMEL.sub(" ", name).lower()))


class ValueReader:
    """Reads values out of `words` as somebody said or wrote them. `free_words` False: no free text is read."""

    def __init__(self, words: str, *, today: date, free_words: bool = True) -> None:
        self._words = words
        self._spoken = f" {spoken(words)} "
        self._today = today
        self._free_words = free_words

    def read(self, schema: Any, name: str = "", depth: int = 0) -> Any:
        """The value for `schema` (of the property `name`), or `MISSING`."""
        if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
            return MISSING
        if "const" in schema:
            return schema["const"]
        if isinstance(schema.get("enum"), list):
            return self._choice(schema["enum"])
        for key in ("anyOf", "oneOf"):
            if isinstance(schema.get(key), list):
                found = (self.read(option, name, depth + 1) for option in schema[key] if not _is_null(option))
                return next((value for value in found if value is not MISSING), MISSING)
        return self._typed(schema, name, depth)

    def read_object(self, schema: Mapping[str, Any], depth: int = 0) -> tuple[dict[str, Any], list[str]]:
        """The properties that were found, and the names of the required ones that were not."""
        found: dict[str, Any] = {}
        properties = schema.get("properties")
        for name, inner in properties.items() if isinstance(properties, Mapping) else ():
            value = self.read(inner, name, depth + 1)
            if value is not MISSING:
                found[name] = value
            elif name in required_of(schema) and _takes_null(inner):
                found[name] = None
        return found, [name for name in required_of(schema) if name not in found]

    def _typed(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        match _kind(schema):
            case "boolean":
                return self._yes_or_no()
            case "integer" | "number" as kind:
                return self._number(schema, whole=kind == "integer")
            case "string":
                return self._text(schema, name)
            case "array":
                value = self.read(schema.get("items"), name, depth + 1)
                return MISSING if value is MISSING else [value]
            case "object":
                found, missing = self.read_object(schema, depth)
                return MISSING if missing or not found else found
        return MISSING

    def _choice(self, options: list[Any]) -> Any:
        """The option that the words name; the longest where one holds another, none where two are named."""
        named = [option for option in options if isinstance(option, str | int) and self._names(str(option))]
        longest = [o for o in named if not any(o != p and _inside(str(o), str(p)) for p in named)]
        return longest[0] if len(longest) == 1 else MISSING

    def _names(self, option: str) -> bool:
        said = spoken(" ".join(words_in(option)))
        return bool(said) and f" {said} " in self._spoken

    def _yes_or_no(self) -> Any:
        answers = meanings_of_text(self._words) & {"yes", "no"}
        return MISSING if len(answers) != 1 else "yes" in answers

    def _number(self, schema: Mapping[str, Any], *, whole: bool) -> Any:
        value = spoken_number(self._words.lower())
        low, high = schema.get("minimum"), schema.get("maximum")
        if value is None or (whole and not value.is_integer()):
            return MISSING
        if (isinstance(low, int | float) and value < low) or (isinstance(high, int | float) and value > high):
            return MISSING
        return int(value) if value.is_integer() else value

    def _text(self, schema: Mapping[str, Any], name: str) -> Any:
        form = schema.get("format")
        if form == "date":
            day = spoken_date(self._words.lower(), self._today)
            return day.isoformat() if day else MISSING
        if form == "time":
            moment = spoken_time(self._words.lower())
            return moment.isoformat("seconds") if moment else MISSING
        if form is not None or "pattern" in schema or not self._free_words:
            return MISSING
        free, longest = self._free(name), schema.get("maxLength")
        return MISSING if free is MISSING or (isinstance(longest, int) and len(free) > longest) else free

    def _free(self, name: str) -> Any:
        """What follows the property's own name, or a word that leads in; otherwise all the words."""
        label = r"\W+".join(map(re.escape, words_in(name)))
        marks = (re.compile(rf"\b{label}\b\s*(?:is|=|:)?\s+", re.IGNORECASE), _LEAD_IN) if label else (_LEAD_IN,)
        for mark in marks:
            found = mark.search(self._words)
            if found and (rest := self._words[found.end() :].strip(_TRIMMED)):
                return rest
        return self._words.strip(_TRIMMED) or MISSING


def required_of(schema: Mapping[str, Any]) -> list[str]:
    """The names of the required properties."""
    required = schema.get("required")
    return [name for name in required if isinstance(name, str)] if isinstance(required, list) else []


def empty_value(schema: Any) -> Any:
    """The plainest value of the schema's type, for a call that is forced though the words do not hold its arguments."""
    if not isinstance(schema, Mapping):
        return ""
    if "const" in schema:
        return schema["const"]
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    options = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(options, list) and options:
        return None if _takes_null(schema) else empty_value(options[0])
    if _takes_null(schema):
        return None
    kind = _kind(schema)
    if kind == "object" and isinstance(schema.get("properties"), Mapping):
        return {name: empty_value(schema["properties"].get(name)) for name in required_of(schema)}
    plain: dict[str, Any] = {"boolean": False, "integer": 0, "number": 0, "array": [], "object": {}}
    return plain.get(kind, "")


def _kind(schema: Mapping[str, Any]) -> str:
    wanted = schema.get("type")
    names = [kind for kind in wanted if kind != "null"] if isinstance(wanted, list) else [wanted]
    return str(names[0]) if names else ""


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") == "null"


def _takes_null(schema: Any) -> bool:
    if not isinstance(schema, Mapping):
        return False
    wanted = schema.get("type")
    listed = [schema[key] for key in ("anyOf", "oneOf") if isinstance(schema.get(key), list)]
    options: Iterator[Any] = (option for options in listed for option in options)
    return (isinstance(wanted, list) and "null" in wanted) or any(_is_null(option) for option in options)


def _inside(part: str, whole: str) -> bool:
    return f" {' '.join(words_in(part))} " in f" {' '.join(words_in(whole))} "
