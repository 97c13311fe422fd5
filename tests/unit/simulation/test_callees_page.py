"""`docs/callees.md` tells every field, fact and shipped callee, and its example is a callee file."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from opendeep.simulation import Fact, shipped_callees
from opendeep.simulation.callee_loader import parse_callee
from opendeep.simulation.callee_parts import Part
from opendeep.simulation.callee_schema import Callee, Outcome, SignalKind

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "callees.md").read_text()


def parts_of(shape: object) -> Iterator[type[Part]]:
    """Every part that an annotation mentions, and theirs."""
    if isinstance(shape, type) and issubclass(shape, Part):
        yield shape
        for field in shape.model_fields.values():
            yield from parts_of(field.annotation)
    for argument in get_args(shape):
        yield from parts_of(argument)


def test_every_field_is_told() -> None:
    fields = {name for part in set(parts_of(Callee)) for name in part.model_fields}
    assert len(fields) > 70
    words = set(re.findall(r"[a-z][a-z0-9_]*", PAGE))
    assert fields - words == set()


def test_every_fact_outcome_signal_and_callee_is_told() -> None:
    for name in (*Fact, *Outcome, *SignalKind, *(callee.name for callee in shipped_callees())):
        assert f"`{name}`" in PAGE, name
    shipped = PAGE.partition("## Those shipped")[2].splitlines()
    assert sum(line.startswith("| `") for line in shipped) == len(shipped_callees())
    for callee in shipped_callees():
        row = next(line for line in shipped if line.startswith(f"| `{callee.name}` |"))
        assert callee.numbers[0] in row
        assert callee.title in row


def test_the_example_is_a_callee() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    callee = parse_callee(example, "example.yaml")
    assert callee.truth is not None
    assert list(callee.script) == ["desk", "waiting", "back"]


def test_the_page_is_in_the_navigation() -> None:
    assert "callees.md" in (ROOT / "mkdocs.yml").read_text()
