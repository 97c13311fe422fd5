"""`opendeep rehearse` refuses bad input with its place, before anything is started."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from opendeep.cli import app


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["rehearse", *arguments])
    assert result.exit_code == 2, result.output
    return result.output


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_callee_file_with_a_mistake(place: Path) -> None:
    (place / "mine").mkdir()
    (place / "mine" / "mine.yaml").write_text("name: mine\ntitle: Mine\nscrpt: {}\n")
    assert "mine.yaml:3: scrpt:" in refused("--callees", "mine")


def test_an_audio_file_in_the_wrong_format(place: Path) -> None:
    (place / "mine").mkdir()
    (place / "mine" / "jingle.wav").write_bytes(b"ID3 an mp3 in disguise")
    (place / "mine" / "mine.yaml").write_text(
        "name: mine\ntitle: Mine\nscript:\n  person:\n    talk: {enter: [{play: jingle.wav}]}\n"
    )
    output = refused("--callees", "mine")
    assert "mine.yaml:5: script.person.talk.enter.0.play: jingle.wav cannot be read as WAV" in output
    assert "ffmpeg" in output


def test_a_plan_with_a_mistake(place: Path) -> None:
    (place / "plan.yaml").write_text(
        "objective: A\non_behalf_of: B\nquestions:\n  - {key: a, ask: 'A?', type: maybe}\n"
    )
    assert "plan.yaml:4: questions.0.type:" in refused("--plan", "plan.yaml")


def test_a_truth_about_a_question_that_is_not_asked(place: Path) -> None:
    (place / "mine").mkdir()
    (place / "mine" / "mine.yaml").write_text(
        "name: mine\ntitle: Mine\nattempts: [{outcome: busy}]\ntruth: {disposition: BUSY, fields: {colour: red}}\n"
    )
    assert "mine.yaml:4: truth.fields.colour: no question" in refused("--callees", "mine")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--only", "nobody"), "nobody is called nobody"),
        (("--callees", "not-there"), "is no folder"),
        (("--plan", "not-there.yaml"), "cannot be read"),
        (("--world", "moon"), "moon"),
        (("--repeat", "0"), "--repeat"),
        (("--threshold", "101"), "--threshold"),
        (("--parallel", "0"), "--parallel"),
    ],
)
def test_wishes_that_cannot_be_met(place: Path, arguments: tuple[str, ...], told: str) -> None:
    assert told in refused(*arguments)
    assert list(place.iterdir()) == []


def test_worlds_and_providers_that_are_not_set_up(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ASTERISK_AMI_HOST", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.setenv(name, "")
    assert "ASTERISK_AMI_HOST" in refused("--world", "asterisk")
    assert "OPENAI_API_KEY" in refused("--provider", "openai")
