"""The page's pure modules in Node's own test runner; the Node is the one inside the Python package `playwright`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import playwright
import pytest

NODE = Path(playwright.__file__).parent / "driver" / "node"
TESTS = sorted((Path(__file__).parents[2] / "js").glob("*.test.mjs"))
DEADLINE_S = 120.0


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_module(path: Path) -> None:
    done = subprocess.run([NODE, "--test", path], capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, done.stdout[-4_000:]


def test_there_are_some() -> None:
    assert TESTS
