"""Checks of the ways out: each trunk's endpoint, registration and server, its caller IDs, and the softphones."""

from typing import Final

from opendeep.common.errors import ConfigurationError, TelephonyMisuse
from opendeep.config.app_config import AppConfig
from opendeep.config.trunk_config import Trunk, load_trunks
from opendeep.doctor.asterisk_files import AsteriskFiles
from opendeep.doctor.asterisk_questions import AsteriskQuestions, Contact
from opendeep.doctor.findings import Finding, fail, ok, unused, warn

PJSIP_FILES: Final = "pjsip.trunks.conf|pjsip.local.conf|pjsip.conf"
REGISTRATION_ADVICE: Final = {
    "Rejected": "The provider refuses: compare TRUNK_USERNAME and TRUNK_PASSWORD with what it gave you.",
    "Unregistered": "The provider does not answer: check TRUNK_HOST, the network and the firewall (SIP, UDP).",
}


async def check_trunks(config: AppConfig, files: AsteriskFiles, ask: AsteriskQuestions) -> list[Finding]:
    try:
        trunks = load_trunks(config)
    except ConfigurationError as error:
        return [fail("trunks", str(error), "Mend the file that TRUNKS_FILE names.", "TRUNKS_FILE")]
    findings: list[Finding] = []
    for trunk in trunks:
        findings += await _trunk(config, trunk, files, ask)
    for name, (status, server) in (await ask.registrations()).items():
        findings.append(_registration(name, status, server, files))
    return findings


async def _trunk(config: AppConfig, trunk: Trunk, files: AsteriskFiles, ask: AsteriskQuestions) -> list[Finding]:
    part = f"trunk {trunk.name}"
    endpoint = trunk.endpoint
    if endpoint is None:
        return [unused(part, f"{trunk.channel_template} goes through the dialplan, which decides by itself.")]
    try:
        if not await ask.has_endpoint(endpoint):
            return [_no_endpoint(config, part, endpoint, files)]
        found = [_reach(part, await ask.qualified(endpoint), endpoint, files)]
    except TelephonyMisuse as error:
        return [fail(part, str(error), "Use letters, digits, - and _ in the names of endpoints.")]
    if not trunk.caller_ids:
        advice = "Set CALLER_ID (or caller_ids in TRUNKS_FILE) to a number that the provider lets you show."
        found.append(
            warn(part, "No caller ID: many providers and callees refuse anonymous calls.", advice, "CALLER_ID")
        )
    return found


def _no_endpoint(config: AppConfig, part: str, endpoint: str, files: AsteriskFiles) -> Finding:
    detail = f"Asterisk has no endpoint {endpoint}; calls to the world fail at once."
    advice = (
        "Give TRUNK_HOST (and TRUNK_USERNAME, TRUNK_PASSWORD) to the rendering script, see docs/asterisk.md, part 4."
    )
    where = files.where(PJSIP_FILES, endpoint)
    if config.app_test_mode:
        return warn(part, f"Asterisk has no endpoint {endpoint}; not needed while APP_TEST_MODE is on.", advice, where)
    return fail(part, detail, advice, where)


def _reach(part: str, contacts: list[Contact], endpoint: str, files: AsteriskFiles) -> Finding:
    where = files.where(PJSIP_FILES, endpoint, "contact")
    if not contacts:
        return fail(part, f"The endpoint {endpoint} has no contact.", "Set `contact` of its aor (TRUNK_HOST).", where)
    away = [contact for contact in contacts if contact.reachable is False]
    if away:
        detail = f"{', '.join(contact.uri for contact in away)} does not answer."
        return fail(part, detail, "Check TRUNK_HOST, the network and the firewall (SIP, UDP).", where)
    times = [contact.rtt_ms for contact in contacts if contact.rtt_ms is not None]
    if not times:
        return ok(part, f"{contacts[0].uri}; whether it answers is not known")
    return ok(part, f"{contacts[0].uri} answers in {max(times):.1f} ms")


def _registration(name: str, status: str, server: str, files: AsteriskFiles) -> Finding:
    part = f"registration {name}"
    if status == "Registered":
        return ok(part, f"registered at {server}")
    advice = REGISTRATION_ADVICE.get(status, "See log/messages of Asterisk, and `pjsip show registrations`.")
    where = files.where(PJSIP_FILES, name, "server_uri")
    if status == "Rejected":
        where = files.where(PJSIP_FILES, name.removesuffix("-registration") + "-auth", "password")
    return fail(part, f"{status or 'Not registered'} at {server}.", advice, where)


async def check_phones(config: AppConfig, files: AsteriskFiles, ask: AsteriskQuestions) -> list[Finding]:
    """The extensions of this machine; only in test mode does every call depend on one."""
    findings = []
    redirect = config.app_test_mode_redirect_number if config.app_test_mode else None
    for extension in dict.fromkeys((*config.internal_extensions, *([redirect] if redirect else []))):
        if not extension.isdigit():
            continue  # a real number as the test phone
        needed = fail if extension == redirect else warn
        part = f"phone {extension}"
        if not await ask.has_endpoint(extension):
            advice = f"Add an endpoint {extension} to pjsip.local.conf, or take it out of INTERNAL_EXTENSIONS."
            findings.append(
                needed(part, "Asterisk has no such endpoint.", advice, files.where("pjsip.conf", extension))
            )
        elif not (contacts := await ask.contacts(extension)):
            advice = f"Register a softphone as {extension} with the password there, from a network in `permit`."
            where = files.where("pjsip.conf", f"{extension}-auth", "password")
            findings.append(needed(part, "No phone is registered.", advice, where))
        else:
            findings.append(ok(part, f"registered from {contacts[0].uri.partition('@')[2] or contacts[0].uri}"))
    return findings
