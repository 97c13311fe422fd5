"""Users, chats and plans: rows that exist before a campaign does."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, Text, cast, delete, func, insert, literal, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import defer

from opendeep.common.data_models import Json, PlanStatus, User
from opendeep.common.errors import NotFound
from opendeep.common.ids import new_id
from opendeep.database.models import CampaignPlanRow, ChatMessageRow, ChatRow, UserRow
from opendeep.database.models_memory import ProfileVersionRow
from opendeep.database.rows import user_value
from opendeep.database.scope import across_tenants, for_user
from opendeep.database.store import Store, locked

NO_CHAT = "There is no such chat. Start a new one."
NO_PLAN = "There is no such plan. Ask for it again in the chat."


@dataclass(frozen=True, slots=True)
class ChatMessage:
    role: str
    content: str
    payload: Json
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StoredPlan:
    id: UUID
    chat_id: UUID
    status: PlanStatus
    plan: Json
    contacts: int = 0  # that it has, of which `plan` may hold only the first


class UsersStore(Store):
    async def get_or_create(self, name: str, profile: Mapping[str, Any] | None = None) -> User:
        """The tenant of that name, made now if there is none."""
        statement = across_tenants(select(UserRow).where(UserRow.name == name), "names a tenant by its unique name")
        row = (await self._session.scalars(statement)).one_or_none()
        if row is None:
            row = UserRow(id=new_id(), name=name, profile=dict(profile or {}), created_at=self._work.now)
            try:
                async with self._work.part():
                    self._session.add(row)
            except IntegrityError:  # somebody else signed in by this name at the same moment
                row = (await self._session.scalars(statement)).one()
        return user_value(row)

    async def get(self, user_id: UUID) -> User:
        row = await self._session.get(UserRow, user_id)
        if row is None:
            raise NotFound("There is no such user. Open the start page and choose a name.")
        return user_value(row)

    async def update_profile(self, user_id: UUID, changes: Mapping[str, Any]) -> User:
        """Merge `changes` into the user's profile (name, zone, standing facts that the AI may say). What it was and
        what it becomes are kept as versions; what changes nothing makes none."""
        row = await self._session.get(UserRow, user_id, with_for_update={"key_share": True})
        if row is None:
            raise NotFound("There is no such user.")
        changed = {**row.profile, **changes}
        if changed != row.profile:
            version = await self.profile_version(user_id)
            if version == 0:
                version = 1
                self._keep_version(user_id, version, row.profile, row.created_at)
            self._keep_version(user_id, version + 1, changed, self._work.now)
            row.profile = changed
            await self._session.flush()
        return user_value(row)

    def _keep_version(self, user_id: UUID, version: int, profile: Mapping[str, Any], at: datetime) -> None:
        self._session.add(
            ProfileVersionRow(id=new_id(), user_id=user_id, version=version, profile=dict(profile), created_at=at)
        )

    async def profile_version(self, user_id: UUID) -> int:
        """The number of the profile that is in use; 0 while it was never changed."""
        statement = for_user(select(func.max(ProfileVersionRow.version)), ProfileVersionRow, user_id)
        return await self._session.scalar(statement) or 0

    async def profile_versions(self, user_id: UUID, limit: int = 50) -> list[tuple[int, datetime, Json]]:
        """Number, time and profile of each, newest first."""
        statement = for_user(
            select(ProfileVersionRow).order_by(ProfileVersionRow.version.desc()).limit(limit),
            ProfileVersionRow,
            user_id,
        )
        return [(row.version, row.created_at, row.profile) for row in (await self._session.scalars(statement)).all()]

    async def forget_profile_versions(self, user_id: UUID) -> int:
        """Delete all versions but the one in use; returns how many went."""
        newest = await self.profile_version(user_id)
        statement = for_user(
            delete(ProfileVersionRow).where(ProfileVersionRow.version < newest), ProfileVersionRow, user_id
        )
        result = await self._session.execute(statement)
        return int(getattr(result, "rowcount", 0))


class ChatsStore(Store):
    async def create(self, user_id: UUID) -> UUID:
        row = ChatRow(id=new_id(), user_id=user_id, created_at=self._work.now)
        self._session.add(row)
        await self._session.flush()
        return row.id

    async def require(self, user_id: UUID, chat_id: UUID) -> None:
        """Raise `NotFound` unless the chat is this user's."""
        statement = for_user(select(ChatRow.id).where(ChatRow.id == chat_id), ChatRow, user_id)
        if (await self._session.scalars(statement)).one_or_none() is None:
            raise NotFound(NO_CHAT)

    async def add_message(
        self, user_id: UUID, chat_id: UUID, role: str, content: str, payload: Mapping[str, Any] | None = None
    ) -> None:
        """Append to the chat. Messages that arrive at once come one after the other. Raises `NotFound`."""
        chat = for_user(locked(select(ChatRow).where(ChatRow.id == chat_id)), ChatRow, user_id)
        if (await self._session.scalars(chat)).one_or_none() is None:
            raise NotFound(NO_CHAT)
        count = for_user(
            select(func.count()).select_from(ChatMessageRow).where(ChatMessageRow.chat_id == chat_id),
            ChatMessageRow,
            user_id,
        )
        self._session.add(
            ChatMessageRow(
                id=new_id(),
                user_id=user_id,
                chat_id=chat_id,
                position=(await self._session.scalar(count) or 0) + 1,
                role=role,
                content=content,
                payload=dict(payload or {}),
                created_at=self._work.now,
            )
        )
        await self._session.flush()

    async def messages(self, user_id: UUID, chat_id: UUID) -> list[ChatMessage]:
        statement = for_user(
            select(ChatMessageRow).where(ChatMessageRow.chat_id == chat_id).order_by(ChatMessageRow.position),
            ChatMessageRow,
            user_id,
        )
        rows = (await self._session.scalars(statement)).all()
        return [ChatMessage(r.role, r.content, r.payload, r.created_at) for r in rows]


