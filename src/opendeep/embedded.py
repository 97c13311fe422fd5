"""The embedded world: starts the stand-ins that the settings ask for and says where they listen.

What comes back is the same `AppConfig` with addresses filled in. From there on nothing knows the difference.
"""

import contextlib
import secrets
from dataclasses import dataclass

import structlog
from pydantic import SecretStr

from opendeep.config.app_config import AppConfig, Role
from opendeep.offline.runner import OfflineProcess
from opendeep.offline.speech import SpeechEngines
from opendeep.simulation.browser_phones import BrowserPhones, OwnerOf
from opendeep.simulation.callee_loader import callees_with
from opendeep.simulation.callee_mind import ChatMind
from opendeep.simulation.switch import SimulatedSwitch
from opendeep.supervisor import Worker

log = structlog.get_logger(__name__)

OFFLINE_KEY = SecretStr("offline")
RECOGNISERS = 1  # worker processes for the callees; the offline server has its own


@dataclass(frozen=True, slots=True)
class Embedded:
    """The settings with addresses, workers to supervise, and the telephones in the browsers where there are any."""

    config: AppConfig
    workers: list[Worker]
    phones: BrowserPhones | None = None


async def start_embedded(config: AppConfig, stack: contextlib.AsyncExitStack, owner_of: OwnerOf) -> Embedded:
    """Start what is needed; it stops with `stack`. `owner_of` names the user whose call a channel is."""
    config, workers = await _offline(config, stack)
    if not (config.simulated_telephony and Role.VOICE in config.opendeep_roles):
        return Embedded(config, workers)
    phones = BrowserPhones(owner_of)
    return Embedded(await _switch(config, stack, phones), workers, phones)


async def _offline(config: AppConfig, stack: contextlib.AsyncExitStack) -> tuple[AppConfig, list[Worker]]:
    speaks_scripts = Role.VOICE in config.opendeep_roles and config.scripted_base_url is None
    if not (config.offline_ai or config.sample_directory or speaks_scripts):
        return config, []
    process = OfflineProcess(voice=config.offline_voice or None, engines=config.offline_engines)
    await process.start()
    stack.push_async_callback(process.stop)
    changes: dict[str, object] = {"scripted_base_url": config.scripted_base_url or process.base_url}
    if config.offline_ai:
        changes |= {"openai_base_url": process.base_url, "openai_api_key": OFFLINE_KEY}
    if config.sample_directory:
        changes |= {
            "google_api_key": OFFLINE_KEY,
            "google_base_url": process.base_url,
            "google_places_base_url": process.base_url,
        }
    log.info("embedded.offline_started", url=process.base_url, voice=config.offline_ai, samples=config.sample_directory)
    return config.model_copy(update=changes), [Worker("offline", process.run, process.stop)]


async def _switch(config: AppConfig, stack: contextlib.AsyncExitStack, phones: BrowserPhones) -> AppConfig:
    engines = await stack.enter_async_context(SpeechEngines(workers=RECOGNISERS))
    secret = secrets.token_hex(16)
    switch = SimulatedSwitch(
        synthesizer=engines.synthesizer,
        recognizer=engines.recognizer,
        mind=await callee_mind(config, stack),
        callees=callees_with(config.callees_dir),
        username=config.asterisk_ami_username,
        secret=secret,
    )
    await stack.enter_async_context(switch)
    switch.attach(phones)
    host, port = switch.ami_address
    log.info("embedded.switch_started", host=host, port=port)
    return config.model_copy(
        update={"asterisk_ami_host": host, "asterisk_ami_port": port, "asterisk_ami_secret": SecretStr(secret)}
    )


async def callee_mind(config: AppConfig, stack: contextlib.AsyncExitStack) -> ChatMind | None:
    """The language model that plays callees, where one is set up."""
    if config.rehearsal_llm_url is None:
        return None
    key = config.rehearsal_llm_api_key.get_secret_value() if config.rehearsal_llm_api_key else ""
    return await stack.enter_async_context(ChatMind(config.rehearsal_llm_url, config.rehearsal_llm_model, key))
