"""`opendeep doctor`: look at each part from outside and say what to do about what is not right.

Every check is bounded, changes nothing, and answers with one finding. Providers are asked for something that is free.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import httpx
import openai
from redis.asyncio import Redis
from redis.exceptions import RedisError

from opendeep.call_processor_service import ami_action
from opendeep.call_processor_service.asterisk_ami_client import AmiAddress, AmiLoginRefused, AsteriskAmiClient
from opendeep.common.errors import OpenDeepError, TelephonyFault
from opendeep.common.ids import new_id
from opendeep.common.redis_client import InProcessDoorbell
from opendeep.config.app_config import AppConfig
from opendeep.database.db_manager import DatabaseManager

CHECK_DEADLINE_S: Final = 15.0
AUDIO_DEADLINE_S: Final = 6.0
CHECK_CHANNEL: Final = "Local/check@opendeep-check/n"  # deploy/asterisk/extensions.conf
UUID_FRAME: Final = b"\x01\x00\x10"  # AudioSocket's first frame: kind 1, 16 bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """`ok` None: not used here. `advice` says what to do when it is not right."""

    part: str
    ok: bool | None
    detail: str
    advice: str = ""


async def examine(config: AppConfig) -> list[Finding]:
    """All checks, side by side."""
    checks: dict[str, Callable[[AppConfig], Awaitable[Finding]]] = {
        "database": check_database,
        "redis": check_redis,
        "asterisk": check_asterisk,
        "voice and text AI": check_openai,
        "business lookup": check_google,
    }
    return list(await asyncio.gather(*(_bounded(name, check, config) for name, check in checks.items())))


async def _bounded(part: str, check: Callable[[AppConfig], Awaitable[Finding]], config: AppConfig) -> Finding:
    try:
        async with asyncio.timeout(CHECK_DEADLINE_S):
            return await check(config)
    except TimeoutError:
        return Finding(
            part, False, f"No answer within {CHECK_DEADLINE_S:.0f} s.", "Check the address and the firewall."
        )
    except OpenDeepError as error:
        return Finding(part, False, str(error), "See the message; the settings are explained in .env.example.")


async def check_database(config: AppConfig) -> Finding:
    db = DatabaseManager(config.effective_database_url, InProcessDoorbell())
    try:
        if config.database_url is None:
            await db.upgrade()
        await db.ping()
        current = await db.is_current()
    except OpenDeepError as error:
        return Finding("database", False, str(error), "Check DATABASE_URL, and that the server runs.")
    finally:
        await db.close()
    if not current:
        return Finding("database", False, "The schema is not the newest.", "Run `opendeep db upgrade`.")
    return Finding("database", True, "PostgreSQL" if config.database_url else f"SQLite in {config.data_dir}")


async def check_redis(config: AppConfig) -> Finding:
    if config.redis_url is None:
        return Finding("redis", None, "Not configured; the doorbell rings in this process only (one node).")
    redis = Redis.from_url(config.redis_url)
    try:
        await redis.ping()
    except (RedisError, OSError) as error:
        return Finding("redis", False, str(error), "Check REDIS_URL, and that the server runs.")
    finally:
        with contextlib.suppress(RedisError, OSError):
            await redis.aclose()
    return Finding("redis", True, "answers")


async def check_asterisk(config: AppConfig) -> Finding:
    """Log in to AMI, then let Asterisk itself connect to an AudioSocket of ours: rights, modules and network in one."""
    part = "asterisk"
    if config.asterisk_ami_host is None or config.asterisk_ami_secret is None:
        return Finding(
            part, None, "Not configured; calls go to the simulated switch.", "docs/asterisk.md shows the way."
        )
    where = f"{config.asterisk_ami_host}:{config.asterisk_ami_port}"
    secret = config.asterisk_ami_secret.get_secret_value()
    ami = AsteriskAmiClient(
        AmiAddress(config.asterisk_ami_host, config.asterisk_ami_port, config.asterisk_ami_username, secret)
    )
    try:
        await ami.connect_and_login()
        reached = await _asterisk_reaches_us(config, ami)
    except AmiLoginRefused as error:
        return Finding(part, False, str(error), "Make ASTERISK_AMI_USERNAME and _SECRET agree with manager.conf.")
    except TelephonyFault as error:
        return Finding(part, False, str(error), f"Is Asterisk running, and does AMI listen on {where} (manager.conf)?")
    finally:
        await ami.close()
    if reached is not None:
        return Finding(part, False, *reached)
    return Finding(part, True, f"AMI login at {where}; AudioSocket reachable from Asterisk")


async def _asterisk_reaches_us(config: AppConfig, ami: AsteriskAmiClient) -> tuple[str, str] | None:
    """Originate to the dialplan's check extension with an AudioSocket of our own; None when Asterisk connected."""
    call_id = new_id()
    connected = asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if await reader.readexactly(len(UUID_FRAME) + 16) == UUID_FRAME + call_id.bytes:
                connected.set()
        writer.close()

    server = await asyncio.start_server(take, config.audiosocket_host, 0)
    port = server.sockets[0].getsockname()[1]
    host = config.audiosocket_public_host or config.audiosocket_host
    try:
        dial = ami_action.DialRequest(call_id, CHECK_CHANNEL, (host, port), timeout_ms=3_000)
        response = await ami.send_action(ami_action.originate(dial))
        if not response.ok:
            detail = f"Asterisk refuses to originate: {response.headers.get('Message', '')}"
            return detail, "The AMI user needs `write = originate,call,reporting` in manager.conf."
        async with asyncio.timeout(AUDIO_DEADLINE_S):
            await connected.wait()
    except TimeoutError:
        return (
            f"Asterisk did not connect to AudioSocket at {host}:{port}.",
            "Use deploy/asterisk (context opendeep-check, app_audiosocket.so in modules.conf), and set "
            "AUDIOSOCKET_PUBLIC_HOST to an address of this machine that Asterisk can reach.",
        )
    finally:
        server.close()
        await server.wait_closed()
    return None


