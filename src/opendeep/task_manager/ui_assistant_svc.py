"""`UIAssistantService`: the chat in which a wish becomes a plan that can be confirmed.

Owns the conversation's rows, the replay of it to the model, the plan's normalisation and its gate `_is_plan_valid`.
Tools are in `tools/`, the wire in `llm_integrations/`, prompts in `config/prompt_minds.py`.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
import structlog
from pydantic import BaseModel

from opendeep.common.campaign_plan import AssistantTurn, CampaignPlan, Voicemail
from opendeep.common.clock import Clock
from opendeep.common.data_models import User
from opendeep.common.disclosure import says_ai
from opendeep.common.errors import Conflict, InvalidPhoneNumber, ProviderFault, UserMistake
from opendeep.common.phone import parse_number
from opendeep.config.prompt_minds import assistant_system, data_block, user_turn
from opendeep.database.db_manager import DatabaseManager
from opendeep.database.store_people import ChatMessage, StoredPlan
from opendeep.llm_integrations.openai_form_client import LoopResult, Message, Toolbox, ToolStep
from opendeep.task_manager import plan_contacts
from opendeep.task_manager.plan_contacts import TOLD, PlanShown, for_model, save_keeping
from opendeep.task_manager.plan_guards import KnownNumbers, texts_of, with_proven_source
from opendeep.task_manager.plan_scripts import with_script

log = structlog.get_logger(__name__)

SCHEMA_NAME: Final = "assistant_turn"
MAX_MESSAGE_LENGTH: Final = 8_000
MAX_ANSWERS: Final = 50
MAX_ANSWER_LENGTH: Final = 2_000
MAX_REPLAYED: Final = 60  # messages of the chat that the model sees; the first one always stays
MAX_REPLAYED_LOOKUPS: Final = 100_000  # characters of look-up results that the model sees again, the newest first
MAX_ROUNDS: Final = 6
DEADLINE_S: Final = 120.0

Answer = TypeVar("Answer", bound=BaseModel)


class ToolLoop(Protocol):
    """What the assistant needs of `OpenAIFormClient`."""

    async def tool_loop(
        self,
        system: str,
        messages: Sequence[Message],
        tools: Toolbox,
        response_model: type[Answer],
        name: str,
        *,
        max_rounds: int,
        deadline_s: float,
    ) -> LoopResult[Answer]: ...


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What the page shows for one round. `plan` only when this round proposed one; `problems` are sentences."""

    chat_id: UUID
    message: str
    form: dict[str, Any] | None = None
    plan: dict[str, Any] | None = None
    plan_id: UUID | None = None
    plan_valid: bool = False
    problems: list[str] = field(default_factory=list)
    tool_steps: list[dict[str, Any]] = field(default_factory=list)
    contacts: int = 0  # of the plan, which comes with the first ones only


@dataclass(frozen=True, slots=True)
class AssistantSettings:
    """`allowed_countries` None leaves them to the compliance gate."""

    region: str
    extensions: tuple[str, ...]
    default_timezone: str
    allowed_countries: tuple[str, ...] | None = None


