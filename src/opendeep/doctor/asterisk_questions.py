"""What the doctor asks a running Asterisk, with no more rights than OpenDeep has (`manager.conf`: call, reporting).

Owns the actions and the reading of their answers. `PJSIPShowEndpoint` and `ModuleCheck` need the right `system`, which
could also unload modules; the dialplan functions behind `Getvar` (func_module, func_pjsip_*) say the same without it.
"""

import asyncio
import re
from dataclasses import dataclass
from typing import Final

from opendeep.call_processor_service.ami_action import AmiAction
from opendeep.call_processor_service.ami_packets import AmiResponse
from opendeep.call_processor_service.asterisk_ami_client import AsteriskAmiClient
from opendeep.common.errors import TelephonyMisuse

QUALIFY_DEADLINE_S: Final = 4.0  # Asterisk gives an OPTIONS three seconds
QUALIFY_POLL_S: Final = 0.05
_ARGUMENT: Final = re.compile(r"[A-Za-z0-9_.:@;+-]{1,150}")


@dataclass(frozen=True, slots=True)
class Contact:
    """One place at which an endpoint is reached. `rtt_ms` None: not measured."""

    status: str
    uri: str
    rtt_ms: float | None

    @property
    def reachable(self) -> bool | None:
        """None when Asterisk has not asked yet, or never does (`qualify_frequency = 0`)."""
        return {"Reachable": True, "Unreachable": False}.get(self.status)


class AsteriskQuestions:
    """Typed questions over one logged-in connection. All raise `TelephonyFault` when no answer comes."""

    def __init__(self, ami: AsteriskAmiClient) -> None:
        self._ami = ami

    async def actions(self) -> frozenset[str]:
        """The names of all actions that our user may send."""
        answer = await self._ami.send_action(AmiAction("ListCommands"))
        return frozenset(answer.headers) - {"Response", "ActionID", "Message"}

    async def version(self) -> str | None:
        """Such as `22.10.1`; None when Asterisk does not say."""
        answer = await self._ami.send_action(AmiAction("CoreSettings"))
        return answer.headers.get("AsteriskVersion") if answer.ok else None

    async def has_module(self, module: str) -> bool | None:
        """None when Asterisk cannot tell (func_module.so is not loaded)."""
        return {"1": True, "0": False}.get(await self._function("IFMODULE", module))

    async def has_extension(self, context: str, extension: str) -> bool | None:
        """Whether the dialplan knows it; None when Asterisk cannot tell (func_dialplan.so is not loaded)."""
        answer = await self._function("DIALPLAN_EXISTS", context, extension, "1")
        return answer == "1" if answer in ("0", "1") else None

    async def has_endpoint(self, name: str) -> bool:
        return await self._function("DEVICE_STATE", f"PJSIP/{name}", slash=True) not in ("INVALID", "")

    async def contacts(self, endpoint: str) -> list[Contact]:
        """Where the endpoint is reached now; empty for a phone that has not registered."""
        addresses = await self._function("PJSIP_ENDPOINT", endpoint, "aors")
        found: list[Contact] = []
        for address in filter(None, addresses.split(",")):
            for contact in filter(None, (await self._function("PJSIP_AOR", address, "contact")).split(",")):
                found.append(await self._contact(contact))
        return found

    async def qualified(self, endpoint: str) -> list[Contact]:
        """Let Asterisk ask the other side now, and wait until it has an answer or gives up."""
        before = await self.contacts(endpoint)
        if not before:
            return before
        await self._ami.send_action(AmiAction("PJSIPQualify", (("Endpoint", endpoint),)))
        now = before
        try:
            async with asyncio.timeout(QUALIFY_DEADLINE_S):
                while now == before:  # a new answer has a new round trip time, in µs
                    await asyncio.sleep(QUALIFY_POLL_S)
                    now = await self.contacts(endpoint)
        except TimeoutError:
            pass  # it was unreachable before and still is
        return now

    async def registrations(self) -> dict[str, tuple[str, str]]:
        """Name → (status, server) of everything that registers at a provider."""
        events = await self._ami.send_list_action(AmiAction("PJSIPShowRegistrationsOutbound"))
        details = (event for event in events if event.name == "OutboundRegistrationDetail")
        return {event.get("ObjectName"): (event.get("Status"), event.get("ServerUri")) for event in details}

    async def _contact(self, name: str) -> Contact:
        status = await self._function("PJSIP_CONTACT", name, "status")
        rtt_us = await self._function("PJSIP_CONTACT", name, "rtt")
        uri = await self._function("PJSIP_CONTACT", name, "uri")
        measured = status == "Reachable" and rtt_us.isdigit()
        return Contact(status, uri, int(rtt_us) / 1_000 if measured else None)

    async def _function(self, name: str, *arguments: str, slash: bool = False) -> str:
        for argument in arguments:
            if _ARGUMENT.fullmatch(argument.replace("/", "", 1) if slash else argument) is None:
                raise TelephonyMisuse(f"{argument[:40]!r} cannot be asked for.")
        answer: AmiResponse = await self._ami.send_action(
            AmiAction("Getvar", (("Variable", f"{name}({','.join(arguments)})"),))
        )
        return answer.headers.get("Value", "")
