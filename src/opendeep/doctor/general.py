"""Checks of everything that is not Asterisk: database, Redis, providers, and the machine itself."""

import asyncio
import contextlib
import shutil
import socket
import ssl
import time
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import httpx
import openai
from redis.asyncio import Redis
from redis.exceptions import RedisError

from opendeep.audio_processing_service.openai_realtime_client import OpenAIRealtimeClient
from opendeep.audio_processing_service.realtime_protocol import settings_from
from opendeep.common.errors import OpenDeepError, ProviderFault
from opendeep.common.redis_client import InProcessDoorbell
from opendeep.config.app_config import AppConfig
from opendeep.database.db_manager import DatabaseManager
from opendeep.doctor.findings import Finding, fail, ok, unused, warn

PROVIDER_DEADLINE_S: Final = 15.0
CLOCK_TOLERANCE_S: Final = 2.0
NAME_TOLERANCE_S: Final = 0.5  # a name that takes longer delays every call by as much
RECORDING_BYTES_PER_HOUR: Final = 8_000 * 2 * 2 * 3_600  # 8 kHz, 16 bit, two sides
LEAST_HOURS: Final = 2  # of recordings that must fit
WANTED_HOURS: Final = 50


async def check_database(config: AppConfig) -> Finding:
    db = DatabaseManager(config.effective_database_url, InProcessDoorbell())
    try:
        if config.database_url is None:
            await db.upgrade()
        await db.ping()
        current = await db.is_current()
    except OpenDeepError as error:
        return fail("database", str(error), "Check DATABASE_URL, and that the server runs.")
    finally:
        await db.close()
    if not current:
        return fail("database", "The schema is not the newest.", "Run `opendeep db upgrade`.")
    return ok("database", "PostgreSQL" if config.database_url else f"SQLite in {config.data_dir}")


async def check_redis(config: AppConfig) -> Finding:
    if config.redis_url is None:
        return unused("redis", "Not configured; the doorbell rings in this process only (one node).")
    redis = Redis.from_url(config.redis_url)
    try:
        seconds, microseconds = await redis.time()
    except (RedisError, OSError) as error:
        return fail("redis", str(error), "Check REDIS_URL, and that the server runs.")
    finally:
        with contextlib.suppress(RedisError, OSError):
            await redis.aclose()
    off_s = time.time() - (seconds + microseconds / 1_000_000)
    if abs(off_s) > CLOCK_TOLERANCE_S:
        return warn("redis", f"Its machine's clock is {off_s:+.1f} s from ours.", "Let both follow an NTP server.")
    return ok("redis", "answers")


async def check_openai(config: AppConfig) -> Finding:
    part = "voice and text AI"
    if config.offline_ai:
        return unused(part, "No OPENAI_API_KEY; the offline voice and the rule-based minds answer.")
    key = config.openai_api_key.get_secret_value() if config.openai_api_key else "none"
    client = openai.AsyncOpenAI(
        api_key=key, base_url=config.openai_base_url, max_retries=0, timeout=PROVIDER_DEADLINE_S
    )
    try:
        names = {model.id async for model in await client.models.list()}
    except openai.AuthenticationError:
        return fail(part, "The server refuses the key.", "Check OPENAI_API_KEY.")
    except openai.OpenAIError as error:
        return fail(part, str(error), "Check OPENAI_BASE_URL and the network.")
    finally:
        await client.close()
    wanted = {config.openai_text_model, config.openai_realtime_model}
    if missing := wanted - names:
        return fail(part, f"The server does not list {', '.join(sorted(missing))}.", "Set OPENAI_…_MODEL.")
    return ok(part, f"key accepted, {len(names)} models")


