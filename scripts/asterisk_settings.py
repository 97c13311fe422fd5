"""The values that differ from machine to machine in OpenDeep's Asterisk configuration.

Owns their names, defaults and meanings, where they come from, and what each may look like. Needs Python 3.11 and
nothing else. Must not know the configuration files: ``render_asterisk_conf.py`` writes them, ``asterisk_trunks.py``
makes the trunks.

Values come from, later ones win: the defaults, a file of ``NAME=value`` lines, the environment (``PBX_NAME``), and
``--set NAME=value``. Every value fits the pattern of its setting, and no pattern lets a line break, a control character
or a semicolon through: a value can never become a second line of a configuration file.
"""

from __future__ import annotations

import difflib
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT_PREFIX = "PBX_"
SECRET_BYTES = 18
SECRET_MIN_CHARS = 12
SECRET_MIN_DIFFERENT = 6
EVERYBODY = ("0.0.0.0/0", "0.0.0.0/0.0.0.0", "::/0")
WELL_KNOWN = ("changeme", "password", "secret", "1234", "asterisk", "admin", "your-")


class RenderError(Exception):
    """A value or a template is wrong; the message says which and what to do."""


@dataclass(frozen=True)
class Kind:
    """What a value may look like; `what` completes the sentence “must be …”."""

    what: str
    pattern: re.Pattern[str]


def _kind(what: str, pattern: str) -> Kind:
    return Kind(what, re.compile(pattern, re.ASCII))


_NET = r"[0-9A-Fa-f.:]+(/[0-9.]{1,15})?"
_NAME = r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
_HOST = rf"({_NAME}|\[[0-9A-Fa-f:.]{{2,45}}\])"
PATH = _kind("an absolute path without a semicolon", r"/[A-Za-z0-9 _.,:+=@~/-]*")
ADDRESS = _kind("an IP address or a host name", rf"{_NAME}|[0-9A-Fa-f:.]{{2,45}}")
OPTIONAL_ADDRESS = _kind("an IP address or a host name", rf"({ADDRESS.pattern.pattern})?")
HOST = _kind("a host name or an address, with :port if it is not the usual one", rf"({_HOST}(:[0-9]{{1,5}})?)?")
PORT = _kind("a port from 1 to 65535", r"[1-9][0-9]{0,4}")
NETS = _kind("addresses with a mask, separated by commas, such as 192.168.0.0/16", rf"{_NET}(,{_NET})*")
OPTIONAL_NETS = _kind(NETS.what, rf"({NETS.pattern.pattern})?")
PLACES = _kind("addresses, networks or host names, separated by commas", rf"(({_NET}|{_NAME})(,({_NET}|{_NAME}))*)?")
YES_NO = _kind("yes or no", "yes|no")
USER = _kind("letters, digits and ._+-@", r"([A-Za-z0-9._+@-]{1,80})?")
SECRET = _kind("visible ASCII characters without a semicolon", r"[!-:<-~]{0,120}")
_TRUNK = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}"  # as in TRUNKS_FILE of OpenDeep
NAMES = _kind("names of letters, digits, -, _ and dots, separated by commas", rf"{_TRUNK}(,{_TRUNK})*")
CODECS = _kind("codecs out of ulaw, alaw, g722, separated by commas", r"(ulaw|alaw|g722)(,(ulaw|alaw|g722))*")
DTMF = _kind("auto, rfc4733, inband or info", "auto|rfc4733|inband|info")
TRANSPORT = _kind("udp, tcp or tls", "udp|tcp|tls")
PREFIX = _kind("at most ten digits, + and #", r"[0-9+#]{0,10}")
SECONDS = _kind("a number of seconds, 0 to 3600", r"[0-9]|[1-9][0-9]{1,2}|[12][0-9]{3}|3[0-5][0-9]{2}|3600")


@dataclass(frozen=True)
class Setting:
    """`default` is a text that fits `kind`; `what` explains it to a person."""

    default: str
    kind: Kind
    what: str


