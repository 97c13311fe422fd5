"""Callees by number: one place that starts them, routes a number to them and ends them with the test."""

from __future__ import annotations

import contextlib
from types import TracebackType
from typing import Self

from tests.support.asterisk import RealAsterisk, SippCallee
from tests.support.services import require
from tests.support.sip_callee import Carrier, RecordingCallee

SOFTPHONE = "7000"


class Callees:
    """Numbers in E.164 are reached through the trunk, 7000 as the registered softphone.

    ``await callees.phone("+4930…")`` or ``await callees.sipp("+4930…", "reject", status="486 Busy Here")``.
    """

    def __init__(self, asterisk: RealAsterisk) -> None:
        self._asterisk = asterisk
        self.carrier = Carrier(asterisk.trunk_port)
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.carrier)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def phone(
        self,
        number: str,
        *,
        answer_after_s: float | None = 0.2,
        early_media: bool = False,
        on_answer_play: bytes = b"",
        sends_sound: bool = True,
    ) -> RecordingCallee:
        """A phone that the test can steer and that keeps what it hears."""
        phone = RecordingCallee(
            answer_after_s=answer_after_s,
            early_media=early_media,
            on_answer_play=on_answer_play,
            sends_sound=sends_sound,
        )
        await self._stack.enter_async_context(phone)
        await self.route(number, phone.sip_port)
        return phone

    async def sipp(
        self, number: str, scenario: str, *, status: str = "486 Busy Here", talk_ms: int = 500
    ) -> SippCallee:
        """An independent SIP implementation that follows a scenario of ``tests/support/sipp``."""
        require("sipp", SippCallee.available(), "install the package sip-tester")
        callee = await self._stack.enter_async_context(SippCallee(scenario, status=status, talk_ms=talk_ms))
        await self.route(number, callee.sip_port)
        return callee

    async def route(self, number: str, sip_port: int) -> None:
        """Let calls to the number arrive at this SIP port of loopback, until the end of this object."""
        self.carrier.ports[number] = sip_port
        if number == SOFTPHONE:
            registration = self._asterisk.sip_port, SOFTPHONE, self._asterisk.phone_secret
            await self.carrier.register(*registration)
            self._stack.push_async_callback(self.carrier.register, *registration, 0)
