"""The doorbell: publish/subscribe that is allowed to be lost.

Owns Redis and the in-process stand-in. The row is the message, the bell only says "look now": whoever waits for a bell
also looks on a timer. Local subscribers are always served directly, so a lost Redis only silences other nodes.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from opendeep.common.ids import new_id

log = structlog.get_logger(__name__)

PUBLISH_DEADLINE_S = 1.0
MUTE_S = 2.0  # after a ring that Redis did not take, others stay in this process
RECONNECT_FIRST_S = 0.2
RECONNECT_MAX_S = 5.0
DEFAULT_CAPACITY = 256


@dataclass(frozen=True, slots=True)
class Message:
    channel: str
    data: Mapping[str, Any]


class Subscription:
    """A bounded inbox for some channels. When full, the oldest message is dropped and counted in `dropped`."""

    def __init__(self, hub: "Doorbell", channels: tuple[str, ...], capacity: int) -> None:
        self.channels = channels
        self.dropped = 0
        self._hub = hub
        self._inbox: deque[Message] = deque(maxlen=capacity)
        self._arrived = asyncio.Event()

    def put(self, message: Message) -> None:
        if len(self._inbox) == self._inbox.maxlen:
            self.dropped += 1
        self._inbox.append(message)
        self._arrived.set()

    async def next(self, timeout: float | None = None) -> Message | None:
        """The next message, or None after `timeout` seconds."""
        if not self._inbox:
            try:
                async with asyncio.timeout(timeout):
                    while not self._inbox:
                        self._arrived.clear()
                        await self._arrived.wait()
            except TimeoutError:
                return None
        return self._inbox.popleft()

    def drain(self) -> list[Message]:
        """Everything that waits, without waiting."""
        waiting = list(self._inbox)
        self._inbox.clear()
        return waiting

    async def __aenter__(self) -> Self:
        await self._hub.attach(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._hub.detach(self)


class Doorbell(Protocol):
    """Implemented by `InProcessDoorbell` and `RedisDoorbell`."""

    async def ring(self, channel: str, data: Mapping[str, Any] | None = None) -> None:
        """Deliver to every subscriber. `data` must be JSON-able. Never raises because a server is away."""
        ...

    def listen(self, *channels: str, capacity: int = DEFAULT_CAPACITY) -> Subscription:
        """A subscription; it is active between `async with` and its end."""
        ...

    async def attach(self, subscription: Subscription) -> None: ...
    async def detach(self, subscription: Subscription) -> None: ...
    async def healthy(self) -> bool: ...
    async def run(self) -> None:
        """The worker behind it; returns only when cancelled."""
        ...


class InProcessDoorbell:
    """Serves the subscribers of this process. The embedded default."""

    def __init__(self) -> None:
        self._subscribers: dict[str, set[Subscription]] = {}

    async def ring(self, channel: str, data: Mapping[str, Any] | None = None) -> None:
        self._deliver(channel, data or {})

    def listen(self, *channels: str, capacity: int = DEFAULT_CAPACITY) -> Subscription:
        return Subscription(self, channels, capacity)

    async def attach(self, subscription: Subscription) -> None:
        for channel in subscription.channels:
            self._subscribers.setdefault(channel, set()).add(subscription)

    async def detach(self, subscription: Subscription) -> None:
        for channel in subscription.channels:
            members = self._subscribers.get(channel, set())
            members.discard(subscription)
            if not members:
                self._subscribers.pop(channel, None)

    async def healthy(self) -> bool:
        return True

    async def run(self) -> None:
        await asyncio.Event().wait()

    def _deliver(self, channel: str, data: Mapping[str, Any]) -> None:
        for subscription in tuple(self._subscribers.get(channel, ())):
            subscription.put(Message(channel, data))


class RedisDoorbell(InProcessDoorbell):
    """Local delivery plus Redis for the other nodes. Messages of our own that come back from Redis are ignored."""

    def __init__(self, redis: Redis, node_id: str) -> None:
        super().__init__()
        self._redis = redis
        self._node_id = node_id
        self._origin = f"{node_id}:{new_id()}"  # several processes of one machine may share its name
        self._pubsub = redis.pubsub(ignore_subscribe_messages=True)
        self._connected = asyncio.Event()
        self._subscribing = asyncio.Lock()
        self._mute_until: float | None = None  # loop time; None: Redis took what was published last

    async def ring(self, channel: str, data: Mapping[str, Any] | None = None) -> None:
        payload = data or {}
        self._deliver(channel, payload)
        now = asyncio.get_running_loop().time()
        if self._mute_until is not None and now < self._mute_until:
            return  # a Redis that hangs must not cost every ring its deadline
        body = orjson.dumps({"from": self._origin, "data": payload}, default=str)
        try:
            async with asyncio.timeout(PUBLISH_DEADLINE_S):
                await self._redis.publish(channel, body)
        except (RedisError, OSError, TimeoutError) as error:
            if self._mute_until is None:
                log.warning("redis.publish_failed", error=str(error), effect="other nodes look on their timers")
            self._mute_until = asyncio.get_running_loop().time() + MUTE_S
        else:
            self._mute_until = None

    async def attach(self, subscription: Subscription) -> None:
        await super().attach(subscription)
        async with self._subscribing:
            await self._tell_redis(self._pubsub.subscribe, subscription.channels)

    async def detach(self, subscription: Subscription) -> None:
        await super().detach(subscription)
        async with self._subscribing:  # whoever subscribes meanwhile is counted, or comes after us
            gone = tuple(c for c in subscription.channels if c not in self._subscribers)
            if gone:
                await self._tell_redis(self._pubsub.unsubscribe, gone)

    async def healthy(self) -> bool:
        try:
            async with asyncio.timeout(PUBLISH_DEADLINE_S):
                return bool(await self._redis.ping())
        except (RedisError, OSError, TimeoutError):
            return False

    async def run(self) -> None:
        """Read from Redis for ever; reconnect and subscribe again with backoff."""
        delay = RECONNECT_FIRST_S
        try:
            while True:
                try:
                    await self._subscribe_all()
                    delay = RECONNECT_FIRST_S
                    await self._read()
                except (RedisError, OSError, TimeoutError) as error:
                    self._connected.clear()
                    log.warning("redis.lost", error=str(error), retry_in_s=delay)
                    await self._close_idle()
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, RECONNECT_MAX_S)
                    await self._reset_pubsub()
        finally:
            self._connected.clear()
            await self._reset_pubsub()
            with contextlib.suppress(RedisError, OSError):
                await self._redis.aclose()

    async def _subscribe_all(self) -> None:
        # A channel of our own keeps the connection subscribed (and so readable) when nobody listens.
        await self._pubsub.subscribe(f"node:{self._node_id}", *self._subscribers)
        self._connected.set()
        self._mute_until = None

    async def _read(self) -> None:
        while True:
            raw = await self._pubsub.get_message(timeout=None)
            if raw is None or raw["type"] != "message":
                continue
            try:
                body = orjson.loads(raw["data"])
                origin, data = body["from"], body["data"]
            except (orjson.JSONDecodeError, KeyError, TypeError):
                log.warning("redis.bad_message", channel=raw["channel"])
                continue
            if origin != self._origin and isinstance(data, dict):
                channel = raw["channel"]
                self._deliver(channel.decode() if isinstance(channel, bytes) else channel, data)

    async def _reset_pubsub(self) -> None:
        with contextlib.suppress(RedisError, OSError):
            await self._pubsub.aclose()  # type: ignore[no-untyped-call]
        self._pubsub = self._redis.pubsub(ignore_subscribe_messages=True)

    async def _close_idle(self) -> None:
        """Let go of what the lost Redis has closed: the pool would keep it in CLOSE_WAIT until somebody rings."""
        with contextlib.suppress(RedisError, OSError):
            await self._redis.connection_pool.disconnect(inuse_connections=False)

    async def _tell_redis(self, command: Any, channels: tuple[str, ...]) -> None:
        if not self._connected.is_set():
            return  # `run` subscribes to everything when it connects
        try:
            async with asyncio.timeout(PUBLISH_DEADLINE_S):
                await command(*channels)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("redis.subscribe_failed", error=str(error))
