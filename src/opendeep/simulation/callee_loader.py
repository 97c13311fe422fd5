"""Reads callee files and says, for every mistake, which file, line and field it is in.

Owns YAML, positions in it, and the checks that span a file or a folder; the schema itself lives in `callee_schema`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import yaml
from pydantic import ValidationError

from opendeep.simulation.callee_schema import Callee, Outcome, Patience

FieldPath = tuple[str | int, ...]
MAX_FILE_BYTES = 256_000
MAX_DEPTH = 20


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


class CalleeFileError(ValueError):
    """One or more callee files are wrong; `mistakes` has one entry each."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = tuple(mistakes)


def shipped_callees() -> tuple[Callee, ...]:
    """Return the callees that come with the package, sorted by name."""
    with resources.as_file(resources.files("opendeep.simulation") / "callees") as folder:
        return load_callees(folder)


def load_callees(folder: Path) -> tuple[Callee, ...]:
    """Read every `*.yaml` of a folder, sorted by name.

    Raises CalleeFileError with the mistakes of all files, and for a name or number that two files claim.
    """
    callees: list[tuple[str, Callee]] = []
    mistakes: list[Mistake] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            callees.append((path.name, load_callee(path)))
        except CalleeFileError as error:
            mistakes.extend(error.mistakes)
    mistakes.extend(_claimed_twice(callees))
    if mistakes:
        raise CalleeFileError(mistakes)
    return tuple(callee for _, callee in callees)


def load_callee(path: Path) -> Callee:
    """Read one callee file. Raises CalleeFileError, also when the file cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CalleeFileError([Mistake(path.name, 1, "", error.strerror or "cannot be read")]) from error
    if len(data) > MAX_FILE_BYTES:
        raise CalleeFileError([Mistake(path.name, 1, "", f"longer than {MAX_FILE_BYTES} bytes")])
    return parse_callee(data.decode("utf-8", errors="replace"), path.name)


def parse_callee(text: str, file: str) -> Callee:
    """Parse the text of one callee file; `file` is the name that mistakes carry."""
    root, data = _read_yaml(text, file)
    duplicates = list(_duplicate_keys(root, file, ()))
    if duplicates:
        raise CalleeFileError(duplicates)
    try:
        callee = Callee.model_validate(data)
    except ValidationError as error:
        raise CalleeFileError(_from_validation(error, root, file)) from error
    mistakes = [Mistake(file, line_of(root, path), _dotted(path), message) for path, message in _cross_checks(callee)]
    if mistakes:
        raise CalleeFileError(mistakes)
    return callee


def _read_yaml(text: str, file: str) -> tuple[yaml.Node, object]:
    """Return the tree with positions and the plain values. Aliases are refused: they can blow up without end."""
    try:
        _refuse_tricks(text, file)
        root, data = yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        raise CalleeFileError([Mistake(file, line, "", f"not YAML: {error.problem}")]) from error
    except CalleeFileError:
        raise
    except (yaml.YAMLError, ValueError) as error:
        raise CalleeFileError([Mistake(file, 1, "", f"not YAML: {error}")]) from error
    if root is None:
        raise CalleeFileError([Mistake(file, 1, "", "the file is empty")])
    return root, data


def _refuse_tricks(text: str, file: str) -> None:
    """Refuse what a callee file does not need and what can blow up without end: aliases and deep nesting."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        problem = "aliases are not supported" if isinstance(event, yaml.AliasEvent) else ""
        if depth > MAX_DEPTH:
            problem = "nested too deeply"
        if problem:
            line = event.start_mark.line + 1 if event.start_mark is not None else 1
            raise CalleeFileError([Mistake(file, line, "", problem)])


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


def _dotted(path: FieldPath) -> str:
    return ".".join(str(step) for step in path if step != "[key]")


def _from_validation(error: ValidationError, root: yaml.Node, file: str) -> list[Mistake]:
    return [
        Mistake(file, line_of(root, found["loc"]), _dotted(found["loc"]), found["msg"].removeprefix("Value error, "))
        for found in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _duplicate_keys(node: yaml.Node, file: str, path: FieldPath) -> Iterable[Mistake]:
    """Yield a mistake for every key given twice, which YAML itself would let pass."""
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _duplicate_keys(item, file, (*path, index))
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        name = str(key.value)
        if name in seen:
            yield Mistake(file, key.start_mark.line + 1, _dotted((*path, name)), "given twice")
        seen.add(name)
        yield from _duplicate_keys(value, file, (*path, name))


def _cross_checks(callee: Callee) -> Iterable[tuple[FieldPath, str]]:
    """Yield what the schema of a single part cannot see."""
    if not callee.script and any(attempt.outcome is Outcome.ANSWER for attempt in callee.attempts):
        yield ("script",), "a callee that answers needs a script"
    for name, node in callee.script.items():
        for path, target in node.targets():
            if target not in callee.script:
                yield ("script", name, *path), f"there is no node {target!r}"
    for path, patience in _patiences(callee):
        if patience.hang_up_after_s <= patience.ask_after_s:
            yield (*path, "hang_up_after_s"), "must be longer than ask_after_s"


def _patiences(callee: Callee) -> Iterable[tuple[FieldPath, Patience]]:
    yield ("patience",), callee.patience
    for name, node in callee.script.items():
        if node.talk is not None and node.talk.patience is not None:
            yield ("script", name, "talk", "patience"), node.talk.patience


def _claimed_twice(callees: Sequence[tuple[str, Callee]]) -> Iterable[Mistake]:
    """Yield a mistake for every name, number or prefix that an earlier file claimed."""
    owners: dict[tuple[str, str], str] = {}
    for file, callee in callees:
        claims = [("name", callee.name)]
        claims += [("numbers", number) for number in callee.numbers]
        claims += [("prefixes", prefix) for prefix in callee.prefixes]
        for claim in claims:
            owner = owners.setdefault(claim, file)
            if owner != file:
                yield Mistake(file, 1, claim[0], f"{claim[1]} is taken by {owner}")
