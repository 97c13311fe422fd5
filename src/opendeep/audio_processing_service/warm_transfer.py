"""A person is fetched for the callee: dialled on a second line, told who is calling, and joined if they want the call.

Owns the order of it and its deadlines, from the callee's waiting to their leaving or being spoken to again. The lines
themselves are the telephony side's, what is heard on them `waiting_room` and `briefing_line`, the words the prompts'.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from opendeep.audio_processing_service.aside_speech import AsideSpeech
from opendeep.audio_processing_service.briefing_line import BriefingLine, Decision, SecondLines
from opendeep.audio_processing_service.switch_requests import SwitchRequests, confirmed
from opendeep.audio_processing_service.ticker import Ticker
from opendeep.audio_processing_service.tool_ground import TAKEN_OVER_DETAIL, Output, ToolGround, failed, refused
from opendeep.audio_processing_service.voice_format import VoiceFormat
from opendeep.audio_processing_service.waiting_room import WaitingRoom
from opendeep.common.errors import ProviderFault
from opendeep.config.prompt_transfer import AFTER_FETCHING, briefing_instructions

SPEAK_S: Final = 15.0  # of the voice AI, for the whole briefing
REACH_S: Final = 110.0  # ringing, briefing and deciding; the callee waits no longer
JOIN_S: Final = 10.0
DROP_S: Final = 4.0

WHY_NOT: Final = {
    Decision.HUNG_UP: "they picked up and hung up again.",
    Decision.SILENT: "they picked up and did not take the call.",
    Decision.CALLED_OFF: "nobody took the call in time.",
}


@dataclass(frozen=True, slots=True)
class FetchPorts:
    """What fetching needs of the call and of the process."""

    room: WaitingRoom
    aside: AsideSpeech
    lines: SecondLines
    ticker: Ticker
    voice: VoiceFormat


class WarmTransfer:
    """One per call, for one person at a time. `leaving` is called when our line may end by the transfer itself."""

    def __init__(
        self,
        ground: ToolGround,
        ports: FetchPorts,
        requests: SwitchRequests,
        taken_over: Callable[[], bool],
        leaving: Callable[[], None],
    ) -> None:
        self._ground = ground
        self._ports = ports
        self._requests = requests
        self._taken_over = taken_over
        self._leaving = leaving
        self._line: BriefingLine | None = None

    def check(self) -> None:
        """Every 100 ms: whoever has taken the call over talks with the callee, and nobody is fetched any more."""
        if self._line is not None and self._taken_over():
            self._line.decide(Decision.CALLED_OFF)

    async def run(self, to: str, words: str) -> Output:
        """Fetch `to`, who is told the model's `words` too; transferred, or why not and what to do."""
        output = failed("It was broken off.")
        self._ports.room.enter()
        try:
            output = await self._fetch(to, words)
        finally:
            self._line = None
            if output["status"] != "transferred":
                self._ports.room.leave(speaks_again=not self._taken_over())
        return output

    # -- inside

    async def _fetch(self, to: str, words: str) -> Output:
        try:
            sound = await self._ports.aside.speak(briefing_instructions(self._ground.brief, words), SPEAK_S)
        except ProviderFault as error:
            return failed(f"{to} could not be told who is calling: {error} {AFTER_FETCHING}")
        if self._taken_over():
            return refused(TAKEN_OVER_DETAIL)
        self._line = line = BriefingLine(self._ports.ticker, sound, self._ports.voice)
        with self._ports.lines.expected(line) as sound_id, self._requests.asked() as (request_id, done):
            await self._requests.ring("transfer", request_id, target=to, sound=str(sound_id))
            either: set[asyncio.Future[Any]] = {done, line.decision}
            await asyncio.wait(either, timeout=REACH_S, return_when=asyncio.FIRST_COMPLETED)
            if done.done():
                return failed(f"{to} was not reached: {done.result().get('detail')} {AFTER_FETCHING}")
            line.decide(Decision.CALLED_OFF)  # nobody has decided in time
            return await self._conclude(to, line.decision.result(), request_id, done)

    async def _conclude(self, to: str, decision: Decision, request_id: str, done: asyncio.Future[Output]) -> Output:
        if decision is Decision.ACCEPTED and not self._taken_over():
            self._leaving()
            await self._requests.ring("transfer_decided", request_id)
            output = await confirmed(done, JOIN_S, "the transfer")
            if output["status"] == "transferred":
                return output
            return failed(f"{to} could not be joined: {output.get('detail')} {AFTER_FETCHING}")
        await self._requests.ring("transfer_decided", request_id, why_not=f"The call was not taken ({decision.value}).")
        await confirmed(done, DROP_S, "the end of the second line")
        if self._taken_over():
            return refused(TAKEN_OVER_DETAIL)
        if decision is Decision.DECLINED:
            return {"status": "declined", "detail": f"{to} does not take the call now. {AFTER_FETCHING}"}
        return failed(f"{to} was not reached: {WHY_NOT.get(decision, WHY_NOT[Decision.CALLED_OFF])} {AFTER_FETCHING}")
