"""`DatabaseManager`: the engine, transactions, schema upgrades. SQL itself lives in the stores.

One unit of work, one transaction, committed at the edge; the bells ring only after the commit. SQLite and PostgreSQL
behave alike: on SQLite every writing transaction is BEGIN IMMEDIATE. Writers queue in this process, see `WriterTurns`.
"""

import asyncio
import contextlib
import fcntl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import structlog
from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from opendeep.common.clock import Clock, SystemClock
from opendeep.common.data_models import Call, CallCreate, CallStatus
from opendeep.common.errors import DatabaseUnavailable
from opendeep.common.redis_client import Doorbell
from opendeep.database.node_name import NodeName, taken
from opendeep.database.outages import translated
from opendeep.database.store import UnitOfWork
from opendeep.database.store_calls import CallsStore, EventsStore, TranscriptsStore
from opendeep.database.store_campaigns import CampaignsStore
from opendeep.database.store_consent import DndStore
from opendeep.database.store_contacts import ContactsStore
from opendeep.database.store_dnd_book import DndBookStore
from opendeep.database.store_feedback import FeedbackStore
from opendeep.database.store_gate import GateStore
from opendeep.database.store_history import HistoryStore
from opendeep.database.store_lifecycle import LifecycleStore
from opendeep.database.store_observations import ObservationsStore
from opendeep.database.store_overview import OverviewStore
from opendeep.database.store_people import ChatsStore, PlansStore, UsersStore
from opendeep.database.store_reports import ReportsStore
from opendeep.database.store_task_pages import TaskPagesStore
from opendeep.database.store_tasks import TasksStore
from opendeep.database.store_trunks import TrunksStore
from opendeep.database.writer_turns import WriterTurns

log = structlog.get_logger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"
SQLITE_BUSY_TIMEOUT_MS = 5_000
POOL_SIZE = 20  # all of them stay open: to open one costs more than what a call writes
WRITERS_AT_ONCE = 12  # on PostgreSQL; the rest of the pool is for those who read
MIGRATION_LOCK = 0x0DEEB  # any constant that nobody else uses in this database
POOL_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 10.0
COMMAND_TIMEOUT_S = 60.0  # a server that is silent that long is away
SESSION_SETTINGS = {
    "jit": "off",  # compiling our short statements takes longer than they do
    "synchronous_commit": "on",  # a call is dialled because its row is committed: no crash may take that row back
}
WRITER_TURN_S = 10.0  # like the wait for a connection of the pool


class Transaction(UnitOfWork):
    """A unit of work with its stores."""

    def __init__(self, session: AsyncSession, clock: Clock) -> None:
        super().__init__(session, clock.now())
        self.users = UsersStore(self)
        self.chats = ChatsStore(self)
        self.plans = PlansStore(self)
        self.campaigns = CampaignsStore(self)
        self.tasks = TasksStore(self)
        self.calls = CallsStore(self)
        self.transcripts = TranscriptsStore(self)
        self.events = EventsStore(self)
        self.dnd = DndStore(self)
        self.dnd_book = DndBookStore(self)
        self.contacts = ContactsStore(self)
        self.gate = GateStore(self)
        self.feedback = FeedbackStore(self)
        self.lifecycle = LifecycleStore(self)
        self.observations = ObservationsStore(self)
        self.trunks = TrunksStore(self)
        self.overview = OverviewStore(self)
        self.history = HistoryStore(self)
        self.task_pages = TaskPagesStore(self)
        self.reports = ReportsStore(self)


