"""The two scripts that a person runs: get an Asterisk, start an Asterisk."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ami_wire import WireAmi
from tests.support.asterisk import ROOT, AsteriskProgram, free_port
from tests.support.services import wait_until

pytestmark = pytest.mark.asterisk


@pytest.fixture
def running(tmp_path: Path, asterisk_program: AsteriskProgram) -> Iterator[dict[str, str]]:
    """``asterisk_run.sh`` on free ports; gives the lines that it printed for OpenDeep's settings."""
    log = tmp_path / "output"
    ports = [f"AMI_PORT={free_port()}", f"SIP_PORT={free_port()}", "SIP_BIND=127.0.0.1"]
    environment = os.environ | {"OPENDEEP_ASTERISK_DIR": str(tmp_path / "run")}
    with log.open("wb") as output:
        command = [str(ROOT / "scripts" / "asterisk_run.sh"), *ports]
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: b"Asterisk Ready" in log.read_bytes(), process, log)
        lines = log.read_text().splitlines()
        yield dict(line.split("=", 1) for line in lines if line.startswith("ASTERISK_"))
    finally:
        process.terminate()
        process.wait(20)


async def test_the_printed_settings_open_the_door(running: dict[str, str]) -> None:
    address = running["ASTERISK_AMI_HOST"], int(running["ASTERISK_AMI_PORT"])
    async with WireAmi(*address, running["ASTERISK_AMI_USERNAME"], running["ASTERISK_AMI_SECRET"]) as ami:
        await ami.event("FullyBooted")


def test_a_second_start_keeps_the_secrets(tmp_path: Path, running: dict[str, str]) -> None:
    settings = (tmp_path / "run" / "settings").read_text()
    assert f"AMI_SECRET={running['ASTERISK_AMI_SECRET']}\n" in settings
    assert (tmp_path / "run" / "settings").stat().st_mode & 0o077 == 0


def test_it_says_why_when_it_cannot_get_one(tmp_path: Path, asterisk_program: AsteriskProgram) -> None:
    """A machine without apt: a folder of commands that has everything but apt-get."""
    if not asterisk_program.executable.startswith(str(Path.home())):
        pytest.skip("an Asterisk is installed, the script needs to get none")
    for name in ("bash", "dirname", "readlink", "sed", "find", "mkdir", "env"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    done = subprocess.run(
        ["/usr/bin/env", "-i", f"PATH={tmp_path}", f"HOME={tmp_path}", ROOT / "scripts" / "asterisk_root.sh"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "asterisk_root: cannot get an Asterisk: apt-get is missing\n"
    assert not (tmp_path / ".cache").exists()
