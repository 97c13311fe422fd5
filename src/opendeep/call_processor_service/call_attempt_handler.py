"""`CallAttemptHandler`: one attempt from the originate to the committed end, in one named asyncio task.

Owns the order of things and every deadline of a call. What events mean is `attempt_events`, what follows from them is
`attempt_states`, rows are `attempt_records`, keys and transfers are `live_commands`. It speaks with the voice side only
through the call's channel on the doorbell, and never repeats an originate.
"""

import asyncio
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import structlog

from opendeep.call_processor_service import ami_action
from opendeep.call_processor_service.ami_action import DialRequest
from opendeep.call_processor_service.ami_packets import AmiEvent
from opendeep.call_processor_service.asterisk_ami_client import AmiNotConnected, AsteriskAmiClient
from opendeep.call_processor_service.attempt_events import read_channel_state, read_event
from opendeep.call_processor_service.attempt_facts import (
    Dialled,
    Evidence,
    Fact,
    GoneFromSwitch,
    HangupSent,
    MediaEnded,
    MediaStarted,
    OriginateRefused,
    TimedOut,
    Transferred,
    Wait,
    fold,
)
from opendeep.call_processor_service.attempt_limits import AttemptLimits
from opendeep.call_processor_service.attempt_records import AttemptRecorder, Ending
from opendeep.call_processor_service.attempt_states import Verdict, judge, reported_cause, reported_sip_code, unheard
from opendeep.call_processor_service.deadlines import Deadlines
from opendeep.call_processor_service.live_commands import LiveCommands, word
from opendeep.call_processor_service.second_leg import NOBODY, Switchroom, TransferRoutes
from opendeep.call_processor_service.switch_view import SwitchView
from opendeep.common.channels import call_commands, node_calls
from opendeep.common.clock import Clock
from opendeep.common.data_models import Call, CallStatus
from opendeep.common.errors import TelephonyFault, TelephonyMisuse
from opendeep.common.redis_client import Doorbell, Message, Subscription
from opendeep.database.db_manager import DatabaseManager

log = structlog.get_logger(__name__)

WAKE = Message("", {"type": "wake"})


class _Due(StrEnum):
    CHANNEL = "channel"
    RING = "ring"
    TALK = "talk"
    SETTLE = "settle"
    HANGUP = "hangup"
    RECHECK = "recheck"


