"""`opendeep callees`: lists what is right, tells what is wrong with its place, and exits accordingly."""

from pathlib import Path

from typer.testing import CliRunner

from opendeep.cli import app
from opendeep.simulation import shipped_callees


def test_the_shipped_callees_are_listed() -> None:
    result = CliRunner().invoke(app, ["callees"])
    assert result.exit_code == 0
    assert len(result.output.splitlines()) == len(shipped_callees())
    assert "books_tuesday" in result.output
    assert "+12025550101" in result.output
    assert "(ACHIEVED)" in result.output


def test_a_mistake_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("name: mine\ntitle: Mine\nscrpt: {}\n")
    result = CliRunner().invoke(app, ["callees", str(tmp_path)])
    assert result.exit_code == 1
    assert "mine.yaml:3: scrpt:" in result.output
    assert "did you mean script?" in result.output


def test_a_callee_without_truth_is_told_that_nobody_judges_it(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("name: mine\ntitle: Mine\nattempts: [{outcome: busy}]\n")
    result = CliRunner().invoke(app, ["callees", str(tmp_path)])
    assert result.exit_code == 0
    assert "no truth: not judged" in result.output
