"""Mistakes in callee files, told so that they can be mended: file, line, field, what is wrong, what to do.

Owns positions in YAML and the wording; what is checked lives in `callee_schema`, `callee_checks` and `callee_loader`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import yaml
from pydantic import ValidationError

from opendeep.common.errors import ConfigurationError
from opendeep.simulation.callee_parts import Part
from opendeep.simulation.callee_schema import Callee

FieldPath = tuple[str | int, ...]

WHAT_TO_WRITE: Mapping[str, str] = {
    "^[a-z][a-z0-9_]*$": "write small letters, digits and _, a letter first",
    "^[a-z][a-z0-9_]{0,59}$": "write small letters, digits and _, a letter first",
    r"^\+?[0-9]{2,15}$": "write digits, with a plus before the country code, in quotes",
    "^[0-9*#]{1,32}$": "write keys: 0 to 9, * and #, in quotes",
    "^[0-9*#]{1,8}$": "write keys: 0 to 9, * and #, in quotes",
    r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,80}\.wav$": "write the name of a .wav file that lies beside this one",
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: where (line from 1, field as `script.desk.menu.prompt`) and what."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}"
        return f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"


class CalleeFileError(ConfigurationError):
    """One or more callee files are wrong; `mistakes` has one entry each."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = tuple(mistakes)


def mistake_at(root: yaml.Node, file: str, path: FieldPath, message: str) -> Mistake:
    """Return a mistake of the field at `path`."""
    return Mistake(file, line_of(root, path), dotted(path), message)


def line_of(root: yaml.Node, path: FieldPath) -> int:
    """Return the line (from 1) of the field at `path`, or of its closest parent that exists."""
    node, line = root, root.start_mark.line + 1
    for step in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(step)), None)
            if found is None:
                continue  # a step that pydantic adds for a key or a union, or a field that is missing
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
    return line


def dotted(path: FieldPath) -> str:
    return ".".join(str(step) for step in path if step != "[key]")


def from_validation(error: ValidationError, root: yaml.Node, file: str) -> list[Mistake]:
    """Return what pydantic found, each with its line and with what to do."""
    found = error.errors(include_url=False, include_input=False)
    wrong_inside = {one["loc"][:length] for one in found for length in range(len(one["loc"]))}
    # A list whose items are wrong counts as too short as well: a consequence, no mistake of its own.
    found = [one for one in found if one["type"] != "too_short" or one["loc"] not in wrong_inside]
    told = ((one["loc"], _message(one["type"], one["msg"], one["loc"], one.get("ctx", {}))) for one in found)
    return [mistake_at(root, file, path, message) for path, message in told]


def _message(kind: str, message: str, path: FieldPath, context: Mapping[str, Any]) -> str:
    if kind == "extra_forbidden":
        return _unknown_field(path)
    if kind == "string_type":
        return f"{message}: write it in quotes"
    if kind == "string_pattern_mismatch":
        hint = WHAT_TO_WRITE.get(str(context.get("pattern")), "")
        return f"{message}: {hint}" if hint else message
    return message.removeprefix("Value error, ")


def _unknown_field(path: FieldPath) -> str:
    """Name the fields that there are, the most alike first."""
    known = known_fields(path[:-1])
    alike = difflib.get_close_matches(str(path[-1]), known, n=1)
    meant = f"; did you mean {alike[0]}?" if alike else ""
    there_are = f" Here may stand: {', '.join(known)}." if known else ""
    return f"a field of this name is not permitted{meant}{there_are}"


def known_fields(path: FieldPath) -> tuple[str, ...]:
    """Return the names of the fields that the part at `path` may have, empty when there is no part."""
    shape: object = Callee
    for step in path:
        part = _part_in(shape)
        if part is not None and step in part.model_fields:
            shape = part.model_fields[str(step)].annotation
        else:  # an item of a list, a key of a mapping: its last type argument is what it holds
            shape = next((one for one in reversed(get_args(shape)) if one is not Ellipsis), None)
    part = _part_in(shape)
    return tuple(part.model_fields) if part is not None else ()


def _part_in(shape: object) -> type[Part] | None:
    """Return the part that an annotation is, or is optionally."""
    if isinstance(shape, type):
        return shape if issubclass(shape, Part) else None
    options = [one for one in get_args(shape) if isinstance(one, type) and issubclass(one, Part)]
    return options[0] if type(None) in get_args(shape) and options else None
