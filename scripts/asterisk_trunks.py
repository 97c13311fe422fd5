"""The trunks of the Asterisk configuration: from settings to the blocks of ``pjsip.trunks.conf``.

Owns what the fields of a trunk mean together and which blocks a trunk gets; the blocks themselves, with their
explanations, are the files in ``deploy/asterisk/trunks``. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from asterisk_settings import TRUNK_SETTINGS, WELL_KNOWN, RenderError, trunk_variable

DEFAULT_SIP_PORT, DEFAULT_TLS_PORT = 5060, 5061
RESERVED = ("opendeep", "transport", "7000", "global", "system")
EMPTY = "; No trunk: no TRUNK_HOST was given. The softphone 7000 works without one.\n"


@dataclass(frozen=True)
class Trunk:
    """One trunk: the blocks of ``deploy/asterisk/trunks`` that it gets, and what their placeholders stand for."""

    name: str
    blocks: tuple[str, ...]
    transport: str
    values: dict[str, str]


def trunks(values: Mapping[str, str]) -> list[Trunk]:
    """The trunks that have a server, in the order of ``TRUNKS``. Raises RenderError."""
    names = values["TRUNKS"].split(",")
    if len({trunk_variable(name, "") for name in names}) != len(names):
        raise RenderError("TRUNKS names a trunk twice (capitals, dots, - and _ make no difference)")
    for name in names:
        if name.lower().startswith(RESERVED):
            raise RenderError(f"a trunk cannot be called {name}: that name is used by the configuration itself")
    given = {name: _fields(name, values) for name in names}
    if len(names) == 1 and not given[names[0]]["HOST"]:
        _refuse_half(names[0], given[names[0]])
        return []
    return [_trunk(name, fields) for name, fields in given.items()]


def _fields(name: str, values: Mapping[str, str]) -> dict[str, str]:
    return {field: values.get(trunk_variable(name, field), values[f"TRUNK_{field}"]) for field in TRUNK_SETTINGS}


def _refuse_half(name: str, fields: Mapping[str, str]) -> None:
    for field in ("USERNAME", "PASSWORD", "MATCH", "PROXY"):
        if fields[field]:
            raise RenderError(f"TRUNK_{field} is given, but TRUNK_HOST, the provider's server, is missing")


def _trunk(name: str, fields: Mapping[str, str]) -> Trunk:
    _check(name, fields)
    host, port = _split(fields["HOST"])
    secure = fields["TRANSPORT"] == "tls"
    port = port or str(DEFAULT_TLS_PORT if secure else DEFAULT_SIP_PORT)
    suffix = "" if fields["TRANSPORT"] == "udp" else f"\\;transport={fields['TRANSPORT']}"
    registers = fields["USERNAME"] and fields["REGISTER"] == "yes"
    blocks = ("endpoint", *(["auth"] if fields["USERNAME"] else []), *(["registration"] if registers else []))
    return Trunk(
        name,
        blocks,
        fields["TRANSPORT"],
        {
            "NAME": name,
            "HOST": host,
            "SERVER_URI": f"sip:{host}:{port}{suffix}",
            "CLIENT_URI": f"sip:{fields['USERNAME']}@{fields['FROM_DOMAIN'] or host}{suffix}",
            "USERNAME": fields["USERNAME"],
            "PASSWORD": fields["PASSWORD"],
            "FROM_USER": fields["FROM_USER"] or fields["USERNAME"],
            "FROM_DOMAIN": fields["FROM_DOMAIN"] or host,
            "MATCH": fields["MATCH"] or host.strip("[]"),
            "PROXY": f"sip:{fields['PROXY']}{suffix}\\;lr" if fields["PROXY"] else "",
            "TRANSPORT": fields["TRANSPORT"],
            "ENCRYPTION": "sdes" if fields["SRTP"] == "yes" else "no",
            "CODECS": fields["CODECS"],
            "DTMF": fields["DTMF"],
            "QUALIFY_S": fields["QUALIFY_S"],
        },
    )


def _check(name: str, fields: Mapping[str, str]) -> None:
    variable = trunk_variable(name, "")
    if not fields["HOST"]:
        raise RenderError(f"the trunk {name} has no server: set {variable}HOST, or take {name} out of TRUNKS")
    if fields["USERNAME"] and not fields["PASSWORD"]:
        raise RenderError(f"the trunk {name} has a user name but no password: set {variable}PASSWORD")
    if fields["PASSWORD"] and not fields["USERNAME"]:
        raise RenderError(f"the trunk {name} has a password but no user name: set {variable}USERNAME")
    if fields["PASSWORD"].lower().startswith(WELL_KNOWN):
        raise RenderError(
            f"{variable}PASSWORD is a place holder or known to everybody; ask the provider for a real one"
        )
    if fields["SRTP"] == "yes" and fields["TRANSPORT"] != "tls":
        raise RenderError(f"{variable}SRTP=yes needs {variable}TRANSPORT=tls: otherwise its keys travel readable")


def _split(host: str) -> tuple[str, str]:
    """Host and port (empty when not given); an IPv6 address stands in brackets."""
    name, colon, port = host.rpartition(":")
    return (name, port) if colon and not host.endswith("]") else (host, "")
