"""`opendeep trunk`: the operator's view and pause, over the database that the nodes share."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from opendeep.cli import app

FILE = "trunks:\n  carrier:\n    channel: PJSIP/{number}@carrier\n    max_calls: 3\n    calls_per_second: 0.5\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # away from a developer's .env
    (tmp_path / "trunks.yaml").write_text(FILE)
    for name, value in {"DATA_DIR": "var", "DATABASE_URL": "", "TRUNKS_FILE": "trunks.yaml", "CALLER_ID": ""}.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def opendeep(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.output


def test_pause_and_resume(folder: Path) -> None:
    assert opendeep("db", "upgrade")[0] == 0
    assert opendeep("trunk", "list") == (0, "carrier: 0 of 3 calls, 0.5 new per second; ok\n")
    assert opendeep("trunk", "pause", "carrier", "--reason", "number porting")[0] == 0
    assert "the trunk “carrier” is paused: number porting" in opendeep("trunk", "list")[1]
    assert opendeep("trunk", "resume", "carrier")[0] == 0
    assert opendeep("trunk", "list")[1].endswith("; ok\n")


def test_a_trunk_that_is_not_there_and_a_pause_without_reason(folder: Path) -> None:
    opendeep("db", "upgrade")
    code, said = opendeep("trunk", "pause", "other", "--reason", "x")
    assert (code, "There is no trunk “other”. There is: carrier." in said) == (1, True)
    assert opendeep("trunk", "pause", "carrier")[0] == 2


@pytest.mark.parametrize("command", [("run",), ("trunk", "list"), ("doctor",)])
def test_a_mistake_in_the_file_stops_every_command(folder: Path, command: tuple[str, ...]) -> None:
    (folder / "trunks.yaml").write_text(FILE.replace("max_calls", "max_call"))
    code, said = opendeep(*command)
    assert code == 2
    assert "TRUNKS_FILE: trunks.yaml, trunk “carrier”, max_call: there is no such key" in said
