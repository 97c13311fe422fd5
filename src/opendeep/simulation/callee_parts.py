"""What every part of a callee file is made of: the base of its parts, and the small types that they share.

Owns the two rules that hold everywhere (frozen; an unknown field is a mistake) and the shapes of names, numbers and
lines. The parts themselves live in `callee_schema`, `callee_line` and `callee_truth`.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Digits = Annotated[str, Field(pattern=r"^[0-9*#]{1,32}$")]
Number = Annotated[str, Field(pattern=r"^\+?[0-9]{2,15}$")]
NodeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Milliseconds = Annotated[int, Field(ge=20, le=600_000)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Line = Annotated[str, Field(min_length=1, max_length=600)]
Level = Annotated[float, Field(ge=-90, le=0)]


def _compiles(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}; write \\( for a bracket that is meant as such") from error
    return value


Pattern = Annotated[str, Field(min_length=1, max_length=600), AfterValidator(_compiles)]


class Part(BaseModel):
    """A piece of a callee file: frozen, and an unknown field is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def require_one(part: Part, names: tuple[str, ...], what: str) -> None:
    """Raise ValueError unless exactly one of these fields is given."""
    given = [name for name in names if getattr(part, name) is not None]
    if len(given) != 1:
        found = "none" if not given else " and ".join(given)
        raise ValueError(f"{what} has exactly one of {', '.join(names)}; found {found}")
