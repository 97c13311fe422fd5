#!/usr/bin/env python3
"""Fill in the Asterisk configuration that OpenDeep ships in ``deploy/asterisk``.

Owns the list of values that differ from machine to machine and the writing of the files. Needs Python 3.11 and nothing
else, so that it runs before anything is installed. Must not start Asterisk and must not know what the files say.

Files whose name ends in ``.local.conf`` belong to the person: they are never written here. A file that is already
there and was not written by this program is kept beside the new one as ``NAME.before-opendeep``.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import sys
from pathlib import Path

TEMPLATES = Path(__file__).resolve().parent.parent / "deploy" / "asterisk"
PLACEHOLDER = re.compile(r"@([A-Z][A-Z0-9_]*)@")
BACKUP_SUFFIX = ".before-opendeep"
SECRET_BYTES = 18
HEADER = "; Written by OpenDeep's render_asterisk_conf.py; changes made here are lost.\n"

# name -> (default, what it is). The directories are those of the Debian and Ubuntu package.
SETTINGS: dict[str, tuple[str, str]] = {
    "ETC_DIR": ("/etc/asterisk", "where the rendered files will be read from"),
    "MODULES_DIR": ("/usr/lib/x86_64-linux-gnu/asterisk/modules", "Asterisk's modules (*.so)"),
    "DATA_DIR": ("/usr/share/asterisk", "Asterisk's documentation and sounds"),
    "VAR_DIR": ("/var/lib/asterisk", "database and keys"),
    "SPOOL_DIR": ("/var/spool/asterisk", "recordings"),
    "RUN_DIR": ("/var/run/asterisk", "process id and control socket"),
    "LOG_DIR": ("/var/log/asterisk", "log files"),
    "AMI_BIND": ("127.0.0.1", "address on which AMI listens; keep it on this machine"),
    "AMI_PORT": ("5038", "TCP port of AMI"),
    "AMI_PERMIT": ("127.0.0.1/255.255.255.255", "who may log in to AMI, address/mask"),
    "AMI_USERNAME": ("opendeep", "AMI user of OpenDeep"),
    "AMI_SECRET": ("", "secret of that user; made up when not given"),
    "SIP_BIND": ("0.0.0.0", "address on which SIP listens"),  # noqa: S104 - phones and trunks come from outside
    "SIP_PORT": ("5060", "UDP port of SIP"),
    "MEDIA_ADDRESS": ("127.0.0.1", "this machine's address as phones and trunk see it"),
    "BIND_RTP": ("no", "yes: sound leaves from MEDIA_ADDRESS only"),
    "RTP_FIRST_PORT": ("10000", "first UDP port for sound"),
    "RTP_LAST_PORT": ("10999", "last UDP port for sound"),
    "PHONE_SECRET": ("", "secret of the softphone 7000; made up when not given"),
    "TRUNK": ("trunk", "PJSIP endpoint that carries calls to the world, see pjsip.conf"),
    "TRUNK_PREFIX": ("+", "what the trunk wants before country code and number (dialplan only)"),
}
MADE_UP_WHEN_EMPTY = ("AMI_SECRET", "PHONE_SECRET")


class RenderError(Exception):
    """A value or a template is wrong; the message says which and what to do."""


def parse_assignments(assignments: list[str]) -> dict[str, str]:
    """Turn ``NAME=value`` arguments into a dict; unknown names and values that break out of a line are refused."""
    values = {}
    for assignment in assignments:
        name, separator, value = assignment.partition("=")
        if not separator or name not in SETTINGS:
            raise RenderError(f"{assignment!r} is not NAME=value with one of: {', '.join(SETTINGS)}")
        if any(character in value for character in "\r\n;"):
            raise RenderError(f"the value of {name} may not contain a line break or a semicolon")
        values[name] = value
    return values


def complete(given: dict[str, str]) -> dict[str, str]:
    """Add the defaults, and fresh secrets where none was given."""
    values = {name: default for name, (default, _) in SETTINGS.items()} | given
    for name in MADE_UP_WHEN_EMPTY:
        values[name] = values[name] or secrets.token_urlsafe(SECRET_BYTES)
    return values


def render(template: str, values: dict[str, str]) -> str:
    """Replace every ``@NAME@``; an unknown name raises RenderError."""

    def replacement(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise RenderError(f"the template names @{match[1]}@, which is not a known setting")
        return values[match[1]]

    return PLACEHOLDER.sub(replacement, template)


def write(path: Path, text: str) -> None:
    """Write one file for its owner and group only (it may hold secrets), keeping what somebody else had put there.

    Written by root it belongs to whom the folder belongs, so that Asterisk's own user can read it.
    """
    if path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(HEADER):
        path.replace(path.with_name(path.name + BACKUP_SUFFIX))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(HEADER + text)
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.chown(path, folder.st_uid, folder.st_gid)


def render_all(target: Path, values: dict[str, str]) -> list[Path]:
    """Render every template into ``target``; all are rendered before the first is written."""
    rendered = {
        path.name: render(path.read_text(encoding="utf-8"), values) for path in sorted(TEMPLATES.glob("*.conf"))
    }
    target.mkdir(parents=True, exist_ok=True)
    for name, text in rendered.items():
        write(target / name, text)
    return [target / name for name in rendered]


def parse_arguments() -> argparse.Namespace:
    settings = "\n".join(
        f"  {name:15} {what} (default: {default or '-'})" for name, (default, what) in SETTINGS.items()
    )
    parser = argparse.ArgumentParser(
        description="Write the Asterisk configuration of OpenDeep into a folder.",
        epilog=f"settings:\n{settings}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="where to write, for example /etc/asterisk")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=value", help="a setting, may be repeated")
    return parser.parse_args()


def main() -> int:
    """Render, then print the lines that OpenDeep's own ``.env`` needs."""
    arguments = parse_arguments()
    folder = arguments.folder.absolute()
    try:
        values = complete({"ETC_DIR": str(folder)} | parse_assignments(arguments.set))
        written = render_all(folder, values)
    except (RenderError, OSError) as error:
        print(f"render_asterisk_conf: {error}", file=sys.stderr)
        return 1
    print(f"# {len(written)} files in {folder}; put these lines into OpenDeep's .env")
    print("ASTERISK_AMI_HOST=127.0.0.1")
    for name in ("AMI_PORT", "AMI_USERNAME", "AMI_SECRET"):
        print(f"ASTERISK_{name}={values[name]}")
    print(f"ASTERISK_CHANNEL_TEMPLATE=PJSIP/{{number}}@{values['TRUNK']}")
    print("ASTERISK_EXTENSION_TEMPLATE=PJSIP/{number}")
    print(f"# softphone: user 7000, secret {values['PHONE_SECRET']}, SIP over UDP at port {values['SIP_PORT']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
