"""Reads callee files and the sounds they name, and says for every mistake which file, line and field it is in.

Owns files, YAML and the checks that span a folder; the schema itself lives in `callee_schema`, what a single file must
hold together in `callee_checks`.
"""

from __future__ import annotations

import wave
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path

import yaml
from pydantic import ValidationError
from yaml.constructor import SafeConstructor

from opendeep.simulation.audiosocket_wire import SAMPLE_RATE_HZ
from opendeep.simulation.callee_checks import check_callee
from opendeep.simulation.callee_mistakes import (
    CalleeFileError,
    FieldPath,
    Mistake,
    dotted,
    from_validation,
    mistake_at,
)
from opendeep.simulation.callee_schema import Callee

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where PyYAML was built with it
MAX_FILE_BYTES = 256_000
MAX_DEPTH = 20
MAX_CLIP_S = 120


@lru_cache(maxsize=1)
def shipped_callees() -> tuple[Callee, ...]:
    """Return the callees that come with the package, sorted by name. Their files are read once."""
    with resources.as_file(resources.files("opendeep.simulation") / "callees") as folder:
        return load_callees(folder)


def callees_with(folder: Path | None) -> tuple[Callee, ...]:
    """Return a user's own callees and those shipped whose name and numbers they leave free. Raises CalleeFileError."""
    own = load_callees(folder) if folder is not None else ()
    names = {callee.name for callee in own}
    taken = {number for callee in own for number in (*callee.numbers, *callee.prefixes)}
    free = (one for one in shipped_callees() if one.name not in names and taken.isdisjoint(one.numbers))
    return (*own, *free)


def load_callees(folder: Path) -> tuple[Callee, ...]:
    """Read every `*.yaml` of a folder, sorted by name.

    Raises CalleeFileError with the mistakes of all files, for a name or number that two files claim, and for a folder
    that is not there or has no callee in it.
    """
    if not folder.is_dir():
        raise CalleeFileError([Mistake(str(folder), 1, "", "is no folder; give the one that has the *.yaml files")])
    callees: list[tuple[str, Callee]] = []
    mistakes: list[Mistake] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            callees.append((path.name, load_callee(path)))
        except CalleeFileError as error:
            mistakes.extend(error.mistakes)
    mistakes.extend(_claimed_twice(callees))
    if not callees and not mistakes:
        mistakes.append(Mistake(str(folder), 1, "", "has no *.yaml file; one file describes one callee"))
    if mistakes:
        raise CalleeFileError(mistakes)
    return tuple(callee for _, callee in callees)


def load_callee(path: Path) -> Callee:
    """Read one callee file and its sounds. Raises CalleeFileError, also when the file cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CalleeFileError([Mistake(path.name, 1, "", error.strerror or "cannot be read")]) from error
    if len(data) > MAX_FILE_BYTES:
        raise CalleeFileError([Mistake(path.name, 1, "", f"longer than {MAX_FILE_BYTES} bytes")])
    return parse_callee(data.decode("utf-8", errors="replace"), path.name, path.parent)


def parse_callee(text: str, file: str, folder: Path | None = None) -> Callee:
    """Parse the text of one callee file; `file` is the name that mistakes carry, `folder` has the sounds it names."""
    root, data = _read_yaml(text, file)
    duplicates = list(_duplicate_keys(root, file, ()))
    if duplicates:
        raise CalleeFileError(duplicates)
    try:
        callee = Callee.model_validate(data)
    except ValidationError as error:
        raise CalleeFileError(from_validation(error, root, file)) from error
    findings = [*check_callee(callee), *_read_clips(callee, folder)]
    if findings:
        raise CalleeFileError([mistake_at(root, file, path, message) for path, message in findings])
    return callee


def read_clip(path: Path) -> bytes:
    """Return the samples of a WAV file as s16le at 8 kHz. Raises ValueError that says how to convert another file."""
    convert = f"convert it: ffmpeg -i {path.name} -ac 1 -ar {SAMPLE_RATE_HZ} -c:a pcm_s16le new.wav"
    try:
        with wave.open(str(path), "rb") as file:
            shape = file.getnchannels(), file.getsampwidth() * 8, file.getframerate()
            if shape != (1, 16, SAMPLE_RATE_HZ):
                channels, bits, rate = shape
                raise ValueError(
                    f"{path.name} has {channels} channel(s), {bits} bit, {rate} Hz; needed is mono, 16 bit, "
                    f"{SAMPLE_RATE_HZ} Hz; {convert}"
                )
            if file.getnframes() > MAX_CLIP_S * SAMPLE_RATE_HZ:
                raise ValueError(f"{path.name} is longer than {MAX_CLIP_S} s; cut it")
            return file.readframes(MAX_CLIP_S * SAMPLE_RATE_HZ)
    except FileNotFoundError:
        raise ValueError(f"there is no file {path.name} beside this one") from None
    except (wave.Error, EOFError, OSError) as error:
        raise ValueError(f"{path.name} cannot be read as WAV ({error}); {convert}") from error


def _read_clips(callee: Callee, folder: Path | None) -> Iterable[tuple[FieldPath, str]]:
    """Read the sounds into the callee; yield a finding for each that cannot be used."""
    for name, node in callee.script.items():
        for path, act in node.acts():
            if act.play is None or act.play in callee.clips:
                continue
            try:
                if folder is None:
                    raise ValueError("a text that is no file has no sounds beside it")
                callee.keep_clip(act.play, read_clip(folder / act.play))
            except ValueError as error:
                yield ("script", name, *path, "play"), str(error)


def _read_yaml(text: str, file: str) -> tuple[yaml.Node, object]:
    """Return the tree with positions and the plain values. Aliases are refused: they can blow up without end."""
    try:
        _refuse_tricks(text, file)
        root = yaml.compose(text, Loader=LOADER)
        data = SafeConstructor().construct_document(root) if root is not None else None
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
    for event in yaml.parse(text, Loader=LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        problem = "aliases are not supported" if isinstance(event, yaml.AliasEvent) else ""
        if depth > MAX_DEPTH:
            problem = "nested too deeply"
        if problem:
            line = event.start_mark.line + 1 if event.start_mark is not None else 1
            raise CalleeFileError([Mistake(file, line, "", problem)])


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
            yield Mistake(file, key.start_mark.line + 1, dotted((*path, name)), "given twice")
        seen.add(name)
        yield from _duplicate_keys(value, file, (*path, name))


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
