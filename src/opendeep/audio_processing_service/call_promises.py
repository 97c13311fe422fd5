"""Tools that keep what the callee said: no more calls, another time, answers to the plan's questions.

Each writes a fact (`call_facts`) on which the analyser and the gate before dialling rely. The times are a parser's, the
values are checked against the plan; what cannot be taken is answered with what can.
"""

import asyncio
from typing import Annotated, Final

import structlog
from pydantic import Field

from opendeep.audio_processing_service.tool_ground import (
    MAX_WORDS_CHARS,
    Arguments,
    Output,
    ToolGround,
    ToolRequest,
    mistake,
)
from opendeep.common.answers import allowed_values, normal_value
from opendeep.common.call_facts import CALLBACK_PROMISED, DO_NOT_CALL, RESULT_RECORDED
from opendeep.common.callback_times import LATEST, callback_time, local_words
from opendeep.common.campaign_plan import TaskBrief
from opendeep.common.data_models import DNDEntryBase, DndScope
from opendeep.common.errors import DatabaseUnavailable
from opendeep.config.prompt_config import callee_zone
from opendeep.database.db_manager import Transaction

log = structlog.get_logger(__name__)

LIST_DEADLINE_S: Final = 3.0  # a database that is away later takes the refusal from the call's rows

UNCLEAR: Final = (
    f"No time within the next {LATEST.days} days was understood. Ask them for a day and a time of the day, then call "
    "this again with their answer."
)

Words = Annotated[str, Field(min_length=1, max_length=MAX_WORDS_CHARS)]


class _MarkDoNotCall(Arguments):
    words: Words


class _ScheduleCallback(Arguments):
    words: Words


class _RecordResult(Arguments):
    key: Annotated[str, Field(min_length=1, max_length=60)]
    value: str | bool | int | float
    words: Annotated[str, Field(max_length=MAX_WORDS_CHARS)] | None = None


class CallPromises:
    """One per call."""

    def __init__(self, ground: ToolGround) -> None:
        self._ground = ground
        self._questions = {
            question.key: question for question in TaskBrief.model_validate(ground.brief.task.brief).questions
        }
        self._refusal: DNDEntryBase | None = None
        self._promised = ""  # what was understood last
        self._recorded: dict[str, str] = {}

    async def mark_do_not_call(self, request: ToolRequest, arguments: object) -> Output:
        """On the list before the model hears of it: a call to this number that is queued now will not be made."""
        wish = _MarkDoNotCall.model_validate(arguments)
        if self._refusal is None:
            self._refusal = self._entry(wish.words)
            turn = self._ground.callee_turn()
            detail = f"{self._ground.brief.task.contact_name} wants no more calls: “{wish.words}”"
            self._ground.records.note(DO_NOT_CALL, detail, words=wish.words, turn=turn)
        try:
            async with asyncio.timeout(LIST_DEADLINE_S), self._ground.db.transaction() as work:
                await self._list_number(work, self._refusal)
        except (DatabaseUnavailable, TimeoutError) as error:
            entry = self._refusal
            self._ground.records.keep(lambda work: self._list_number(work, entry))
            log.warning("tool.refusal_delayed", error=str(error))
        return {
            "status": "ok",
            "detail": "They are on the do-not-call list. Tell them so, say goodbye and call end_call with opt_out.",
        }

    async def schedule_callback(self, request: ToolRequest, arguments: object) -> Output:
        """The callee's words become a moment in the callee's zone; the model only repeats it."""
        wish = _ScheduleCallback.model_validate(arguments)
        zone = callee_zone(self._ground.brief)
        at = callback_time(wish.words, self._ground.clock.now(), zone)
        if at is None:
            return {"status": "unclear", "detail": UNCLEAR}
        local = local_words(at, zone)
        if local != self._promised:
            self._promised = local
            name, turn = self._ground.brief.task.contact_name, self._ground.callee_turn()
            detail = f"{name} asked to be called again on {local} ({zone.key})."
            self._ground.records.note(
                CALLBACK_PROMISED, detail, at=at.isoformat(), words=wish.words, zone=zone.key, turn=turn
            )
        return {
            "status": "ok",
            "local_time": local,
            "detail": "Repeat this time to them. If they correct it, call this again with their new words.",
        }

    async def record_result(self, request: ToolRequest, arguments: object) -> Output:
        """One answer to one question of the plan, in the type that it asks for."""
        wish = _RecordResult.model_validate(arguments)
        question = self._questions.get(wish.key)
        if question is None:
            known = ", ".join(self._questions) or "none in this call"
            return mistake(f"There is no question {wish.key!r}; there are: {known}.")
        value = normal_value(question, _as_text(wish.value))
        if value is None:
            return mistake(f"{wish.key} takes {allowed_values(question)}. Ask them again if you are not sure.")
        if self._recorded.get(wish.key) != value:
            self._recorded[wish.key] = value
            turn = self._ground.callee_turn()
            detail = f"Recorded {wish.key}: {value}."
            self._ground.records.note(RESULT_RECORDED, detail, key=wish.key, value=value, words=wish.words, turn=turn)
        missing = [key for key, one in self._questions.items() if one.required and key not in self._recorded]
        return {"status": "ok", "key": wish.key, "value": value, "still_open": missing}

    # -- inside

    def _entry(self, words: str) -> DNDEntryBase:
        task, call = self._ground.brief.task, self._ground.brief.call
        return DNDEntryBase(
            phone_number=task.phone_number,
            scope=DndScope.USER,
            reason=f"{task.contact_name} asked for no more calls: “{words}”",
            source="call",
            user_id=call.user_id,
            call_id=call.id,
        )

    async def _list_number(self, work: Transaction, entry: DNDEntryBase) -> None:
        await work.dnd.refuse_calls(entry, self._ground.limits.global_dnd_threshold)


def _as_text(value: str | bool | float) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
