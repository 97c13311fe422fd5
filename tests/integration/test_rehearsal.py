"""The judged suite as a stranger runs it: the whole product, offline, against eight shipped callees and one more
whose truth is wrong on purpose.
"""

import asyncio
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

import opendeep
from opendeep.config.app_config import embedded_environment
from opendeep.rehearsal.sound import audible_spans, read_stereo

SHIPPED = Path(opendeep.__file__).parent / "simulation" / "callees"
NAMES = (
    "books_tuesday", "busy_then_answers", "declines", "hangs_up_at_once", "opts_out", "rejects", "unallocated",
    "voicemail",
)  # fmt: skip
SPOILED = "says_yes"
DEADLINE_S = 420.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def held(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, int]:
    """The folder of one rehearsal, what it printed, its exit code."""
    place = tmp_path_factory.mktemp("rehearsal")
    callees, out = place / "callees", place / "out"
    callees.mkdir()
    for name in NAMES:
        shutil.copy(SHIPPED / f"{name}.yaml", callees)
    (callees / f"{SPOILED}.yaml").write_text(spoiled())
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "opendeep", "rehearse", "--callees", str(callees), "--out", str(out),
        "--threshold", "99.9", "--seed", "7",
        env=embedded_environment(TMPDIR=str(place)),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(DEADLINE_S):
            output = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    return out, output, process.returncode or 0


def spoiled() -> str:
    """A callee who accepts, and whose file claims that it declines."""
    text = (SHIPPED / "books_tuesday.yaml").read_text()
    text = text.replace("books_tuesday", SPOILED).replace("+12025550101", "+12025550190")
    return text.replace("disposition: ACHIEVED", "disposition: DECLINED").replace("accepts: true", "accepts: false")


def result(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "result.json").read_text())
    return found


pytestmark = [pytest.mark.natural_voice, pytest.mark.timeout(450), pytest.mark.asyncio(loop_scope="module")]


async def test_every_callee_is_called_and_judged_by_rows_and_sound(held: tuple[Path, str, int]) -> None:
    out, output, _ = held
    cases = {case["name"]: case for case in result(out)["cases"]}
    assert set(cases) == {*NAMES, SPOILED}, output
    for name in NAMES:
        findings = {finding["check"]: finding for finding in cases[name]["findings"]}
        for check in ("outcome", "attempts", "nothing left running", "nothing forbidden", "disclosed first", "keys"):
            assert check not in findings or findings[check]["right"], (name, findings[check], output)
    assert [call["status"] for call in cases["busy_then_answers"]["calls"]] == ["BUSY", "COMPLETED"]
    assert "message left" in {finding["check"] for finding in cases["voicemail"]["findings"] if finding["right"]}
    assert "opt out listed" in {finding["check"] for finding in cases["opts_out"]["findings"] if finding["right"]}
    assert result(out)["left_running"] == []


async def test_a_wrong_truth_is_noticed_and_the_exit_code_says_that_the_threshold_was_missed(
    held: tuple[Path, str, int],
) -> None:
    out, output, code = held
    assert code == 1, output
    case = next(case for case in result(out)["cases"] if case["name"] == SPOILED)
    wrong = {finding["check"]: finding["why"] for finding in case["findings"] if not finding["right"]}
    assert "right is DECLINED" in wrong["outcome"]
    assert "right is False" in wrong["answers"]
    assert output.strip().splitlines()[-1].startswith("REHEARSAL failed score=")


async def test_recordings_lie_beside_the_report_and_hold_both_sides(held: tuple[Path, str, int]) -> None:
    out, _, _ = held
    page = (out / "report.html").read_text()
    for name in ("books_tuesday", "voicemail", "declines"):
        assert f'src="calls/{name}-1.wav"' in page
        ours, theirs = read_stereo(out / "calls" / f"{name}-1.wav")
        assert sum(span.ms for span in audible_spans(ours)) > 3_000, name
        assert sum(span.ms for span in audible_spans(theirs)) > 500, name
    assert "rejects-1.wav" not in page


async def test_what_the_callee_really_said_stands_beside_what_was_understood(held: tuple[Path, str, int]) -> None:
    out, _, _ = held
    case = next(case for case in result(out)["cases"] if case["name"] == "books_tuesday")
    lines = case["calls"][0]["lines"]
    assert "yes tuesday at ten works for me" in [line["text"] for line in lines if line["speaker"] == "really"]
    assert any("tuesday at ten" in line["text"] for line in lines if line["speaker"] == "callee")
    assert [line["at_ms"] for line in lines] == sorted(line["at_ms"] for line in lines)


async def test_progress_and_classes_are_printed(held: tuple[Path, str, int]) -> None:
    _, output, _ = held
    assert f"{len(NAMES) + 1} calls," in output
    assert f"{len(NAMES) + 1}/{len(NAMES) + 1} " in output
    for kind in ("mailbox", "not reached", "person", "refusal or opt-out"):
        assert kind in output
