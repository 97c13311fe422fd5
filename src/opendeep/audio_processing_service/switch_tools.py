"""Tools that the telephony side carries out: `send_dtmf` and `transfer_call`.

Both ask over the call's channel and wait for the confirmation with the request's id. The target of a transfer is a name
of a closed list; its number is known to the telephony side alone. Cold, the callee leaves us for the person's line at
once; warm, the person is fetched first (`warm_transfer`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from opendeep.audio_processing_service.menu_loop import MenuLoop
from opendeep.audio_processing_service.switch_requests import SwitchRequests
from opendeep.audio_processing_service.tool_ground import (
    TAKEN_OVER_DETAIL,
    Arguments,
    Output,
    ToolGround,
    ToolRequest,
    mistake,
    refused,
)
from opendeep.audio_processing_service.warm_transfer import FetchPorts, WarmTransfer
from opendeep.common.channels import call_commands

DTMF_BASE_S: Final = 8.0
DTMF_PER_DIGIT_S: Final = 0.6
WORDS_S: Final = 15.0  # of ours that are still to be played before the callee leaves us
TRANSFER_S: Final = 12.0
SETTLE_S: Final = 2.0  # our line is closed by the transfer itself: the confirmation may come after that
MAX_FETCHES: Final = 3  # in one call: whoever does not come is not rung for ever


class _SendDtmf(Arguments):
    digits: Annotated[str, Field(pattern=r"^[0-9*#]{1,32}$")]


class _TransferCall(Arguments):
    to: Annotated[str, Field(min_length=1, max_length=60)]
    mode: Literal["warm", "cold"] = "warm"
    briefing: Annotated[str, Field(max_length=4_000)] = ""


class SwitchTools:
    """One per call. `words_played` returns when what we have to say was heard; `taken_over`: a human speaks for us."""

    def __init__(
        self,
        ground: ToolGround,
        words_played: Callable[[], Awaitable[None]],
        taken_over: Callable[[], bool],
        fetching: FetchPorts,
    ) -> None:
        self._ground = ground
        self._words_played = words_played
        self._taken_over = taken_over
        self._requests = SwitchRequests(ground.bell, call_commands(ground.brief.call.id))
        self._at_rest = asyncio.Event()  # set while nobody waits for the confirmation of a transfer
        self._at_rest.set()
        self._warm = WarmTransfer(ground, fetching, self._requests, taken_over, self._at_rest.clear)
        self._menus = MenuLoop()
        self._transferring = False
        self._fetches = 0
        self._declined: set[str] = set()
        self.transferred = False

    def hear(self, words: str) -> None:
        """What the other side said, perhaps a menu."""
        self._menus.hear(words)

    def receive(self, data: Mapping[str, Any]) -> None:
        """A message of the call's channel that may confirm something."""
        self._requests.receive(data)

    def check(self) -> None:
        """Every 100 ms."""
        self._warm.check()

    async def settle(self) -> None:
        """Give a transfer under way the time to be confirmed."""
        try:
            async with asyncio.timeout(SETTLE_S):
                await self._at_rest.wait()
        except TimeoutError:
            pass  # its row then says that it was cancelled; the telephony side has its own

    async def send_dtmf(self, request: ToolRequest, arguments: object) -> Output:
        wish = _SendDtmf.model_validate(arguments)
        if reason := self._menus.press(wish.digits):
            return refused(reason)
        within_s = DTMF_BASE_S + DTMF_PER_DIGIT_S * len(wish.digits)
        return await self._requests.ask("send_dtmf", within_s, "the keys", digits=wish.digits)

    async def transfer_call(self, request: ToolRequest, arguments: object) -> Output:
        """Once our words are out, the callee waits for the person, or leaves us for the person's line."""
        wish, targets = _TransferCall.model_validate(arguments), self._ground.limits.transfer_targets
        if wish.to not in targets:
            return mistake(f"Nobody can be put through to {wish.to!r}; there are: {', '.join(targets) or 'none'}.")
        if self._transferring:
            return refused("Another transfer is under way.")
        if wish.to in self._declined:
            return refused(f"{wish.to} has declined this call; offer something else.")
        if wish.mode == "warm" and self._fetches >= MAX_FETCHES:
            return refused("Nobody could be reached several times; offer something else.")
        self._transferring = True
        try:
            return await self._transfer(wish)
        finally:
            self._transferring = False
            self._at_rest.set()

    # -- inside

    async def _transfer(self, wish: _TransferCall) -> Output:
        try:
            async with asyncio.timeout(WORDS_S):
                await self._words_played()
        except TimeoutError:
            pass  # the callee has waited long enough
        if self._taken_over():
            return refused(TAKEN_OVER_DETAIL)
        if wish.mode == "warm":
            self._fetches += 1
            output = await self._warm.run(wish.to, wish.briefing)
            if output["status"] == "declined":
                self._declined.add(wish.to)
        else:
            self._at_rest.clear()
            output = await self._requests.ask("transfer", TRANSFER_S, "the transfer", target=wish.to)
        self.transferred = output["status"] == "transferred"
        return output