# The directories are those of the Debian and Ubuntu package.
SETTINGS: dict[str, Setting] = {
    "ETC_DIR": Setting("/etc/asterisk", PATH, "where the rendered files will be read from"),
    "MODULES_DIR": Setting("/usr/lib/x86_64-linux-gnu/asterisk/modules", PATH, "Asterisk's modules (*.so)"),
    "DATA_DIR": Setting("/usr/share/asterisk", PATH, "Asterisk's documentation and sounds"),
    "VAR_DIR": Setting("/var/lib/asterisk", PATH, "database and keys"),
    "SPOOL_DIR": Setting("/var/spool/asterisk", PATH, "recordings"),
    "RUN_DIR": Setting("/var/run/asterisk", PATH, "process id and control socket"),
    "LOG_DIR": Setting("/var/log/asterisk", PATH, "log files"),
    "AMI_BIND": Setting("127.0.0.1", ADDRESS, "address on which AMI listens; keep it on this machine"),
    "AMI_PORT": Setting("5038", PORT, "TCP port of AMI"),
    "AMI_PERMIT": Setting("127.0.0.1/255.255.255.255", NETS, "who may log in to AMI, address/mask"),
    "AMI_USERNAME": Setting("opendeep", _kind("letters, digits, - and _", r"[A-Za-z][A-Za-z0-9_-]{0,39}"), "AMI user"),
    "AMI_SECRET": Setting("", SECRET, "secret of that user; made up when not given"),
    "SIP_BIND": Setting("0.0.0.0", ADDRESS, "address on which SIP listens"),  # noqa: S104 - trunks come from outside
    "SIP_PORT": Setting("5060", PORT, "UDP port of SIP (TCP too, when a trunk uses it)"),
    "SIP_TLS_PORT": Setting("5061", PORT, "TCP port of SIP over TLS, when a trunk uses it"),
    "CA_FILE": Setting(
        "/etc/ssl/certs/ca-certificates.crt", PATH, "certificates against which a trunk over TLS is checked"
    ),
    "MEDIA_ADDRESS": Setting("127.0.0.1", ADDRESS, "this machine's address as phones and trunk see it"),
    "BIND_RTP": Setting("no", YES_NO, "yes: sound leaves from MEDIA_ADDRESS only"),
    "EXTERNAL_ADDRESS": Setting("", OPTIONAL_ADDRESS, "behind NAT: the public address of the router"),
    "LOCAL_NET": Setting("", OPTIONAL_NETS, "behind NAT: networks that are reached without the router"),
    "RTP_FIRST_PORT": Setting("10000", PORT, "first UDP port for sound"),
    "RTP_LAST_PORT": Setting("10999", PORT, "last UDP port for sound; two for each call"),
    "PHONE_SECRET": Setting("", SECRET, "secret of the softphone 7000; made up when not given"),
    "PHONE_PERMIT": Setting(
        "127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16", NETS, "from where softphone 7000 may register and call"
    ),
    "TRUNKS": Setting("trunk", NAMES, "names of the trunks; each becomes the PJSIP endpoint of that name"),
    "TRUNK_PREFIX": Setting("+", PREFIX, "what the trunk wants before country code and number (dialplan only)"),
}

# Of every trunk. TRUNK_HOST counts for all of them, TRUNK_<NAME>_HOST for one alone.
TRUNK_SETTINGS: dict[str, Setting] = {
    "HOST": Setting("", HOST, "the provider's server"),
    "USERNAME": Setting("", USER, "user name; leave it out when the provider knows you by your address"),
    "PASSWORD": Setting("", SECRET, "password of that user"),
    "REGISTER": Setting("yes", YES_NO, "no: prove who we are with each call only (used with a user name)"),
    "FROM_USER": Setting("", USER, "user in From; the user name when not given"),
    "FROM_DOMAIN": Setting("", HOST, "domain in From; the server when not given"),
    "MATCH": Setting("", PLACES, "addresses from which the provider calls; the server when not given"),
    "PROXY": Setting("", HOST, "outbound proxy"),
    "TRANSPORT": Setting("udp", TRANSPORT, "how SIP travels"),
    "SRTP": Setting("no", YES_NO, "yes: sound is encrypted; needs TRANSPORT tls, which carries the keys"),
    "CODECS": Setting("ulaw,alaw,g722", CODECS, "codecs in the order of liking"),
    "DTMF": Setting("auto", DTMF, "how keys are sent; auto: RFC 4733, as tones where the other side cannot"),
    "QUALIFY_S": Setting("60", SECONDS, "seconds between two questions whether the server is there; 0: never"),
}
MADE_UP_WHEN_EMPTY = ("AMI_SECRET", "PHONE_SECRET")


def trunk_variable(name: str, field: str) -> str:
    """`TRUNK_MY_TRUNK_HOST` for the field HOST of the trunk `my-trunk`."""
    return f"TRUNK_{name.upper().replace('-', '_').replace('.', '_')}_{field}"


