"""Tools that the telephony side carries out: `send_dtmf` and `transfer_call`.

Both ask over the call's channel and wait for the confirmation with the request's id. The target of a transfer is a name
of a closed list; its number is known to the telephony side alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final

from pydantic import Field

from opendeep.audio_processing_service.menu_loop import MenuLoop
from opendeep.audio_processing_service.tool_ground import (
    TAKEN_OVER_DETAIL,
    Arguments,
    Output,
    ToolGround,
    ToolRequest,
    failed,
    mistake,
    refused,
)
from opendeep.common.channels import call_commands
from opendeep.common.ids import new_id

DTMF_BASE_S: Final = 8.0
DTMF_PER_DIGIT_S: Final = 0.6
WORDS_S: Final = 15.0  # of ours that are still to be played before the callee leaves us
TRANSFER_S: Final = 12.0
SETTLE_S: Final = 2.0  # our line is closed by the transfer itself: the confirmation may come after that


class _SendDtmf(Arguments):
    digits: Annotated[str, Field(pattern=r"^[0-9*#]{1,32}$")]


class _TransferCall(Arguments):
    to: Annotated[str, Field(min_length=1, max_length=60)]


class SwitchTools:
    """One per call. `words_played` returns when what we have to say was heard; `taken_over`: a human speaks for us."""

    def __init__(
        self, ground: ToolGround, words_played: Callable[[], Awaitable[None]], taken_over: Callable[[], bool]
    ) -> None:
        self._ground = ground
        self._words_played = words_played
        self._taken_over = taken_over
        self._channel = call_commands(ground.brief.call.id)
        self._waiting: dict[str, asyncio.Future[Output]] = {}
        self._menus = MenuLoop()
        self._transferring = False
        self._at_rest = asyncio.Event()  # set while nobody waits for the confirmation of a transfer
        self._at_rest.set()
        self.transferred = False

    def hear(self, words: str) -> None:
        """What the other side said, perhaps a menu."""
        self._menus.hear(words)

    def receive(self, data: Mapping[str, Any]) -> None:
        """A message of the call's channel that may confirm something."""
        detail = str(data.get("detail") or "not done")[:300]
        match data.get("type"):
            case "dtmf_sent":
                self._settle(data, {"status": "sent"})
            case "transferred":
                self._settle(data, {"status": "transferred"})
            case "dtmf_failed" | "transfer_failed":
                self._settle(data, failed(detail))

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
        return await self._ask("send_dtmf", within_s, "the keys", digits=wish.digits)

    async def transfer_call(self, request: ToolRequest, arguments: object) -> Output:
        """Cold: once our words are out, the callee's channel leaves us for the person's line."""
        wish, targets = _TransferCall.model_validate(arguments), self._ground.limits.transfer_targets
        if wish.to not in targets:
            return mistake(f"Nobody can be put through to {wish.to!r}; there are: {', '.join(targets) or 'none'}.")
        if self._transferring:
            return refused("Another transfer is under way.")
        self._transferring = True
        try:
            try:
                async with asyncio.timeout(WORDS_S):
                    await self._words_played()
            except TimeoutError:
                pass  # the callee has waited long enough
            if self._taken_over():
                return refused(TAKEN_OVER_DETAIL)
            self._at_rest.clear()
            output = await self._ask("transfer", TRANSFER_S, "the transfer", target=wish.to)
            self.transferred = output["status"] == "transferred"
            return output
        finally:
            self._transferring = False
            self._at_rest.set()

    # -- inside

    async def _ask(self, kind: str, within_s: float, what: str, **data: Any) -> Output:
        request_id = str(new_id())
        done: asyncio.Future[Output] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = done
        try:
            async with asyncio.timeout(within_s):
                await self._ground.bell.ring(self._channel, {"type": kind, "request_id": request_id, **data})
                return await done
        except TimeoutError:
            return failed(f"The telephone switch did not confirm {what} in time.")
        finally:
            del self._waiting[request_id]

    def _settle(self, data: Mapping[str, Any], output: Output) -> None:
        waiting = self._waiting.get(str(data.get("request_id")))
        if waiting is not None and not waiting.done():
            waiting.set_result(output)
