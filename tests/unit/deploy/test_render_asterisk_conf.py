"""The shipped Asterisk configuration, rendered by the script as a person runs it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts" / "render_asterisk_conf.py"
SHIPPED = sorted(path.name for path in (ROOT / "deploy" / "asterisk").glob("*.conf"))


def render(folder: Path, *assignments: str) -> subprocess.CompletedProcess[str]:
    arguments = [argument for assignment in assignments for argument in ("--set", assignment)]
    return subprocess.run([sys.executable, SCRIPT, folder, *arguments], capture_output=True, text=True, check=False)


def setting(folder: Path, file: str, name: str) -> list[str]:
    """All values of a setting in a rendered file, comments left out."""
    return re.findall(rf"^{name} *=>? *(.*)$", (folder / file).read_text(), re.MULTILINE)


def test_every_placeholder_is_filled_in(tmp_path: Path) -> None:
    done = render(tmp_path, "AMI_PORT=15038", "TRUNK=my-trunk")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == SHIPPED
    for path in tmp_path.iterdir():
        assert not re.search(r"@[A-Z_]+@", path.read_text()), path.name
    assert setting(tmp_path, "manager.conf", "port") == ["15038"]
    assert setting(tmp_path, "extensions.conf", "TRUNK") == ["my-trunk"]
    assert setting(tmp_path, "asterisk.conf", "astetcdir") == [str(tmp_path)]


def test_secrets_are_made_up_fresh_and_printed_for_the_settings_file(tmp_path: Path) -> None:
    first, second = render(tmp_path / "a"), render(tmp_path / "b")
    secrets = [setting(tmp_path / name, "manager.conf", "secret")[0] for name in ("a", "b")]
    assert len(set(secrets)) == 2
    assert min(map(len, secrets)) >= 20
    assert f"ASTERISK_AMI_SECRET={secrets[0]}" in first.stdout
    assert f"ASTERISK_AMI_SECRET={secrets[1]}" in second.stdout


def test_ami_listens_on_this_machine_with_the_least_rights(tmp_path: Path) -> None:
    render(tmp_path)
    assert setting(tmp_path, "manager.conf", "bindaddr") == ["127.0.0.1"]
    assert setting(tmp_path, "manager.conf", "permit") == ["127.0.0.1/255.255.255.255"]
    assert setting(tmp_path, "manager.conf", "write") == ["originate,call,reporting"]
    assert (tmp_path / "manager.conf").stat().st_mode & 0o007 == 0  # nobody else reads the secret


@pytest.mark.parametrize("assignment", ["NOT_A_SETTING=1", "AMI_PORT", "AMI_SECRET=a\nread = all", "AMI_SECRET=a;b"])
def test_a_wrong_value_changes_no_file(tmp_path: Path, assignment: str) -> None:
    done = render(tmp_path, assignment)
    assert done.returncode == 1
    assert done.stderr.startswith("render_asterisk_conf: ")
    assert list(tmp_path.iterdir()) == []


def test_files_of_the_person_are_kept(tmp_path: Path) -> None:
    (tmp_path / "pjsip.conf").write_text("; mine\n")
    (tmp_path / "pjsip.local.conf").write_text("; my trunk\n")
    render(tmp_path)
    render(tmp_path)
    assert (tmp_path / "pjsip.conf.before-opendeep").read_text() == "; mine\n"
    assert (tmp_path / "pjsip.local.conf").read_text() == "; my trunk\n"
    assert sorted(path.name for path in tmp_path.glob("*.before-opendeep")) == ["pjsip.conf.before-opendeep"]
