"""`UIAssistantService`: the chat in which a wish becomes a plan that can be confirmed.

Owns the conversation's rows, the replay of it to the model, the plan's normalisation and its gate `_is_plan_valid`.
Tools are in `tools/`, the wire in `llm_integrations/`, prompts in `config/prompt_minds.py`.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from pydantic import BaseModel

from opendeep.common.caller_profile import CallerProfile
from opendeep.common.campaign_plan import AssistantTurn, CampaignPlan, Voicemail
from opendeep.common.clock import Clock
from opendeep.common.data_models import User
from opendeep.common.disclosure import says_ai
from opendeep.common.errors import Conflict, InvalidPhoneNumber, ProviderFault, UserMistake
from opendeep.common.phone import parse_number
from opendeep.common.plan_defaults import with_defaults
from opendeep.config.prompt_minds import assistant_system
from opendeep.database.db_manager import DatabaseManager
from opendeep.database.store_people import ChatMessage, StoredPlan
from opendeep.llm_integrations.openai_form_client import LoopResult, Message, Toolbox, ToolStep, Watch
from opendeep.task_manager import plan_contacts
from opendeep.task_manager.assistant_round import ChatReply as ChatReply
from opendeep.task_manager.assistant_round import ChatRound
from opendeep.task_manager.chat_replay import replay, without_answered
from opendeep.task_manager.plan_contacts import TOLD, PlanShown, save_keeping
from opendeep.task_manager.plan_guards import KnownNumbers, texts_of, with_proven_source
from opendeep.task_manager.plan_scripts import with_script
from opendeep.tools.assistant_tools import AssistantTools, ToolRules

log = structlog.get_logger(__name__)

SCHEMA_NAME: Final = "assistant_turn"
MAX_MESSAGE_LENGTH: Final = 8_000
MAX_ANSWERS: Final = 50
MAX_ANSWER_LENGTH: Final = 2_000
MAX_ROUNDS: Final = 6
DEADLINE_S: Final = 120.0
STOP_DEADLINE_S: Final = 10.0
GRACE_S: Final = 1.0  # for the chat's last round: whoever stopped it by going away may come back before we noticed

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
        watch: Watch | None = None,
        from_words: Callable[[str], Answer] | None = None,
    ) -> LoopResult[Answer]: ...


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
        self._rounds: dict[UUID, ChatRound] = {}  # by their chats

    async def chat(
        self,
        user_id: UUID,
        chat_id: UUID | None,
        message: str,
        form_answers: Mapping[str, Any] | None = None,
    ) -> ChatReply:
        """One round: the user's words in, the assistant's out; both are kept, whatever the provider does.

        Raises as `begin` does. Cancelled, it stops the round.
        """
        going = await self.begin(user_id, chat_id, message, form_answers)
        try:
            return await going.reply()
        except asyncio.CancelledError:
            going.stop()
            raise

    async def begin(
        self,
        user_id: UUID,
        chat_id: UUID | None,
        message: str,
        form_answers: Mapping[str, Any] | None = None,
    ) -> ChatRound:
        """Keep the user's words and let the assistant think; the round goes on by itself and is kept at its end.

        Raises `UserMistake` for an empty or too long message, `NotFound` for another user's chat, `Conflict` while the
        chat's last message is still being answered (the end of one that was stopped is waited for).
        """
        text, answers = _checked(message, form_answers)
        chat_id = await self._open(user_id, chat_id)
        if last := self._rounds.get(chat_id):
            await last.ended(None if last.stopping else GRACE_S)
        if chat_id in self._rounds:
            raise Conflict("I am still answering your last message.")
        going = self._rounds[chat_id] = ChatRound(chat_id)
        try:
            async with self._db.transaction() as work:
                user = await work.users.get(user_id)
                payload = {"form_answers": answers} if answers else {}
                await work.chats.add_message(user_id, chat_id, "user", text, payload)
                messages = await work.chats.messages(user_id, chat_id)
                latest = await work.plans.latest(user_id, chat_id, TOLD)
        except BaseException:
            del self._rounds[chat_id]
            raise
        task = going.start(self._answer(user, going, messages, latest))
        task.add_done_callback(lambda _: self._rounds.pop(chat_id))
        return going

    async def run(self) -> None:
        """The worker: lives until the process stops, and then stops the rounds that are going on."""
        try:
            await asyncio.Event().wait()
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Stop all rounds and keep what they have said. Idempotent."""
        rounds = list(self._rounds.values())
        for going in rounds:
            going.stop()
        if rounds:
            endings = [asyncio.create_task(going.ended(), name=f"chat-end-{going.chat_id}") for going in rounds]
            await asyncio.wait(endings, timeout=STOP_DEADLINE_S)

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

    async def _answer(
        self, user: User, going: ChatRound, messages: Sequence[ChatMessage], latest: StoredPlan | None
    ) -> ChatReply:
        """The round itself: think, and keep whatever came of it."""
        if not going.begin_thinking():
            return await self._keep_stopped(user.id, going)
        try:
            result = await self._think(user, replay(messages, latest), latest, going)
            going.end_thinking()
        except ProviderFault as fault:
            going.end_thinking()
            log.warning("assistant.provider_failed", user_id=str(user.id), chat_id=str(going.chat_id), error=str(fault))
            return await self._apologise(user.id, going, fault)
        except asyncio.CancelledError:  # only `ChatRound.stop` cancels
            return await self._keep_stopped(user.id, going)
        return await self._keep(user, going.chat_id, result, messages, latest)

    async def _think(
        self, user: User, conversation: list[Message], latest: StoredPlan | None, watch: Watch
    ) -> LoopResult[AssistantTurn]:
        settings = self._settings
        zone = ZoneInfo(str(user.profile.get("time_zone") or settings.default_timezone))
        profile = {"name": user.name, **user.profile}
        system = assistant_system(profile, self._clock.now().astimezone(zone), settings.region)
        rules = ToolRules(settings.region, settings.extensions, settings.default_timezone, settings.allowed_countries)
        plan = latest.plan if latest else None
        tools = AssistantTools(self._retriever, self._db, self._clock, rules, user.id, zone, plan)
        return await self._llm.tool_loop(
            system,
            conversation,
            tools,
            AssistantTurn,
            SCHEMA_NAME,
            max_rounds=MAX_ROUNDS,
            deadline_s=DEADLINE_S,
            watch=watch,
            from_words=lambda words: AssistantTurn(message=words[:MAX_MESSAGE_LENGTH]),
        )

    async def _keep(
        self,
        user: User,
        chat_id: UUID,
        result: LoopResult[AssistantTurn],
        messages: Sequence[ChatMessage],
        latest: StoredPlan | None,
    ) -> ChatReply:
        turn = result.answer
        known = _known_numbers(user, messages, result.steps)
        plan = self._normalised(user, turn.campaign_plan, known) if turn.campaign_plan else None
        plan = with_script(plan, latest) if plan else None
        form = without_answered(turn.form.model_dump(mode="json") if turn.form else None, messages)
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

    async def _apologise(self, user_id: UUID, going: ChatRound, fault: ProviderFault) -> ChatReply:
        advice = "Your message is kept; send another one to try again."
        message = f"I cannot answer right now. {fault} {advice}"
        payload = {"error": fault.code}
        async with self._db.transaction() as work:
            await work.chats.add_message(user_id, going.chat_id, "assistant", message, payload)
        return ChatReply(chat_id=going.chat_id, message=message)

    async def _keep_stopped(self, user_id: UUID, going: ChatRound) -> ChatReply:
        """What was said and looked up until the user stopped it, with a mark."""
        steps = [asdict(step) for step in going.steps]
        payload = {"stopped": True} | ({"tool_steps": steps} if steps else {})
        async with self._db.transaction() as work:
            await work.chats.add_message(user_id, going.chat_id, "assistant", going.text, payload)
        return ChatReply(chat_id=going.chat_id, message=going.text, tool_steps=steps, stopped=True)

    # -- the plan

    def _is_plan_valid(self, seen: PlanShown) -> bool:
        """The gate before *Confirm and Schedule Campaign*."""
        return not seen.problems

    def _normalised(self, user: User, plan: CampaignPlan, known: KnownNumbers) -> CampaignPlan:
        """Numbers in E.164 and proven, and what the user need not say twice: on whose behalf, the disclosure, a title.

        A disclosure that does not tell that an AI calls is replaced, whoever wrote it.
        """
        plan = with_defaults(plan, CallerProfile.read(user.profile))
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
