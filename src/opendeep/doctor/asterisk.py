"""Checks of Asterisk from outside: can we log in, may we do what we do, is everything there that a call needs.

Owns the order and the judgement. The questions are `asterisk_questions`, the way of the sound is `audio_probe`, the
trunks and the phone are `asterisk_trunks`, the places to mend come from `asterisk_files`.
"""

import asyncio
from typing import Final

from opendeep.call_processor_service.asterisk_ami_client import AmiAddress, AmiLoginRefused, AsteriskAmiClient
from opendeep.common.errors import TelephonyFault
from opendeep.config.app_config import AppConfig
from opendeep.doctor.asterisk_files import AsteriskFiles
from opendeep.doctor.asterisk_questions import AsteriskQuestions
from opendeep.doctor.asterisk_trunks import check_phones, check_trunks
from opendeep.doctor.audio_probe import probe_audio
from opendeep.doctor.findings import Finding, fail, ok, unused, warn
from opendeep.doctor.transfers import check_transfers

OLDEST_MAJOR: Final = 20
NEEDED_ACTIONS: Final = {
    "Originate": "originate",
    "Hangup": "call",
    "PlayDTMF": "call",
    "Setvar": "call",
    "Redirect": "call",
    "CoreShowChannels": "reporting",
}
DANGEROUS_ACTIONS: Final = {"Command": "command", "UpdateConfig": "config", "ModuleLoad": "system", "UserEvent": "user"}
NEEDED_MODULES: Final = (
    "app_audiosocket.so",
    "res_audiosocket.so",
    "chan_pjsip.so",
    "res_pjsip.so",
    "res_pjsip_session.so",
    "res_pjsip_sdp_rtp.so",
    "res_pjsip_outbound_authenticator_digest.so",
    "res_pjsip_outbound_registration.so",
    "res_rtp_asterisk.so",
    "codec_ulaw.so",
    "codec_alaw.so",
    "codec_resample.so",
    "app_senddtmf.so",
)
USEFUL_MODULES: Final = ("func_devstate.so", "func_pjsip_aor.so", "func_pjsip_contact.so", "func_pjsip_endpoint.so")


async def check_asterisk(config: AppConfig, files: AsteriskFiles) -> list[Finding]:
    """Everything about Asterisk; the first finding is the login, without which there are no others."""
    part = "asterisk"
    if config.asterisk_ami_host is None or config.asterisk_ami_secret is None:
        return [unused(part, "Not configured; calls go to the simulated switch.", "docs/asterisk.md shows the way.")]
    address = AmiAddress(
        config.asterisk_ami_host,
        config.asterisk_ami_port,
        config.asterisk_ami_username,
        config.asterisk_ami_secret.get_secret_value(),
    )
    booted = asyncio.Event()
    ami = AsteriskAmiClient(address)
    ami.add_event_listener("FullyBooted", lambda _event: booted.set())
    where = f"{address.host}:{address.port}"
    try:
        await ami.connect_and_login()
        login = ok(f"{part}: login", f"AMI at {where} accepts {address.username}")
        return [login, *await _examine(config, files, ami, booted)]
    except AmiLoginRefused as error:
        return [_refused(str(error), address, files)]
    except TelephonyFault as error:
        advice = f"Is Asterisk running, and does AMI listen on {where}? See `bindaddr` and `port`."
        return [fail(f"{part}: login", str(error), advice, files.where("manager.conf", "general", "port"))]
    finally:
        await ami.close()


def _refused(sentence: str, address: AmiAddress, files: AsteriskFiles) -> Finding:
    """Asterisk does not say whether name, secret or address is wrong; the file does."""
    user = address.username
    if files.folder is not None and files.value("manager.conf", user, "secret") == address.secret:
        advice = (
            "User and secret agree with manager.conf: `permit` does not let this machine in, or Asterisk has not read "
            "the file again (`asterisk -rx 'manager reload'`)."
        )
        return fail("asterisk: login", sentence, advice, files.where("manager.conf", user, "permit"))
    advice = "Make ASTERISK_AMI_USERNAME and ASTERISK_AMI_SECRET agree with manager.conf, then `manager reload`."
    return fail("asterisk: login", sentence, advice, files.where("manager.conf", user, "secret"))


async def _examine(
    config: AppConfig, files: AsteriskFiles, ami: AsteriskAmiClient, booted: asyncio.Event
) -> list[Finding]:
    ask = AsteriskQuestions(ami)
    user = config.asterisk_ami_username
    findings = [judge_version(await ask.version(), files, user)]
    findings += judge_rights(await ask.actions(), booted.is_set(), files, user)
    findings += judge_files(config, files)
    modules = {module: await ask.has_module(module) for module in (*NEEDED_MODULES, *USEFUL_MODULES)}
    findings += judge_modules(modules, files)
    findings += await probe_audio(config, files, ami)
    findings += await check_trunks(config, files, ask)
    findings += await check_phones(config, files, ask)
    findings.append(await check_transfers(config, files, ask))
    return findings