class UIAssistantService:
    """One for all tenants; one round at a time per chat."""

    def __init__(
        self, db: DatabaseManager, llm: ToolLoop, retriever: Toolbox, settings: AssistantSettings, clock: Clock
    ) -> None:
        self._db = db
        self._llm = llm
        self._retriever = retriever
        self._settings = settings
        self._clock = clock
        self._busy: set[UUID] = set()

    async def chat(
        self,
        user_id: UUID,
        chat_id: UUID | None,
        message: str,
        form_answers: Mapping[str, Any] | None = None,
    ) -> ChatReply:
        """One round: the user's words in, the assistant's out; both are kept, whatever the provider does.

        Raises `UserMistake` for an empty or too long message, `NotFound` for another user's chat, `Conflict` while the
        chat's last message is still being answered.
        """
        text, answers = _checked(message, form_answers)
        chat_id = await self._open(user_id, chat_id)
        async with self._one_at_a_time(chat_id):
            async with self._db.transaction() as work:
                user = await work.users.get(user_id)
                payload = {"form_answers": answers} if answers else {}
                await work.chats.add_message(user_id, chat_id, "user", text, payload)
                messages = await work.chats.messages(user_id, chat_id)
                latest = await work.plans.latest(user_id, chat_id, TOLD)
            try:
                result = await self._think(user, replay(messages, latest))
            except ProviderFault as fault:
                log.warning("assistant.provider_failed", user_id=str(user_id), chat_id=str(chat_id), error=str(fault))
                return await self._apologise(user_id, chat_id, fault)
            return await self._keep(user, chat_id, result, _known_numbers(user, messages, result.steps), latest)

    async def history(self, user_id: UUID, chat_id: UUID) -> list[dict[str, Any]]:
        """The chat for the page, oldest first. Raises `NotFound` for another user's chat."""
        async with self._db.read() as work:
            await work.chats.require(user_id, chat_id)
            messages = await work.chats.messages(user_id, chat_id)
            shown = []
            for message in messages:
                view = {
                    "role": message.role,
                    "content": message.content,
                    "at": message.created_at.isoformat(),
                    **message.payload,
                }
                if plan_id := message.payload.get("plan_id"):
                    seen = await plan_contacts.shown(work, self._settings, user_id, UUID(plan_id))
                    view |= {"plan": seen.plan, "plan_valid": self._is_plan_valid(seen)}
                    view |= {"problems": seen.problems, "contacts": seen.contacts}
                shown.append(view)
        return shown

    # -- one round

    async def _open(self, user_id: UUID, chat_id: UUID | None) -> UUID:
        if chat_id is None:
            async with self._db.transaction() as work:
                await work.users.get(user_id)
                return await work.chats.create(user_id)
        async with self._db.read() as reading:
            await reading.chats.require(user_id, chat_id)
        return chat_id

    @asynccontextmanager
    async def _one_at_a_time(self, chat_id: UUID) -> AsyncIterator[None]:
        if chat_id in self._busy:
            raise Conflict("I am still answering your last message.")
        self._busy.add(chat_id)
        try:
            yield
        finally:
            self._busy.discard(chat_id)

    async def _think(self, user: User, conversation: list[Message]) -> LoopResult[AssistantTurn]:
        zone = ZoneInfo(str(user.profile.get("time_zone") or self._settings.default_timezone))
        profile = {"name": user.name, **user.profile}
        system = assistant_system(profile, self._clock.now().astimezone(zone), self._settings.region)
        return await self._llm.tool_loop(
            system,
            conversation,
            self._retriever,
            AssistantTurn,
            SCHEMA_NAME,
            max_rounds=MAX_ROUNDS,
            deadline_s=DEADLINE_S,
        )

    async def _keep(
        self,
        user: User,
        chat_id: UUID,
        result: LoopResult[AssistantTurn],
        known: KnownNumbers,
        latest: StoredPlan | None,
    ) -> ChatReply:
        turn = result.answer
        plan = self._normalised(user, turn.campaign_plan, known) if turn.campaign_plan else None
        plan = with_script(plan, latest) if plan else None
        form = turn.form.model_dump(mode="json") if turn.form else None
        steps = [asdict(step) for step in result.steps]
        seen = None
        async with self._db.transaction() as work:
            plan_id = await save_keeping(work, user.id, plan, latest, chat_id) if plan else None
            if plan_id:
                seen = await plan_contacts.shown(work, self._settings, user.id, plan_id)
            payload = {"form": form, "plan_id": str(plan_id) if plan_id else None, "tool_steps": steps}
            kept = {key: value for key, value in payload.items() if value}
            await work.chats.add_message(user.id, chat_id, "assistant", turn.message, kept)
        return ChatReply(
            chat_id=chat_id,
            message=turn.message,
            form=form,
            plan=seen.plan if seen else None,
            plan_id=plan_id,
            plan_valid=seen is not None and self._is_plan_valid(seen),
            problems=seen.problems if seen else [],
            tool_steps=steps,
            contacts=seen.contacts if seen else 0,
        )

    async def _apologise(self, user_id: UUID, chat_id: UUID, fault: ProviderFault) -> ChatReply:
        advice = "Your message is kept; send another one to try again."
        message = f"I cannot answer right now. {fault} {advice}"
        async with self._db.transaction() as work:
            await work.chats.add_message(user_id, chat_id, "assistant", message, {"error": fault.code})
        return ChatReply(chat_id=chat_id, message=message)

    # -- the plan

    def _is_plan_valid(self, seen: PlanShown) -> bool:
        """The gate before *Confirm and Schedule Campaign*."""
        return not seen.problems

    def _normalised(self, user: User, plan: CampaignPlan, known: KnownNumbers) -> CampaignPlan:
        """Numbers in E.164 and proven, and what the user need not say twice: on whose behalf, the disclosure, a title.

        A disclosure that does not tell that an AI calls is replaced, whoever wrote it.
        """
        principal = plan.on_behalf_of or str(user.profile.get("full_name") or user.name)
        disclosure = plan.disclosure
        if not says_ai(disclosure):
            disclosure = f"This is an AI assistant calling on behalf of {principal}."
        numbered = [
            with_proven_source(
                task.model_copy(
                    update={"phone_number": _e164(task.phone_number, self._settings.region, self._settings.extensions)}
                ),
                task.phone_number,
                known,
            )
            for task in plan.tasks
        ]
        changes: dict[str, Any] = {
            "on_behalf_of": principal,
            "disclosure": disclosure,
            "title": plan.title or plan.objective[:200],
            "tasks": numbered,
        }
        if not plan.voicemail.message:
            text = f"Hello. {disclosure} {plan.opening or plan.objective} We will try to reach you again. Goodbye."
            changes["voicemail"] = Voicemail(policy=plan.voicemail.policy, message=" ".join(text.split())[:2000])
        return plan.model_copy(update=changes)


