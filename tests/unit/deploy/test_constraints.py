"""The pinned versions can be installed on every Python that we promise, the oldest one of Debian 12 included."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
DEBIAN_12, OTHERS = "3.11.2", ("3.12.0", "3.13.0")


def requirements() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [text for texts in project["optional-dependencies"].values() for text in texts]
    return [Requirement(text) for text in (*project["dependencies"], *extras)]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in found}


@pytest.mark.parametrize("requirement", requirements(), ids=lambda requirement: requirement.name)
def test_every_requirement_is_pinned_to_a_version_that_it_allows(requirement: Requirement) -> None:
    assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])


def test_every_pin_is_one_that_the_other_packages_take() -> None:
    pinned, asked, refused = pins(), 0, []
    for package in importlib.metadata.distributions():
        if canonicalize_name(package.name) not in pinned:
            continue
        for wanted in map(Requirement, package.requires or []):
            version = pinned.get(canonicalize_name(wanted.name))
            if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
                continue
            asked += 1
            if version is None or not wanted.specifier.contains(version):
                refused.append(f"{package.name} wants {wanted}, the pin is {version}")
    assert asked > len(requirements()), "run this in an environment made from constraints.txt"
    assert not refused, "run `make constraints`"


@pytest.mark.parametrize("python", [DEBIAN_12, *OTHERS])
def test_every_pinned_version_takes_our_pythons(python: str) -> None:
    checked, refusing = 0, []
    for package in importlib.metadata.distributions():
        if pins().get(canonicalize_name(package.name)) != package.version:
            continue
        checked += 1
        if not SpecifierSet(str(package.metadata.json.get("requires_python", ""))).contains(python):
            refusing.append(f"{package.name} {package.version}")
    assert checked > len(requirements()), "run this in an environment made from constraints.txt"
    assert not refusing


def test_the_file_names_no_index() -> None:
    assert not re.search(r"^-|://", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