async def check_openai(config: AppConfig) -> Finding:
    part = "voice and text AI"
    if config.offline_ai:
        return Finding(part, None, "No OPENAI_API_KEY; the offline voice and the rule-based minds answer.")
    key = config.openai_api_key.get_secret_value() if config.openai_api_key else "none"
    client = openai.AsyncOpenAI(api_key=key, base_url=config.openai_base_url, max_retries=0, timeout=CHECK_DEADLINE_S)
    try:
        names = {model.id async for model in await client.models.list()}
    except openai.AuthenticationError:
        return Finding(part, False, "The server refuses the key.", "Check OPENAI_API_KEY.")
    except openai.OpenAIError as error:
        return Finding(part, False, str(error), "Check OPENAI_BASE_URL and the network.")
    finally:
        await client.close()
    wanted = {config.openai_text_model, config.openai_realtime_model}
    if missing := wanted - names:
        return Finding(part, False, f"The server does not list {', '.join(sorted(missing))}.", "Set OPENAI_…_MODEL.")
    return Finding(part, True, f"key accepted, {len(names)} models")


async def check_google(config: AppConfig) -> Finding:
    part = "business lookup"
    if config.google_api_key is None:
        return Finding(part, None, "No GOOGLE_API_KEY; the sample directory answers.")
    base = config.google_places_base_url or "https://places.googleapis.com"
    headers = {"X-Goog-Api-Key": config.google_api_key.get_secret_value(), "X-Goog-FieldMask": "places.id"}
    async with httpx.AsyncClient(timeout=CHECK_DEADLINE_S) as http:
        try:
            answer = await http.post(f"{base}/v1/places:searchText", headers=headers, json={"textQuery": "town hall"})
        except httpx.HTTPError as error:
            return Finding(part, False, str(error), "Check the network.")
    if answer.is_error:
        return Finding(part, False, f"Places answers {answer.status_code}.", "Enable Places API (New) for the key.")
    return Finding(part, True, "Places accepts the key")