def replay(messages: Sequence[ChatMessage], latest: StoredPlan | None = None) -> list[Message]:
    """The chat as the model sees it: tool calls with their results, forms as the model had answered, the newest plan.

    Of long chats the first message and the last ones, of many look-ups the last results: what is older was used, and
    can be looked up again.
    """
    newest = str(latest.id) if latest else None
    if len(messages) > MAX_REPLAYED:
        messages = [messages[0], *messages[-(MAX_REPLAYED - 1) :]]
    conversation: list[Message] = []
    shown = _affordable_steps(messages)
    for at, message in enumerate(messages):
        payload = message.payload
        if message.role == "user":
            conversation.append({"role": "user", "content": user_turn(message.content, payload.get("form_answers"))})
            continue
        if at in shown:
            conversation += _steps([ToolStep(**step) for step in payload["tool_steps"]])
        plan, files = for_model(latest) if latest and payload.get("plan_id") == newest else (None, None)
        turn = {"message": message.content, "form": payload.get("form"), "campaign_plan": plan}
        conversation.append({"role": "assistant", "content": orjson.dumps(turn).decode()})
        if files:
            conversation.append({"role": "user", "content": data_block("contacts_from_file", files)})
    return conversation


def _affordable_steps(messages: Sequence[ChatMessage]) -> set[int]:
    """Which messages are replayed with their look-ups: from the newest back, while `MAX_REPLAYED_LOOKUPS` lasts."""
    shown, left = set[int](), MAX_REPLAYED_LOOKUPS
    for at in range(len(messages) - 1, -1, -1):
        if steps := messages[at].payload.get("tool_steps"):
            left -= len(orjson.dumps(steps))
            if left < 0:
                break
            shown.add(at)
    return shown


def _steps(steps: Sequence[ToolStep]) -> list[Message]:
    if not steps:
        return []
    calls = [
        {
            "id": step.id,
            "type": "function",
            "function": {"name": step.name, "arguments": orjson.dumps(step.arguments).decode()},
        }
        for step in steps
    ]
    results = [
        {"role": "tool", "tool_call_id": step.id, "content": orjson.dumps(step.result).decode()} for step in steps
    ]
    return [{"role": "assistant", "content": "", "tool_calls": calls}, *results]


def _known_numbers(user: User, messages: Sequence[ChatMessage], steps: Sequence[ToolStep]) -> KnownNumbers:
    """All numbers that may be called: what the user wrote here or in the profile, and the directory's."""
    known = KnownNumbers()
    for text in texts_of("", user.profile):
        known.add_text(text)
    for message in messages:
        if message.role == "user":
            for text in texts_of(message.content, message.payload.get("form_answers")):
                known.add_text(text)
        for step in message.payload.get("tool_steps", []):
            known.add_step(step["name"], step["result"])
    for new in steps:
        known.add_step(new.name, new.result)
    return known


def _e164(number: str, region: str, extensions: Collection[str]) -> str:
    """The number in E.164; one that cannot be read stays as it is, for `plan_problems` to name."""
    try:
        return parse_number(number, region, extensions).e164
    except InvalidPhoneNumber:
        return number


def _checked(message: str, form_answers: Mapping[str, Any] | None) -> tuple[str, dict[str, str]]:
    text = message.strip()
    if len(text) > MAX_MESSAGE_LENGTH:
        raise UserMistake(f"Please write at most {MAX_MESSAGE_LENGTH} characters at once.")
    answers = {str(name)[:60]: _plain_answer(value) for name, value in (form_answers or {}).items()}
    if len(answers) > MAX_ANSWERS or any(len(value) > MAX_ANSWER_LENGTH for value in answers.values()):
        raise UserMistake(f"Please answer at most {MAX_ANSWERS} fields with {MAX_ANSWER_LENGTH} characters each.")
    if not text and not answers:
        raise UserMistake("Please write a message.")
    return text, answers


def _plain_answer(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value if value is not None else "").strip()