class CallAttemptHandler:
    """Build one per committed `calls` row, then await `run()` once.

    `max_talk_s` counts from the answer. `may_dial` is asked right before the originate: a process that stood still
    since the row was committed may no longer be the one that dials.
    """

    def __init__(
        self,
        call: Call,
        dial: DialRequest,
        max_talk_s: float,
        *,
        ami: AsteriskAmiClient,
        switch: SwitchView,
        db: DatabaseManager,
        bell: Doorbell,
        clock: Clock,
        may_dial: Callable[[], bool] = lambda: True,
        limits: AttemptLimits | None = None,
        transfers: TransferRoutes | None = None,
    ) -> None:
        self.call = call
        self.evidence = Evidence()
        self._identity = str(call.id)
        self._channel = call_commands(call.id)
        self._dial = dial
        self._max_talk_s = max_talk_s
        self._ami = ami
        self._switch = switch
        self._bell = bell
        self._clock = clock
        self._may_dial = may_dial
        self._limits = limits or AttemptLimits()
        self._recorder = AttemptRecorder(db, call, clock)
        self._commands = LiveCommands(
            Switchroom(ami, switch, clock),
            call,
            dial,
            note=self._recorder.note,
            tell=self._tell,
            routes=transfers or NOBODY,
            moved=self._learn_of_transfer,
        )
        self._deadlines = Deadlines()
        self._inbox: Subscription = bell.listen(self._channel)
        self._status = CallStatus.INITIATED
        self._sent = False
        self._seen_on_switch = False
        self._hangup_tries = 0
        self._stays_on_switch = False
        self._ending_since: float | None = None

    # -- public

    async def run(self) -> Verdict:
        """Place the call, follow it to its end and commit that. Failures of any kind still close the call."""
        context = {"user_id": self.call.user_id, "campaign_id": self.call.campaign_id, "task_id": self.call.task_id}
        with structlog.contextvars.bound_contextvars(
            call_id=self._identity, **{key: str(value) for key, value in context.items()}
        ):
            return await self._run()

    def hang_up(self, reason: str) -> None:
        """End the call soon; for whoever owns this handler. Others ring `hangup` on the call's channel."""
        self._inbox.put(Message(self._channel, {"type": "hangup", "reason": reason}))

    # -- the life of the attempt

    async def _run(self) -> Verdict:
        records = asyncio.create_task(self._recorder.run(), name=f"call:{self._identity}:records")
        commands = asyncio.create_task(self._commands.run(), name=f"call:{self._identity}:live-commands")
        try:
            await self._follow()
        except asyncio.CancelledError:
            self._learn(HangupSent("shutdown"))
            await self._give_up_line()
            await self._close(records, within_s=self._limits.cancel_s)
            raise
        except Exception:  # boundary: one attempt; the line and the rows are closed before it goes up
            self._learn(HangupSent("internal error"))
            await self._give_up_line()
            await self._close(records)
            raise
        else:
            return await self._close(records)
        finally:
            await _end(commands)
            await _end(records)

    async def _follow(self) -> None:
        """Until the verdict is final and the voice side has had its time to finish."""
        async with self._inbox:
            removals = (
                self._ami.add_channel_listener(self._identity, self._receive_event),
                self._ami.on_reconnected(self._receive_gap),
                self._ami.on_events_lost(self._receive_gap),
                self._ami.on_disconnected(self._receive_disconnect),
            )
            try:
                await self._originate()
                while not (await self._announce()).final:
                    message = await self._inbox.next(timeout=self._deadlines.seconds_left(self._clock.monotonic()))
                    if message is not None:
                        await self._obey(message.data)
                    await self._act_on_deadlines()
                await self._tell("ended", status=self._status.value)
                await self._await_end_of_media()
            finally:
                _call_each(removals)

    async def _originate(self) -> None:
        """Send the one originate of this attempt. An unknown result is settled by events or by asking the switch."""
        await self._bell.ring(node_calls(self.call.node_id), {"type": "expect", "call_id": self._identity})
        self._recorder.note("call.dialling", "Dialling.")
        if not self._may_dial():
            self._learn(OriginateRefused("the database has not answered for a while"))
            return
        self._arm(_Due.RING, self._dial.timeout_ms / 1000 + self._limits.ring_grace_s)
        self._sent = True
        try:
            response = await self._ami.send_action(ami_action.originate(self._dial), self._limits.response_s)
        except (AmiNotConnected, TelephonyMisuse) as error:
            self._sent = False
            self._learn(OriginateRefused(str(error)))
            return
        except TelephonyFault as error:
            log.warning("call.originate_unconfirmed", error=str(error))
            self._recorder.note("call.originate_unconfirmed", "Asterisk did not confirm the call; looking what it did.")
        else:
            self._learn(Dialled() if response.ok else OriginateRefused(response.message))
        self._arm(_Due.CHANNEL, self._limits.channel_s)

    async def _announce(self) -> Verdict:
        """Tell rows and voice side what is new, and arm the deadlines that follow from it."""
        verdict = judge(self.evidence)
        if verdict.status != self._status:
            log.info("call.attempt", old=self._status.value, new=verdict.status.value, reason=verdict.sentence)
            self._status = verdict.status
            await self._announce_live_status(verdict)
        if self.evidence.answered:
            self._deadlines.disarm(_Due.RING, _Due.CHANNEL)
            if Wait.TALK not in self.evidence.timed_out:
                self._arm_once(_Due.TALK, self._max_talk_s + self._limits.talk_grace_s)
        if verdict.ended and not verdict.final:
            self._arm_once(_Due.SETTLE, self._limits.settle_s)
        elif self.evidence.media_ended and self._ending_since is None and not self._commands.leaving:
            self._expect_end()
        return verdict

    async def _announce_live_status(self, verdict: Verdict) -> None:
        if verdict.ended:
            return
        self._recorder.reach(verdict.status)
        if verdict.status == CallStatus.RINGING:
            await self._tell("ringing")
            self._recorder.note("call.ringing", "The phone is ringing.")
        elif verdict.status == CallStatus.IN_PROGRESS:
            await self._tell("answered")
            self._recorder.note("call.answered", "The call was answered.")

    async def _await_end_of_media(self) -> None:
        """The voice side saves its last words before the analyser may read them; bounded."""
        until = self._clock.monotonic() + self._limits.media_end_s
        while self.evidence.media_started and not self.evidence.media_ended:
            left = until - self._clock.monotonic()
            message = await self._inbox.next(timeout=left) if left > 0 else None
            if message is None:
                log.warning("call.media_end_missing")
                return
            self._learn_from_media(message.data)

    async def _close(self, records: asyncio.Task[None], within_s: float | None = None) -> Verdict:
        """Commit the end, however long the database takes; a cancellation meanwhile leaves it `cancel_s` more."""
        verdict = judge(self.evidence)
        if not verdict.ended:
            self._learn(TimedOut(Wait.CLOSE))
            verdict = judge(self.evidence)
            await self._tell("ended", status=verdict.status.value)
        if self._stays_on_switch:  # its task must not be dialled a second time
            return verdict
        words = verdict.status, verdict.disposition, verdict.sentence
        codes = reported_cause(self.evidence), reported_sip_code(self.evidence)
        self._recorder.finish(Ending(*words, *codes, counts=self._sent, unheard=unheard(self.evidence)))
        try:
            async with asyncio.timeout(within_s):
                await asyncio.shield(records)
        except TimeoutError:
            log.error("call.end_not_recorded", effect="reconciliation closes the call")
        except asyncio.CancelledError:
            await asyncio.wait({records}, timeout=self._limits.cancel_s)
            raise
        return verdict

    # -- what arrives

    def _receive_event(self, event: AmiEvent) -> None:
        self._seen_on_switch = True
        self._commands.receive(event)
        if (fact := read_event(event, self._identity)) is not None:
            self._learn(fact)

    def _receive_disconnect(self) -> None:
        self._recorder.note("call.switch_away", "The connection to Asterisk was lost; the call itself goes on.")

    def _receive_gap(self) -> None:
        """Whatever was missed meanwhile, the list of channels knows. A fresh originate has its own deadline."""
        if self._seen_on_switch:
            self._arm(_Due.RECHECK, 0.0)
            self._inbox.put(WAKE)

    async def _obey(self, data: Mapping[str, Any]) -> None:
        if data.get("type") == "hangup":
            await self._hang_up(word(data.get("reason")) or "asked to")
        elif not await self._commands.obey(data):
            self._learn_from_media(data)

    def _learn_of_transfer(self) -> None:
        """The callee has left us for a person, or could not: then an end of the audio is the end after all."""
        if (target := self._commands.transferred_to) is not None:
            self._learn(Transferred(target))
            self._arm(_Due.TALK, self._limits.transferred_s)
        self._inbox.put(WAKE)

    def _learn_from_media(self, data: Mapping[str, Any]) -> None:
        match data.get("type"):
            case "media_started":
                self._learn(MediaStarted())
            case "media_ended":
                self._learn(MediaEnded(word(data.get("reason"))))

    def _learn(self, fact: Fact) -> None:
        known, self.evidence = self.evidence, fold(self.evidence, fact)
        if self.evidence != known:
            self._inbox.put(WAKE)

    # -- deadlines

    async def _act_on_deadlines(self) -> None:
        for due in self._deadlines.take_due(self._clock.monotonic()):
            match _Due(due):
                case _Due.CHANNEL:
                    if not self._seen_on_switch:
                        await self._compare_with_switch(_Due.CHANNEL)
                case _Due.RECHECK:
                    await self._compare_with_switch(_Due.RECHECK)
                case _Due.RING:
                    self._learn(TimedOut(Wait.RING))
                    await self._hang_up("no answer")
                case _Due.TALK:
                    self._learn(TimedOut(Wait.TALK))
                    await self._hang_up("longest duration")
                case _Due.SETTLE:
                    self._learn(TimedOut(Wait.SETTLE))
                    if not self.evidence.hung_up:
                        await self._give_up_line()
                case _Due.HANGUP:
                    await self._press_for_end()

    async def _compare_with_switch(self, again: _Due) -> None:
        """Learn from the list of channels what events may have failed to tell."""
        try:
            channel = await self._switch.channel_of(self.call.id)
        except TelephonyFault as error:
            log.warning("call.switch_not_asked", error=str(error))
            self._arm(again, self._limits.recheck_s)
            return
        self._seen_on_switch = self._seen_on_switch or channel is not None
        self._learn(GoneFromSwitch() if channel is None else read_channel_state(channel))

    async def _hang_up(self, reason: str) -> None:
        self._learn(HangupSent(reason))
        self._recorder.note("call.hangup_requested", "We are ending the call.", reason=reason)
        await self._give_up_line()
        self._expect_end()

    async def _give_up_line(self) -> None:
        """Send one Hangup; a switch that is away is asked again later, by us or by reconciliation.

        Meanwhile the voice side closes its end: Asterisk hangs up a channel whose AudioSocket has closed.
        """
        try:
            await self._switch.hang_up(self._identity)
        except TelephonyFault as error:
            log.warning("call.hangup_not_sent", error=str(error))
            await self._tell("ended", status=self._status.value)

    def _expect_end(self) -> None:
        if self._ending_since is None:
            self._ending_since = self._clock.monotonic()
        self._arm(_Due.HANGUP, self._limits.hangup_s)

    async def _press_for_end(self) -> None:
        """The end is due but was not told: ask the switch, hang up again, and at last close the call without it."""
        since = self._ending_since if self._ending_since is not None else self._clock.monotonic()
        try:
            channel = await self._switch.channel_of(self.call.id)
        except TelephonyFault:
            if self._clock.monotonic() - since >= self._limits.ami_away_s:
                self._learn(TimedOut(Wait.CLOSE))
            else:
                self._arm(_Due.HANGUP, self._limits.recheck_s)
            return
        if channel is None:
            self._learn(GoneFromSwitch())
        elif self._hangup_tries >= self._limits.hangup_tries:
            log.error("call.hangup_ignored", effect="its row stays live until reconciliation sees the channel gone")
            self._stays_on_switch = True
            self._learn(TimedOut(Wait.CLOSE))
        else:
            self._hangup_tries += 1
            if not self.evidence.hangups:  # the audio has ended, the channel has not
                self._learn(HangupSent(next(iter(self.evidence.media_ends), "") or "end of the audio"))
            await self._give_up_line()
            self._arm(_Due.HANGUP, self._limits.hangup_s)

    # -- small things

    async def _tell(self, kind: str, **data: Any) -> None:
        await self._bell.ring(self._channel, {"type": kind, **data})

    def _arm(self, due: _Due, seconds: float) -> None:
        self._deadlines.arm(due, self._clock.monotonic(), seconds)

    def _arm_once(self, due: _Due, seconds: float) -> None:
        self._deadlines.arm_once(due, self._clock.monotonic(), seconds)


def _call_each(removals: tuple[Callable[[], None], ...]) -> None:
    for remove in removals:
        remove()


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel a task of ours and wait for it; a failure is logged, its owner goes on."""
    task.cancel()
    (result,) = await asyncio.gather(task, return_exceptions=True)
    if isinstance(result, Exception):
        log.error("call.part_failed", part=task.get_name(), exc_info=result)