async def check_voice(config: AppConfig) -> Finding:
    """Open a Realtime session and close it: no audio, no response, no cost."""
    part = "voice AI session"
    if config.offline_ai:
        return unused(part, "The offline voice is started with the program.")
    settings = settings_from(config)
    tls = ssl.create_default_context() if settings.url.startswith("wss:") else None
    client = OpenAIRealtimeClient(settings, lambda _: None, lambda _: None, tls=tls)
    try:
        await client.connect()
    except ProviderFault as error:
        advice = "Check OPENAI_API_KEY, OPENAI_REALTIME_MODEL and OPENAI_REALTIME_URL; no call is placed meanwhile."
        return fail(part, str(error), advice)
    finally:
        await client.close()
    return ok(part, f"{settings.model} opens a session")


async def check_google(config: AppConfig) -> Finding:
    part = "business lookup"
    if config.google_api_key is None:
        return unused(part, "No GOOGLE_API_KEY; the sample directory answers.")
    base = config.google_places_base_url or "https://places.googleapis.com"
    headers = {"X-Goog-Api-Key": config.google_api_key.get_secret_value(), "X-Goog-FieldMask": "places.id"}
    async with httpx.AsyncClient(timeout=PROVIDER_DEADLINE_S) as http:
        try:
            answer = await http.post(f"{base}/v1/places:searchText", headers=headers, json={"textQuery": "town hall"})
        except httpx.HTTPError as error:
            return fail(part, str(error), "Check the network.")
    if answer.is_error:
        return fail(part, f"Places answers {answer.status_code}.", "Enable Places API (New) for the key.")
    return ok(part, "Places accepts the key")


async def check_disk(config: AppConfig) -> Finding:
    """Room for recordings where DATA_DIR is, or will be."""
    folder = next(
        place for place in (config.data_dir.absolute(), *config.data_dir.absolute().parents) if place.exists()
    )
    return judge_disk(folder, shutil.disk_usage(folder).free)


def judge_disk(folder: Path, free_bytes: int) -> Finding:
    hours = free_bytes / RECORDING_BYTES_PER_HOUR
    detail = f"{free_bytes / 1e9:.1f} GB free in {folder}: {hours:,.0f} hours of recorded calls"
    if hours < LEAST_HOURS:
        return fail("disk", detail, "Free some space, or set DATA_DIR to a larger disk; recording will stop.")
    if hours < WANTED_HOURS:
        return warn("disk", detail, "Free some space soon, or set DATA_DIR to a larger disk.")
    return ok("disk", detail)


async def check_host_name(config: AppConfig) -> Finding:
    """Asterisk looks its own machine's name up; where that waits for a name server, calls wait with it."""
    return await judge_host_name(socket.gethostname())


async def judge_host_name(name: str) -> Finding:
    advice = f"Write “127.0.1.1 {name}” into /etc/hosts."
    started = time.monotonic()
    try:
        await asyncio.get_running_loop().getaddrinfo(name, None)
    except OSError:
        return warn("host name", f"{name} has no address; calls may come up only after seconds.", advice, "/etc/hosts")
    took_s = time.monotonic() - started
    if took_s > NAME_TOLERANCE_S:
        return warn("host name", f"Looking {name} up takes {took_s:.1f} s.", advice, "/etc/hosts")
    return ok("host name", f"{name} is found at once")


async def check_time_zone(config: AppConfig) -> Finding:
    return judge_time_zone(config.default_timezone, datetime.now().astimezone())


def judge_time_zone(zone: str, machine: datetime) -> Finding:
    """A machine in UTC is a server like many; one in another zone than DEFAULT_TIMEZONE is probably a mistake."""
    there = machine.astimezone(ZoneInfo(zone))
    if machine.utcoffset() not in (there.utcoffset(), ZoneInfo("UTC").utcoffset(None)):
        return warn(
            "time zone",
            f"It is {machine:%H:%M %Z} on this machine, but {there:%H:%M} in {zone}.",
            "Set DEFAULT_TIMEZONE to where your users are, for example Europe/Berlin.",
        )
    return ok("time zone", f"it is {there:%H:%M} in {zone}")
