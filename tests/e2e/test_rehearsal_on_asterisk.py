"""The judged suite on a real Asterisk, just as it is shipped: its callees are SIP telephones of the rehearsal's own."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from opendeep.config.app_config import embedded_environment
from tests.support.asterisk import RealAsterisk

pytestmark = [pytest.mark.asterisk, pytest.mark.natural_voice, pytest.mark.timeout(400)]

NAMES = ("books_tuesday", "company_menu", "rejects")
DEADLINE_S = 360.0


async def test_three_callees_behind_a_real_asterisk(real_asterisk: RealAsterisk, tmp_path: Path) -> None:
    settings = {
        "ASTERISK_AMI_HOST": real_asterisk.ami_host, "ASTERISK_AMI_PORT": str(real_asterisk.ami_port),
        "ASTERISK_AMI_USERNAME": real_asterisk.ami_username, "ASTERISK_AMI_SECRET": real_asterisk.ami_secret,
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "opendeep", "rehearse", "--world", "asterisk", "--only", ",".join(NAMES),
        "--out", str(tmp_path / "out"), "--threshold", "0",
        env=embedded_environment(TMPDIR=str(tmp_path), **settings),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(DEADLINE_S):
            output = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    assert process.returncode == 0, output
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["world"] == "asterisk"
    assert result["left_running"] == [], output
    cases = {case["name"]: {one["check"]: one for one in case["findings"]} for case in result["cases"]}
    assert set(cases) == set(NAMES)
    for name, findings in cases.items():
        for check in ("outcome", "answers", "keys", "disclosed first", "nothing left running"):
            assert check not in findings or findings[check]["right"], (name, findings[check], output)
    assert cases["company_menu"]["keys"]["why"].startswith("pressed 2")  # RFC 4733, through the real switch
    assert (tmp_path / "out" / "calls" / "books_tuesday-1.wav").exists()
