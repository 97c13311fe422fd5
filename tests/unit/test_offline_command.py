"""`opendeep offline serve`: what it cannot do it says before it starts."""

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from opendeep.cli import app
from opendeep.offline.serving import ServeOptions


def test_what_it_cannot_do_it_says_before_it_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = runner.invoke(app, ["offline", "serve", "--port", str(port)])
        assert result.exit_code == 1
        assert f"127.0.0.1:{port} cannot be used" in result.output
        assert "--port 0 takes a free one" in result.output
    result = runner.invoke(app, ["offline", "serve", "--port", "0", "--voice", "pavarotti"])
    assert result.exit_code == 1
    assert "no voice 'pavarotti'" in result.output
    monkeypatch.setenv("OFFLINE_RECOGNISER", "vosk")
    result = runner.invoke(app, ["offline", "serve", "--port", "0"])
    assert result.exit_code == 1
    assert "vosk" in result.output
    monkeypatch.setenv("OFFLINE_RECOGNISER", "telepathy")
    assert runner.invoke(app, ["offline", "serve"]).exit_code == 2


@pytest.mark.parametrize(
    ("host", "key", "exposed"),
    [
        ("127.0.0.1", "", False),
        ("::1", "", False),
        ("localhost", "", False),
        ("0.0.0.0", "", True),
        ("10.0.0.5", "", True),
        ("box.example", "", True),
        ("0.0.0.0", "sesame", False),
    ],
)
def test_only_an_open_door_is_warned_of(host: str, key: str, exposed: bool) -> None:
    assert ServeOptions(host=host, api_key=key).exposed == exposed
