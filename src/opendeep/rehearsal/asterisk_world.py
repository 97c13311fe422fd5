"""Callees behind a real Asterisk: the user's own switch rings SIP telephones of this process.

The product dials `PJSIP/<endpoint>/sip:<number>@<this process>`: the address is part of the dial string, so nothing of
the Asterisk has to be changed, and a call can go nowhere else, whatever trunks it has.
"""

import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from opendeep.common.data_models import Call
from opendeep.common.errors import ConfigurationError
from opendeep.config.app_config import AppConfig
from opendeep.embedded import callee_mind
from opendeep.offline.speech import SpeechEngines
from opendeep.rehearsal.worlds import RECOGNISERS, World
from opendeep.simulation import Callee, CallSnapshot
from opendeep.simulation.sip_phones import SipPhones
from opendeep.simulation.talking_callee import Engines
from opendeep.simulation.ticker import PacingTicker

LOOPBACK: Final = "127.0.0.1"


@dataclass(slots=True)
class AsteriskWorld:
    """Calls are told apart by number and attempt: each case has a number of its own."""

    settings: Mapping[str, str]
    phones: SipPhones
    ticker: PacingTicker
    ended: defaultdict[str, list[tuple[CallSnapshot, Path | None]]] = field(default_factory=lambda: defaultdict(list))

    def witness(self, call: Call) -> CallSnapshot | None:
        found = self._of(call)
        return found[0] if found is not None else None

    def recording(self, call: Call) -> Path | None:
        found = self._of(call)
        return found[1] if found is not None else None

    def live_calls(self) -> Sequence[str]:
        return [call.number for call in self.phones.calls()]

    def late_ticks(self) -> int:
        return self.ticker.skipped_ticks

    def _of(self, call: Call) -> tuple[CallSnapshot, Path | None] | None:
        calls = self.ended[call.phone_number]
        return calls[call.attempt_number - 1] if call.attempt_number <= len(calls) else None


@contextlib.asynccontextmanager
async def asterisk_world(callees: Sequence[Callee], folder: Path, config: AppConfig) -> AsyncIterator[World]:
    """Switch the telephones on. Raises ConfigurationError when no Asterisk is set up."""
    require_asterisk(config)
    async with contextlib.AsyncExitStack() as stack:
        engines = await stack.enter_async_context(SpeechEngines(workers=RECOGNISERS))
        mind = await callee_mind(config, stack)
        ticker = PacingTicker()
        ended: defaultdict[str, list[tuple[CallSnapshot, Path | None]]] = defaultdict(list)

        def remember(call: CallSnapshot, recording: Path | None) -> None:
            ended[call.number].append((call, recording))

        phones = SipPhones(
            callees,
            Engines(engines.synthesizer, engines.recognizer, mind),
            host=own_address(config),
            record_dir=folder,
            on_ended=remember,
            ticker=ticker,
        )
        await stack.enter_async_context(phones)
        yield AsteriskWorld(asterisk_settings(config, phones.address), phones, ticker, ended)


def require_asterisk(config: AppConfig) -> None:
    """Raises ConfigurationError unless the settings name an Asterisk that can reach this machine."""
    if config.asterisk_ami_host is None or config.asterisk_ami_secret is None:
        raise ConfigurationError(
            "--world asterisk needs an Asterisk: set ASTERISK_AMI_HOST and ASTERISK_AMI_SECRET (docs/asterisk.md)."
        )
    own_address(config)


def own_address(config: AppConfig) -> str:
    """The address at which the Asterisk reaches this machine. Raises ConfigurationError when it cannot be known."""
    if _is_loopback(config.asterisk_ami_host or ""):
        return LOOPBACK
    for address in (config.audiosocket_public_host, config.audiosocket_host):
        if address and address != "0.0.0.0" and not _is_loopback(address):  # noqa: S104 (compared, not bound)
            return address
    raise ConfigurationError(
        "The Asterisk is on another machine: set AUDIOSOCKET_PUBLIC_HOST to the address at which it reaches this one."
    )


def asterisk_settings(config: AppConfig, phones: tuple[str, int]) -> dict[str, str]:
    """Settings of the product: the user's Asterisk, and dial strings that lead to `phones` and nowhere else."""
    endpoint = config.internal_extensions[0] if config.internal_extensions else "7000"
    template = f"PJSIP/{endpoint}/sip:{{number}}@{phones[0]}:{phones[1]}"
    secret = config.asterisk_ami_secret.get_secret_value() if config.asterisk_ami_secret else ""
    settings = {
        "ASTERISK_AMI_HOST": config.asterisk_ami_host or "",
        "ASTERISK_AMI_PORT": str(config.asterisk_ami_port),
        "ASTERISK_AMI_USERNAME": config.asterisk_ami_username,
        "ASTERISK_AMI_SECRET": secret,
        "ASTERISK_CHANNEL_TEMPLATE": template,
        "ASTERISK_EXTENSION_TEMPLATE": template,
        "AUDIOSOCKET_HOST": config.audiosocket_host,
    }
    if config.audiosocket_public_host:
        settings["AUDIOSOCKET_PUBLIC_HOST"] = config.audiosocket_public_host
    return settings


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
