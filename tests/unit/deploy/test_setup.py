"""scripts/setup.sh on a machine where nothing can be installed: it names what is missing and goes on.

Runs in a copy of its folder; `apt-get`, `ldconfig` and the fetching of Asterisk are stand-ins that have nothing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DEADLINE_S = 60.0
NOTHING = "#!/bin/sh\nexit 2\n"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A repository whose Python packages are installed, on a machine without libraries, packages and Asterisk."""
    files = ("pyproject.toml", "constraints.txt")
    (tmp_path / "scripts").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / ".venv").mkdir()
    shutil.copy(ROOT / "scripts/setup.sh", tmp_path / "scripts")
    for name in files:
        shutil.copy(ROOT / name, tmp_path)
    wanted = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in files)).hexdigest()
    (tmp_path / ".venv/.installed").write_text(f"{wanted}\ndev\n")
    for program in ("bin/apt-get", "bin/sudo", "bin/ldconfig", "scripts/asterisk_root.sh"):
        (tmp_path / program).write_text(NOTHING)
        (tmp_path / program).chmod(0o755)
    return tmp_path


def set_up(machine: Path, target: str) -> subprocess.CompletedProcess[str]:
    path = f"{machine / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        [machine / "scripts/setup.sh", target],
        env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=DEADLINE_S, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_the_tests_set_up_names_every_missing_part_and_goes_on(machine: Path) -> None:
    done = set_up(machine, "test")
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    assert "MISSING: libflite1, " in last
    assert "Asterisk 20 or newer. Tests that need them are skipped and counted (with CI=true they fail)" in last


def test_the_demo_goes_on_with_the_built_in_voice(machine: Path) -> None:
    done = set_up(machine, "demo")
    assert done.returncode == 0, done.stderr
    assert "Going on with the built-in voice" in done.stdout


def test_a_python_that_is_too_old_is_refused(machine: Path) -> None:
    old = machine / "bin/python-old"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.2\nexit 1\n')
    old.chmod(0o755)
    (machine / "bin/python3").symlink_to(old)
    done = set_up(machine, "demo")
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed, this is Python 3.9.2" in done.stdout


def test_a_half_made_environment_is_not_trusted(machine: Path) -> None:
    """`python -m venv` was interrupted: there is an interpreter, but no pip. Set-up makes it anew, and says so."""
    (machine / ".venv/.installed").unlink()
    broken = machine / ".venv/bin/python"
    broken.parent.mkdir()
    broken.write_text(NOTHING)
    broken.chmod(0o755)
    (machine / "bin/python3").write_text('#!/bin/sh\ncase "$*" in *--clear*) echo made anew; exit 1;; esac\n')
    (machine / "bin/python3").chmod(0o755)
    assert "made anew" in set_up(machine, "run").stdout


def test_lint_and_docs_need_no_system_packages(machine: Path) -> None:
    done = set_up(machine, "dev")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_dev_installs_what_demo_did_not(machine: Path) -> None:
    """`make docs` after `make demo`: mkdocs is not there yet."""
    stamp = machine / ".venv/.installed"
    stamp.write_text(stamp.read_text().removesuffix("dev\n"))
    python = machine / ".venv/bin/python"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\necho "$*"\n')
    python.chmod(0o755)
    assert "-e .[dev]" in set_up(machine, "dev").stdout
    assert stamp.read_text().endswith("\ndev\n")
