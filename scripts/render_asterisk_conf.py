#!/usr/bin/env python3
"""Fill in the Asterisk configuration that OpenDeep ships in ``deploy/asterisk``.

Owns the writing of the files. Needs Python 3.11 and nothing else, so that it runs before anything is installed. Must
not start Asterisk and must not know what the files say; what may be filled in is ``asterisk_settings.py``.

Files whose name ends in ``.local.conf`` belong to the person: they are never written here. A file that is already
there and was not written by this program is kept beside the new one as ``NAME.before-opendeep``.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import asterisk_trunks
from asterisk_settings import ENVIRONMENT_PREFIX, RenderError, collect, complete, explain

TEMPLATES = Path(__file__).resolve().parent.parent / "deploy" / "asterisk"
TRUNKS_FILE = "pjsip.trunks.conf"
PLACEHOLDER = re.compile(r"@([A-Z][A-Z0-9_]*)@")
BACKUP_SUFFIX = ".before-opendeep"
HEADER = "; Written by OpenDeep's render_asterisk_conf.py; changes made here are lost.\n"


def render(template: str, values: Mapping[str, str]) -> str:
    """Replace every ``@NAME@``; an unknown name raises RenderError."""

    def replacement(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise RenderError(f"the template names @{match[1]}@, which is not a known setting")
        return values[match[1]]

    return PLACEHOLDER.sub(replacement, template)


def render_trunks(values: Mapping[str, str]) -> str:
    """The transports that the trunks need beside UDP, and the blocks of each trunk."""
    trunks = asterisk_trunks.trunks(values)
    if not trunks:
        return asterisk_trunks.EMPTY
    transports = sorted({trunk.transport for trunk in trunks} - {"udp"})
    parts = [render(_block(f"transport-{transport}"), values) for transport in transports]
    parts += ["".join(render(_block(block), trunk.values) for block in trunk.blocks) for trunk in trunks]
    return "\n".join(parts)


def _block(name: str) -> str:
    return (TEMPLATES / "trunks" / f"{name}.conf").read_text(encoding="utf-8")


def derived(values: Mapping[str, str]) -> dict[str, str]:
    """Placeholders that are made of settings."""
    nets = [net for net in values["LOCAL_NET"].split(",") if net]
    return {
        "LOCAL_NET_LINES": "\n".join(f"local_net = {net}" for net in nets) or "; local_net: not behind NAT",
        "FIRST_TRUNK": values["TRUNKS"].split(",")[0],
    }


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
    every = values | derived(values)
    rendered = {path.name: render(path.read_text(encoding="utf-8"), every) for path in sorted(TEMPLATES.glob("*.conf"))}
    rendered[TRUNKS_FILE] = render_trunks(every)
    target.mkdir(parents=True, exist_ok=True)
    for name, text in rendered.items():
        write(target / name, text)
    return [target / name for name in rendered]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Write the Asterisk configuration of OpenDeep into a folder.",
        epilog=f"settings (also from the environment, as {ENVIRONMENT_PREFIX}NAME):\n{explain()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="where to write, for example /etc/asterisk")
    parser.add_argument(
        "--settings", type=Path, metavar="FILE", help="a file of NAME=value lines; keeps secrets off ps"
    )
    parser.add_argument("--set", action="append", default=[], metavar="NAME=value", help="a setting, may be repeated")
    return parser.parse_args()


def tell(folder: Path, values: Mapping[str, str], count: int) -> None:
    """Print the lines that OpenDeep's own ``.env`` needs."""
    print(f"# {count} files in {folder}; put these lines into OpenDeep's .env")
    print("ASTERISK_AMI_HOST=127.0.0.1")
    for name in ("AMI_PORT", "AMI_USERNAME", "AMI_SECRET"):
        print(f"ASTERISK_{name}={values[name]}")
    trunks = [trunk.name for trunk in asterisk_trunks.trunks(values)]
    print(f"ASTERISK_CHANNEL_TEMPLATE=PJSIP/{{number}}@{values['TRUNKS'].split(',')[0]}")
    print("ASTERISK_EXTENSION_TEMPLATE=PJSIP/{number}")
    print(f"# softphone: user 7000, secret {values['PHONE_SECRET']}, SIP over UDP at port {values['SIP_PORT']}")
    print(f"# trunks: {', '.join(trunks) or 'none yet (TRUNK_HOST)'}")
    print(f"# then check everything: opendeep doctor --asterisk-config {folder}")


def main() -> int:
    """Render, or say what is wrong with the settings."""
    arguments = parse_arguments()
    folder = arguments.folder.absolute()
    try:
        given = collect(arguments.settings, os.environ, arguments.set)
        values = complete({"ETC_DIR": str(folder)} | given)
        written = render_all(folder, values)
    except (RenderError, OSError, UnicodeDecodeError) as error:
        print(f"render_asterisk_conf: {error}", file=sys.stderr)
        return 1
    tell(folder, values, len(written))
    return 0


if __name__ == "__main__":
    sys.exit(main())