def judge_version(version: str | None, files: AsteriskFiles, user: str) -> Finding:
    part = "asterisk: version"
    if version is None:
        return warn(
            part, "Asterisk does not tell.", "Give `write = reporting`.", files.where("manager.conf", user, "write")
        )
    major = version.removeprefix("certified/").partition(".")[0]
    if not major.isdigit() or int(major) < OLDEST_MAJOR:
        return fail(part, f"{version} is too old.", f"Install Asterisk {OLDEST_MAJOR} or newer.")
    return ok(part, version)


def judge_rights(actions: frozenset[str], booted: bool, files: AsteriskFiles, user: str) -> list[Finding]:
    """What we may send (`write`), and whether events of the system come in (`read`)."""
    part = "asterisk: rights"
    write = files.where("manager.conf", user, "write")
    missing = {right for action, right in NEEDED_ACTIONS.items() if action not in actions}
    too_many = {right for action, right in DANGEROUS_ACTIONS.items() if action in actions}
    findings: list[Finding] = []
    if missing:
        detail = f"The AMI user may not {', '.join(a for a in NEEDED_ACTIONS if a not in actions)}."
        findings.append(
            fail(part, detail, f"Add {', '.join(sorted(missing))} to `write`, then `manager reload`.", write)
        )
    if too_many:
        detail = f"The AMI user has rights that OpenDeep never needs: {', '.join(sorted(too_many))}."
        findings.append(warn(part, detail, "Take them out of `write`: `write = originate,call,reporting`.", write))
    if not booted:
        advice = "Add system to `read`, then `manager reload`."
        where = files.where("manager.conf", user, "read")
        findings.append(fail(part, "Asterisk's own state is not told to us (FullyBooted).", advice, where))
    return findings or [ok(part, "all that is needed and no more")]


def judge_modules(modules: dict[str, bool | None], files: AsteriskFiles) -> list[Finding]:
    part = "asterisk: modules"
    where = files.where("modules.conf", "modules", "load")
    if all(there is None for there in modules.values()):
        advice = "Add `load = func_module.so` to modules.conf, then `module load func_module.so` on the console."
        return [warn(part, "Asterisk cannot tell which modules it has.", advice, where)]
    findings = []
    for module, there in modules.items():
        if there is False:
            say = fail if module in NEEDED_MODULES else warn
            advice = f"Add `load = {module}` to modules.conf, then `module load {module}` on the console."
            place = files.where("modules.conf", "modules", "load", module)
            findings.append(say(part, f"{module} is not loaded.", advice, place))
    return findings or [ok(part, f"all {len(modules)} that a call needs")]


def judge_files(config: AppConfig, files: AsteriskFiles) -> list[Finding]:
    """What only the files say: ports for sound, events that are filtered. Nothing without --asterisk-config."""
    if files.folder is None:
        return [unused("asterisk: files", "Not looked at; --asterisk-config FOLDER shows the lines to mend.")]
    if reason := files.unreadable():
        return [warn("asterisk: files", reason, "Name the folder that Asterisk reads, and read it as its owner.")]
    findings = [judge_ports(files, config.concurrent_calls)]
    user = config.asterisk_ami_username
    if files.value("manager.conf", user, "eventfilter") is None:
        detail = "Reports about sound (RTCP), two every five seconds for each call, are sent to us for nothing."
        where = files.where("manager.conf", user)
        findings.append(warn("asterisk: events", detail, "Add `eventfilter = !Event: RTCP.*`.", where))
    return findings


def judge_ports(files: AsteriskFiles, calls: int) -> Finding:
    part = "asterisk: rtp ports"
    first, last = files.value("rtp.conf", "general", "rtpstart"), files.value("rtp.conf", "general", "rtpend")
    where = files.where("rtp.conf", "general", "rtpend")
    if first is None or last is None or not (first.isdigit() and last.isdigit()):
        return warn(part, "rtp.conf names no range.", "Set rtpstart and rtpend, and open the range (UDP).", where)
    room = (int(last) - int(first) + 1) // 2
    if room < calls:
        detail = f"{first}-{last} is enough for {room} calls, MAX_CONCURRENT_CALLS is {calls}."
        return fail(part, detail, "Raise `rtpend` (two ports for each call), and open the range (UDP).", where)
    return ok(part, f"UDP {first}-{last}, enough for {room} calls; the firewall must let them in")