class PlansStore(Store):
    async def save(self, user_id: UUID, chat_id: UUID, plan: Mapping[str, Any]) -> UUID:
        """Keep a new version of the chat's plan; earlier ones stay as they were shown."""
        row = CampaignPlanRow(
            id=new_id(),
            user_id=user_id,
            chat_id=chat_id,
            status=PlanStatus.DRAFT,
            plan=dict(plan),
            created_at=self._work.now,
        )
        self._session.add(row)
        await self._session.flush()
        return row.id

    async def save_text(self, user_id: UUID, chat_id: UUID, text: str) -> UUID:
        """Like `save`, of a long plan that is JSON already: it is written as it is."""
        given = literal(text, Text)
        plan_id = new_id()
        values = {
            "id": plan_id,
            "user_id": user_id,
            "chat_id": chat_id,
            "status": PlanStatus.DRAFT,
            "plan": func.json(given) if self._sqlite else cast(given, CampaignPlanRow.plan.type),
            "created_at": self._work.now,
        }
        await self._session.execute(insert(CampaignPlanRow).values(values))
        return plan_id

    async def save_with_contacts_of(self, user_id: UUID, plan_id: UUID, outline: str) -> UUID:
        """Keep a new version, `outline` (JSON without contacts), with the contacts of an earlier one, which stay here.

        Raises `NotFound`.
        """
        before = await self._row(user_id, plan_id, bare=True)
        old, given, identity = CampaignPlanRow.plan, literal(outline, Text), new_id()
        if self._sqlite:
            plan: ColumnElement[Any] = func.json_set(given, "$.tasks", func.json(func.json_extract(old, "$.tasks")))
        else:
            plan = cast(given, old.type).op("||")(func.jsonb_build_object("tasks", old["tasks"]))
        own = CampaignPlanRow
        values = (literal(identity, own.id.type), own.user_id, own.chat_id, literal(PlanStatus.DRAFT.value), plan)
        source = for_user(
            select(*values, literal(self._work.now, own.created_at.type)).where(own.id == before.id), own, user_id
        )
        names = ["id", "user_id", "chat_id", "status", "plan", "created_at"]
        await self._session.execute(insert(own).from_select(names, source))
        return identity

    async def get(self, user_id: UUID, plan_id: UUID) -> StoredPlan:
        """Raises `NotFound` for another tenant's plan as for none."""
        return self._value(await self._row(user_id, plan_id))

    async def outline(self, user_id: UUID, plan_id: UUID) -> Json:
        """The plan without its contacts, of which there may be 100,000. Raises `NotFound`."""
        plan = CampaignPlanRow.plan
        bare = func.json_remove(plan, "$.tasks") if self._sqlite else plan.op("-")(literal("tasks", Text))
        statement = for_user(select(cast(bare, Text)).where(CampaignPlanRow.id == plan_id), CampaignPlanRow, user_id)
        text = await self._session.scalar(statement)
        if text is None:
            raise NotFound(NO_PLAN)
        outline: Json = orjson.loads(text)
        return outline

    async def contacts(self, user_id: UUID, plan_id: UUID) -> int:
        """How many contacts the plan has. Raises `NotFound`."""
        plan = CampaignPlanRow.plan
        length = func.json_array_length(plan, "$.tasks") if self._sqlite else func.jsonb_array_length(plan["tasks"])
        statement = for_user(select(length).where(CampaignPlanRow.id == plan_id), CampaignPlanRow, user_id)
        rows = (await self._session.execute(statement)).one_or_none()
        if rows is None:
            raise NotFound(NO_PLAN)
        return rows[0] or 0

    async def head(self, user_id: UUID, plan_id: UUID, most: int) -> list[Json]:
        """The plan's first contacts, at most so many."""
        slices = self.task_slices(user_id, plan_id, most, most=most)
        return [orjson.loads(text) async for texts in slices for text in texts] if most else []

    async def task_slices(
        self, user_id: UUID, plan_id: UUID, size: int, after: int = 0, most: int | None = None
    ) -> AsyncIterator[list[str]]:
        """The plan's contacts behind the first `after` as JSON texts in their order, `size` at a time.

        The whole is never in memory.
        """
        if self._sqlite:
            each = func.json_each(CampaignPlanRow.plan, "$.tasks").table_valued("key", "value", name="item")
            items = select(each.c.value).select_from(CampaignPlanRow).join(each, each.c.key >= after)
        else:
            array = func.jsonb_array_elements(CampaignPlanRow.plan["tasks"])
            each = array.table_valued("value", with_ordinality="key", name="item").render_derived()
            items = select(cast(each.c.value, Text)).select_from(CampaignPlanRow).join(each, each.c.key > after)
        statement = items.where(CampaignPlanRow.id == plan_id).order_by(each.c.key).limit(most)
        statement = for_user(statement, CampaignPlanRow, user_id)
        async for part in (await self._session.stream(statement)).partitions(size):
            yield [row[0] for row in part]

    @property
    def _sqlite(self) -> bool:
        return self._session.get_bind().dialect.name == "sqlite"

    async def latest(self, user_id: UUID, chat_id: UUID, most: int) -> StoredPlan | None:
        """The chat's newest plan, with its first contacts only."""
        statement = for_user(
            select(CampaignPlanRow)
            .where(CampaignPlanRow.chat_id == chat_id)
            .options(defer(CampaignPlanRow.plan))
            .order_by(CampaignPlanRow.id.desc())
            .limit(1),
            CampaignPlanRow,
            user_id,
        )
        row = (await self._session.scalars(statement)).one_or_none()
        return await self.shown(user_id, row.id, most) if row else None

    async def shown(self, user_id: UUID, plan_id: UUID, most: int) -> StoredPlan:
        """A plan with its first contacts only; `contacts` says how many it has. Raises `NotFound`."""
        row = await self._row(user_id, plan_id, bare=True)
        outline = dict(await self.outline(user_id, plan_id))
        outline["tasks"] = await self.head(user_id, plan_id, most)
        count = await self.contacts(user_id, plan_id)
        return StoredPlan(row.id, row.chat_id, PlanStatus(row.status), outline, count)

    async def hold(self, user_id: UUID, plan_id: UUID) -> None:
        """Nobody else changes or confirms the plan until the transaction ends. Raises `NotFound`."""
        await self._row(user_id, plan_id, lock=True)

    async def confirm(self, user_id: UUID, plan_id: UUID) -> None:
        """Mark the plan; it is held until the transaction ends, so that confirmations come one after the other."""
        row = await self._row(user_id, plan_id, lock=True)
        row.status = PlanStatus.CONFIRMED

    async def _row(self, user_id: UUID, plan_id: UUID, *, lock: bool = False, bare: bool = False) -> CampaignPlanRow:
        """With `lock` or `bare` without the document, which may be long."""
        statement = for_user(select(CampaignPlanRow).where(CampaignPlanRow.id == plan_id), CampaignPlanRow, user_id)
        if lock or bare:
            statement = statement.options(defer(CampaignPlanRow.plan))
        row = (await self._session.scalars(locked(statement) if lock else statement)).one_or_none()
        if row is None:
            raise NotFound(NO_PLAN)
        return row

    @staticmethod
    def _value(row: CampaignPlanRow) -> StoredPlan:
        return StoredPlan(row.id, row.chat_id, PlanStatus(row.status), row.plan, len(row.plan.get("tasks", [])))
