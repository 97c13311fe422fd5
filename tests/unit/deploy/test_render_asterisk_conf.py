"""The shipped Asterisk configuration, rendered by the script as a person runs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts" / "render_asterisk_conf.py"
SHIPPED = sorted([*(path.name for path in (ROOT / "deploy" / "asterisk").glob("*.conf")), "pjsip.trunks.conf"])
ACCOUNT = ("TRUNK_HOST=sip.provider.example", "TRUNK_USERNAME=user-1", "TRUNK_PASSWORD=Tr0mbone&co")


def render(
    folder: Path, *assignments: str, settings: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    arguments = [argument for assignment in assignments for argument in ("--set", assignment)]
    if settings is not None:
        arguments += ["--settings", str(settings)]
    return subprocess.run(
        [sys.executable, SCRIPT, folder, *arguments],
        capture_output=True, text=True, check=False, env=os.environ | environment,
    )  # fmt: skip


def setting(folder: Path, file: str, name: str) -> list[str]:
    """All values of a setting in a rendered file, comments left out."""
    return re.findall(rf"^{name} *=>? *(.*)$", (folder / file).read_text(), re.MULTILINE)


def sections(folder: Path) -> list[str]:
    """The sections of pjsip.trunks.conf."""
    return re.findall(r"^\[(.*?)\]", (folder / "pjsip.trunks.conf").read_text(), re.MULTILINE)


def refused(folder: Path, *assignments: str) -> str:
    """The one line that says why nothing was written."""
    done = render(folder, *assignments)
    assert done.returncode == 1
    assert done.stderr.startswith("render_asterisk_conf: ")
    assert done.stderr.count("\n") == 1
    assert not folder.exists() or list(folder.iterdir()) == []
    return done.stderr


def test_every_placeholder_is_filled_in(tmp_path: Path) -> None:
    done = render(tmp_path, "AMI_PORT=15038", "TRUNKS=my-trunk", "TRUNK_TRANSPORT=tls", *ACCOUNT)
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
    for name in ("manager.conf", "pjsip.conf", "pjsip.trunks.conf"):
        assert (tmp_path / name).stat().st_mode & 0o007 == 0, name  # nobody else reads the secrets


def test_values_come_from_file_environment_and_arguments_and_later_ones_win(tmp_path: Path) -> None:
    file = tmp_path / "settings"
    file.write_text("# mine\n\nAMI_PORT=1001\nSIP_PORT = 1002\nRTP_LAST_PORT=12000\n")
    done = render(tmp_path / "etc", "RTP_LAST_PORT=14000", settings=file, PBX_SIP_PORT="1003")
    assert done.returncode == 0, done.stderr
    assert setting(tmp_path / "etc", "manager.conf", "port") == ["1001"]
    assert setting(tmp_path / "etc", "pjsip.conf", "bind") == ["0.0.0.0:1003"]
    assert setting(tmp_path / "etc", "rtp.conf", "rtpend") == ["14000"]


def test_a_mistake_in_the_file_or_the_environment_is_named(tmp_path: Path) -> None:
    file = tmp_path / "settings"
    file.write_text("AMI_PORT=1\nnonsense\n")
    assert f"{file}, line 2: 'nonsense' is not NAME=value" in render(tmp_path / "etc", settings=file).stderr
    assert "did you mean TRUNK_HOST?" in render(tmp_path / "etc", PBX_TRUNK_HOSTT="x").stderr


@pytest.mark.parametrize(
    ("assignment", "why"),
    [
        ("NOT_A_SETTING=1", "is not a setting"),
        ("AMI_PORT", "is not NAME=value"),
        ("AMI_PORT=70000", "a port from 1 to 65535"),
        ("AMI_SECRET=a-long-secret\nread = all", "line break"),
        ("AMI_SECRET=a-long-secret;b", "semicolon"),
        ("AMI_SECRET=short", "too weak"),
        ("PHONE_SECRET=aaaaaaaaaaaaaaaaaaaa", "too weak"),
        ("PHONE_SECRET=changeme-changeme", "too weak"),
        ("AMI_USERNAME=general]", "letters"),
        ("AMI_USERNAME=general", "a section"),
        ("RTP_FIRST_PORT=20000", "smaller than RTP_LAST_PORT"),
        ("EXTERNAL_ADDRESS=203.0.113.5", "LOCAL_NET"),
        ("TRUNKS=a,A", "twice"),
        ("TRUNKS=a b", "names of letters"),
        ("TRUNKS=a.b,a-b", "twice"),
        ("TRUNKS=7000", "cannot be called"),
        ("TRUNKS=opendeep-endpoint", "cannot be called"),
        ("TRUNKS=one,two", "set TRUNK_ONE_HOST"),
        ("TRUNK_USERNAME=me", "TRUNK_HOST, the provider's server, is missing"),
        ("TRUNK_OTHER_HOST=x", "needs the trunk's name in TRUNKS"),
    ],
)
def test_a_wrong_value_changes_no_file(tmp_path: Path, assignment: str, why: str) -> None:
    assert why in refused(tmp_path, assignment)


def test_an_open_ami_is_refused(tmp_path: Path) -> None:
    assert "AMI_PERMIT lets everybody in" in refused(tmp_path, "AMI_BIND=0.0.0.0", "AMI_PERMIT=0.0.0.0/0")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("TRUNK_PASSWORD=", "no password: set TRUNK_TRUNK_PASSWORD"),
        ("TRUNK_USERNAME=", "no user name: set TRUNK_TRUNK_USERNAME"),
        ("TRUNK_PASSWORD=YOUR-PASSWORD", "known to everybody"),
        ("TRUNK_SRTP=yes", "needs TRUNK_TRUNK_TRANSPORT=tls"),
        ("TRUNK_CODECS=opus", "ulaw, alaw, g722"),
        ("TRUNK_MATCH=a b", "addresses"),
        ("TRUNK_HOST=sip:provider", "host name"),
    ],
)
def test_half_a_trunk_is_refused(tmp_path: Path, wrong: str, why: str) -> None:
    assert why in refused(tmp_path, *ACCOUNT, wrong)


def test_a_trunk_with_an_account_registers_and_one_without_does_not(tmp_path: Path) -> None:
    render(tmp_path / "none")
    assert sections(tmp_path / "none") == []
    render(tmp_path / "account", *ACCOUNT)
    assert "trunk-registration" in sections(tmp_path / "account")
    assert setting(tmp_path / "account", "pjsip.trunks.conf", "password") == ["Tr0mbone&co"]
    render(tmp_path / "per-call", *ACCOUNT, "TRUNK_REGISTER=no")
    assert "trunk-auth" in sections(tmp_path / "per-call")
    assert "trunk-registration" not in sections(tmp_path / "per-call")
    render(tmp_path / "address", "TRUNK_HOST=198.51.100.7:5080", "TRUNK_MATCH=198.51.100.0/24")
    assert sections(tmp_path / "address") == ["trunk", "trunk", "trunk-identify"]
    assert setting(tmp_path / "address", "pjsip.trunks.conf", "contact") == ["sip:198.51.100.7:5080"]
    assert setting(tmp_path / "address", "pjsip.trunks.conf", "match") == ["198.51.100.0/24"]


def test_several_trunks_share_what_is_said_for_all(tmp_path: Path) -> None:
    done = render(
        tmp_path, "TRUNKS=main,spare-1", "TRUNK_CODECS=alaw", "TRUNK_MAIN_HOST=a.example",
        "TRUNK_SPARE_1_HOST=b.example", "TRUNK_SPARE_1_TRANSPORT=tls", "TRUNK_SPARE_1_SRTP=yes",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert setting(tmp_path, "pjsip.trunks.conf", "contact") == [
        "sip:a.example:5060",
        "sip:b.example:5061\\;transport=tls",
    ]
    assert setting(tmp_path, "pjsip.trunks.conf", "allow") == ["!all,alaw", "!all,alaw"]
    assert setting(tmp_path, "pjsip.trunks.conf", "media_encryption") == ["no", "sdes"]
    assert sections(tmp_path).count("transport-tls") == 1
    assert "PJSIP/{number}@main" in done.stdout


def test_files_of_the_person_are_kept(tmp_path: Path) -> None:
    (tmp_path / "pjsip.conf").write_text("; mine\n")
    (tmp_path / "pjsip.local.conf").write_text("; my trunk\n")
    render(tmp_path)
    render(tmp_path)
    assert (tmp_path / "pjsip.conf.before-opendeep").read_text() == "; mine\n"
    assert (tmp_path / "pjsip.local.conf").read_text() == "; my trunk\n"
    assert sorted(path.name for path in tmp_path.glob("*.before-opendeep")) == ["pjsip.conf.before-opendeep"]