class DatabaseManager:
    """Owns the connection pool. `bell` is rung after commits."""

    def __init__(self, url: str, bell: Doorbell, clock: Clock | None = None) -> None:
        self._url = make_url(url)
        self._bell = bell
        self._clock = clock or SystemClock()
        self._sqlite = self._url.get_backend_name() == "sqlite"
        self._writers = WriterTurns(1 if self._sqlite else WRITERS_AT_ONCE)
        options: dict[str, Any] = (
            {}
            if self._sqlite
            else {
                "pool_size": POOL_SIZE,
                "max_overflow": 0,
                "pool_pre_ping": True,
                "connect_args": {
                    "timeout": CONNECT_TIMEOUT_S,
                    "command_timeout": COMMAND_TIMEOUT_S,
                    "server_settings": SESSION_SETTINGS,
                },
            }
        )
        self._engine = create_async_engine(
            self._url,
            pool_timeout=POOL_TIMEOUT_S,
            hide_parameters=True,  # they are numbers and words of people, and errors are logged
            **options,
        )
        if self._sqlite:
            event.listen(self._engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(self._engine.sync_engine, "begin", _begin_sqlite)
        self._name: NodeName | None = None
        self._reader = self._engine.execution_options(sqlite_begin="BEGIN")

    @property
    def shared(self) -> bool:
        """Whether nodes on other machines use it too, so that this one may be cut off from it while they are not."""
        return not self._sqlite

    async def upgrade(self) -> None:
        """Bring the schema to the newest migration; creates an empty SQLite file where there is none."""
        if self._sqlite and self._url.database:
            Path(self._url.database).parent.mkdir(parents=True, exist_ok=True)
        with translated():
            async with self._engine.connect() as connection:
                await connection.run_sync(_upgrade)
                await connection.commit()

    async def ping(self) -> None:
        """Raise `DatabaseUnavailable` unless the database answers."""
        with translated():
            async with self._reader.connect() as connection:
                await connection.execute(text("SELECT 1"))

    async def is_current(self) -> bool:
        """Whether the schema is that of the newest migration."""
        with translated():
            async with self._reader.connect() as connection:
                return await connection.run_sync(_is_current)

    @contextlib.asynccontextmanager
    async def as_node(self, node_id: str) -> AsyncIterator[None]:
        """Hold the name of a voice node. Raises `ConfigurationError` when another process has it.

        A process that was killed loses the name with its sockets and files.
        """
        if self._sqlite:
            with _flock(Path(f"{self._url.database}.{quote(node_id, safe='')}.lock")) as held:
                if not held:
                    raise taken(node_id)
                yield
            return
        self._name = NodeName(self._engine, node_id, self._clock)
        await self._name.take()
        try:
            yield
        finally:
            name, self._name = self._name, None
            await name.release()

    async def keep_name(self) -> None:
        """Make sure that the node's name is still ours; its session may have been lost with the server.

        Raises `ConfigurationError` when another process has taken it meanwhile, `DatabaseUnavailable`.
        """
        if self._name is not None:
            await self._name.keep()

    async def close(self) -> None:
        await self._engine.dispose()

    @contextlib.asynccontextmanager
    async def transaction(self, *, urgent: bool = False) -> AsyncIterator[Transaction]:
        """A writing unit of work: commits at the end, rolls back on any error, then rings its bells.

        `urgent`: for the few whose word all calls wait for; it goes before what single calls write.
        Raises `DatabaseUnavailable` when the database is away or stays locked.
        """
        async with self._turn(urgent):
            with translated():
                async with AsyncSession(self._engine, expire_on_commit=False) as session:
                    work = Transaction(session, self._clock)
                    async with session.begin():
                        yield work
        for channel, data in work.rings:
            await self._bell.ring(channel, data)

    @contextlib.asynccontextmanager
    async def _turn(self, urgent: bool) -> AsyncIterator[None]:
        """SQLite takes one writer at a time. While another process holds the file, each writer waits for it in vain;
        those behind must not wait for the sum of that.
        """
        try:
            async with asyncio.timeout(WRITER_TURN_S):
                await self._writers.take(urgent=urgent)
        except TimeoutError as error:
            raise DatabaseUnavailable("The database cannot be used right now: other writes hold it up.") from error
        try:
            yield
        finally:
            self._writers.give_back()

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """A reading unit of work: never blocks writers, never commits anything."""
        with translated():
            async with AsyncSession(self._reader, expire_on_commit=False) as session:
                yield Transaction(session, self._clock)

    async def create_call_attempt(self, call: CallCreate, lease_s: float) -> Call:
        """Commit one attempt's row before anything is dialled; see `CallsStore.create_call_attempt`."""
        async with self.transaction() as work:
            return await work.calls.create_call_attempt(call, lease_s)

    async def update_call_status(self, call_id: UUID, status: CallStatus, **facts: Any) -> Call:
        """See `CallsStore.update_call_status`."""
        async with self.transaction() as work:
            return await work.calls.update_call_status(call_id, status, **facts)

    async def get_call_by_id(self, call_id: UUID, user_id: UUID | None = None) -> Call:
        """See `CallsStore.get_call_by_id`."""
        async with self.read() as work:
            return await work.calls.get_call_by_id(call_id, user_id)


@contextlib.contextmanager
def _flock(path: Path) -> Iterator[bool]:
    """Whether this process got the lock; it ends with the process, however that ends."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _prepare_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # we emit BEGIN ourselves, see `_begin_sqlite`
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {SQLITE_BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN IMMEDIATE"))


def _alembic() -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def _upgrade(connection: Connection) -> None:
    config = _alembic()
    config.attributes["connection"] = connection
    if connection.dialect.name == "postgresql":  # nodes that start together take turns
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
    command.upgrade(config, "head")


def _is_current(connection: Connection) -> bool:
    newest = ScriptDirectory.from_config(_alembic()).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == newest