def collect(file: Path | None, environment: Mapping[str, str], assignments: Iterable[str]) -> dict[str, str]:
    """What was given, not yet checked: from the file, the environment, the arguments; later ones win."""
    given: dict[str, str] = {}
    if file is not None:
        for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), 1):
            if line.strip() and not line.lstrip().startswith("#"):
                name, value = _assignment(line, f"{file}, line {number}")
                given[name] = value
    given |= {
        name.removeprefix(ENVIRONMENT_PREFIX): value
        for name, value in environment.items()
        if name.startswith(ENVIRONMENT_PREFIX)
    }
    return given | dict(_assignment(assignment, "--set") for assignment in assignments)


def complete(given: Mapping[str, str]) -> dict[str, str]:
    """The defaults and what was given, checked; secrets that are missing are made up. Raises RenderError."""
    names = [name for name in given.get("TRUNKS", SETTINGS["TRUNKS"].default).split(",") if name]
    known = _known(names)
    for name in given:
        if name not in known:
            raise RenderError(_unknown(name, known))
    values = {name: setting.default for name, setting in SETTINGS.items()}
    values |= {f"TRUNK_{field}": setting.default for field, setting in TRUNK_SETTINGS.items()}
    values |= given
    for name, value in values.items():
        _check(name, value, known[name].kind)
    _check_together(values)
    for name in MADE_UP_WHEN_EMPTY:
        values[name] = values[name] or secrets.token_urlsafe(SECRET_BYTES)
        _check_secret(name, values[name])
    return values


def explain() -> str:
    """The list of settings for `--help`."""
    lines = [f"  {name:17} {setting.what} (default: {setting.default or '-'})" for name, setting in SETTINGS.items()]
    lines += ["", "of every trunk (TRUNK_MY_TRUNK_HOST: of the trunk my-trunk alone):"]
    lines += [
        f"  TRUNK_{field:11} {setting.what} (default: {setting.default or '-'})"
        for field, setting in TRUNK_SETTINGS.items()
    ]
    return "\n".join(lines)


def _known(trunks: Iterable[str]) -> dict[str, Setting]:
    known = dict(SETTINGS)
    for field, setting in TRUNK_SETTINGS.items():
        known[f"TRUNK_{field}"] = setting
        for trunk in trunks:
            known[trunk_variable(trunk, field)] = setting
    return known


def _assignment(text: str, where: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise RenderError(f"{where}: {text[:40]!r} is not NAME=value")
    return name.strip(), value.strip(" \t")


def _unknown(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    hint = f"; did you mean {close[0]}?" if close else "; --help lists the names"
    if name.startswith("TRUNK_"):
        hint += " (a setting of one trunk needs the trunk's name in TRUNKS)"
    return f"{name} is not a setting{hint}"


def _check(name: str, value: str, kind: Kind) -> None:
    if any(character in value for character in "\r\n;"):
        raise RenderError(f"the value of {name} may not contain a line break or a semicolon")
    if kind.pattern.fullmatch(value) is None:
        raise RenderError(f"the value of {name} must be {kind.what}")
    if kind is PORT and int(value) > 65_535:
        raise RenderError(f"the value of {name} must be {kind.what}")


def _check_secret(name: str, value: str) -> None:
    """Ours alone: nobody types these secrets by heart, so there is no reason for a weak one."""
    weak = len(value) < SECRET_MIN_CHARS or len(set(value)) < SECRET_MIN_DIFFERENT
    if weak or any(value.lower().startswith(word) for word in WELL_KNOWN):
        raise RenderError(
            f"{name} is too weak: take at least {SECRET_MIN_CHARS} characters that nobody guesses, "
            "or leave it out and one is made up"
        )


def _check_together(values: Mapping[str, str]) -> None:
    if values["AMI_USERNAME"] == "general":
        raise RenderError("AMI_USERNAME cannot be general: a section of manager.conf has that name")
    first, last = int(values["RTP_FIRST_PORT"]), int(values["RTP_LAST_PORT"])
    if first >= last:
        raise RenderError("RTP_FIRST_PORT must be smaller than RTP_LAST_PORT")
    open_to_all = any(net.strip() in EVERYBODY for net in values["AMI_PERMIT"].split(","))
    if open_to_all and not values["AMI_BIND"].startswith("127."):
        raise RenderError("AMI_PERMIT lets everybody in while AMI_BIND is not this machine; name the addresses instead")
    if bool(values["EXTERNAL_ADDRESS"]) != bool(values["LOCAL_NET"]):
        raise RenderError("EXTERNAL_ADDRESS and LOCAL_NET belong together: behind NAT both are needed")
