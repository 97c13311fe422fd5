"""What can be wrong with an Asterisk is broken on a real one, and `opendeep doctor` names it and the line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr

from opendeep.config.app_config import AppConfig, load_config
from opendeep.doctor.asterisk import check_asterisk
from opendeep.doctor.asterisk_files import AsteriskFiles
from opendeep.doctor.findings import Finding, Level
from tests.support.asterisk import AsteriskProgram, RealAsterisk
from tests.support.sip_callee import RecordingCallee
from tests.support.sip_provider import SipProvider

pytestmark = [pytest.mark.asterisk, pytest.mark.asyncio(loop_scope="module")]

UNREACHABLE, PROVIDER = "127.0.0.9", "127.0.0.2"
USER, PASSWORD = "line-1", "Tr0mbone=co"


@dataclass
class Ward:
    """An Asterisk with a registered trunk, whose configuration can be spoilt and mended again."""

    asterisk: RealAsterisk
    provider: SipProvider
    config: AppConfig

    async def findings(self, *, folder: bool = True, **changes: Any) -> dict[str, list[Finding]]:
        """What the doctor finds, by part."""
        config = self.config.model_copy(update=changes)
        by_part: dict[str, list[Finding]] = {}
        for finding in await check_asterisk(config, AsteriskFiles(self.asterisk.etc if folder else None)):
            by_part.setdefault(finding.part, []).append(finding)
        return by_part

    async def spoil(self, file: str, old: str, new: str, reload: str) -> Callable[[], Awaitable[None]]:
        """Change a file and let Asterisk read it; returns what undoes it."""
        path = self.asterisk.etc / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        await self.asterisk.cli(reload)

        async def mend() -> None:
            path.write_text(text)
            await self.asterisk.cli(reload)

        return mend


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ward(asterisk_program: AsteriskProgram, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ward]:
    async with SipProvider(PROVIDER, accounts={USER: PASSWORD}) as provider:
        account = {"TRUNK_HOST": provider.address, "TRUNK_USERNAME": USER, "TRUNK_PASSWORD": PASSWORD}
        async with RealAsterisk(trunk=False, settings=account) as asterisk:
            await provider.until_registered(USER)
            config = load_config(
                _env_file=None,
                data_dir=tmp_path_factory.mktemp("data"),
                asterisk_ami_host=asterisk.ami_host,
                asterisk_ami_port=asterisk.ami_port,
                asterisk_ami_username=asterisk.ami_username,
                asterisk_ami_secret=SecretStr(asterisk.ami_secret),
                caller_id="+4930123456",
            )
            yield Ward(asterisk, provider, config)


def line_of(ward: Ward, file: str, text: str) -> str:
    """`…/file:17`, where `text` stands."""
    lines = (ward.asterisk.etc / file).read_text().splitlines()
    return f"{ward.asterisk.etc / file}:{next(n for n, line in enumerate(lines, 1) if line.startswith(text))}"


def wrong(findings: dict[str, list[Finding]], part: str, *words: str, level: Level = Level.FAIL) -> Finding:
    """The finding of that part is wrong, and it and its advice say these words."""
    found = [finding for finding in findings[part] if finding.level == level]
    assert found, findings[part]
    for word in words:
        assert word in f"{found[0].detail} {found[0].advice}"
    assert found[0].advice
    return found[0]


async def test_a_healthy_asterisk_has_nothing_but_an_idle_phone(ward: Ward) -> None:
    findings = await ward.findings()
    levels = {part: [finding.level for finding in found] for part, found in findings.items()}
    assert levels == {
        "asterisk: login": [Level.OK], "asterisk: version": [Level.OK], "asterisk: rights": [Level.OK],
        "asterisk: rtp ports": [Level.OK], "asterisk: modules": [Level.OK], "asterisk: sound": [Level.OK],
        "asterisk: events": [Level.OK], "clock": [Level.OK], "trunk trunk": [Level.OK],
        "registration trunk-registration": [Level.OK], "phone 7000": [Level.WARN],
        "asterisk: transfers": [Level.UNUSED],
    }, findings  # fmt: skip
    assert "answers in" in findings["trunk trunk"][0].detail
    assert ward.asterisk.program.version.split(".")[0] in findings["asterisk: version"][0].detail


async def test_without_the_folder_the_place_is_named_in_words(ward: Ward) -> None:
    findings = await ward.findings(folder=False)
    assert findings["phone 7000"][0].where == "pjsip.conf, [7000-auth] password"
    assert findings["asterisk: files"][0].level == Level.UNUSED


async def test_wrong_secret(ward: Ward) -> None:
    findings = await ward.findings(asterisk_ami_secret=SecretStr("wrong"))
    assert list(findings) == ["asterisk: login"]
    finding = wrong(findings, "asterisk: login", "ASTERISK_AMI_SECRET")
    assert finding.where == line_of(ward, "manager.conf", "secret")


async def test_an_address_that_is_not_permitted(ward: Ward) -> None:
    mend = await ward.spoil("manager.conf", "permit = 127.0.0.1/", "permit = 127.0.0.7/", "manager reload")
    finding = wrong(await ward.findings(), "asterisk: login", "`permit` does not let this machine in")
    assert finding.where == line_of(ward, "manager.conf", "permit")
    await mend()


async def test_nobody_listens(ward: Ward) -> None:
    finding = wrong(await ward.findings(asterisk_ami_port=1), "asterisk: login", "bindaddr")
    assert finding.where == line_of(ward, "manager.conf", "port")


async def test_a_right_is_missing(ward: Ward) -> None:
    mend = await ward.spoil("manager.conf", "write = originate,call,", "write = call,", "manager reload")
    findings = await ward.findings()
    finding = wrong(findings, "asterisk: rights", "may not Originate", "Add originate")
    assert finding.where == line_of(ward, "manager.conf", "write")
    wrong(findings, "asterisk: sound", "refuses to place a call", "write")
    await mend()


async def test_too_many_rights(ward: Ward) -> None:
    mend = await ward.spoil("manager.conf", "write = originate", "write = system,command,originate", "manager reload")
    wrong(await ward.findings(), "asterisk: rights", "command, system", level=Level.WARN)
    await mend()


@pytest.mark.parametrize(
    ("read", "part", "words"),
    [
        ("read = system,reporting", "asterisk: events", "Add call to `read`"),
        ("read = call,dtmf,reporting", "asterisk: rights", "Add system to `read`"),
    ],
)
async def test_events_that_we_may_not_read(ward: Ward, read: str, part: str, words: str) -> None:
    mend = await ward.spoil("manager.conf", "read = call,dtmf,system,reporting", read, "manager reload")
    finding = wrong(await ward.findings(), part, words)
    assert finding.where == line_of(ward, "manager.conf", "read")
    await mend()


async def test_a_filter_that_hides_our_calls(ward: Ward) -> None:
    new = "eventfilter = !Event: TestEvent\neventfilter = !Event: Newchannel"
    mend = await ward.spoil("manager.conf", "eventfilter = !Event: TestEvent", new, "manager reload")
    wrong(await ward.findings(), "asterisk: events", "eventfilter")
    await mend()


async def test_no_filter_at_all(ward: Ward) -> None:
    mend = await ward.spoil("manager.conf", "eventfilter =", "; eventfilter =", "manager reload")
    wrong(await ward.findings(), "asterisk: events", "RTCP", level=Level.WARN)
    await mend()


@pytest.mark.parametrize("module", ["app_audiosocket.so", "codec_alaw.so", "app_senddtmf.so"])
async def test_a_module_is_missing(ward: Ward, module: str) -> None:
    await ward.asterisk.cli(f"module unload {module}")
    findings = await ward.findings()
    finding = wrong(findings, "asterisk: modules", module, "modules.conf")
    assert finding.where == line_of(ward, "modules.conf", f"load = {module}")
    if module.startswith("app_audio"):
        wrong(findings, "asterisk: sound", "did not connect", "app_audiosocket.so")
    await ward.asterisk.cli(f"module load {module}")


async def test_asterisk_cannot_tell_its_modules(ward: Ward) -> None:
    await ward.asterisk.cli("module unload func_module.so")
    wrong(await ward.findings(), "asterisk: modules", "func_module.so", level=Level.WARN)
    await ward.asterisk.cli("module load func_module.so")


async def test_sound_cannot_reach_us(ward: Ward) -> None:
    finding = wrong(await ward.findings(audiosocket_public_host=UNREACHABLE), "asterisk: sound", UNREACHABLE)
    assert finding.where == "AUDIOSOCKET_PUBLIC_HOST"


async def test_an_address_that_is_not_ours(ward: Ward) -> None:
    wrong(await ward.findings(audiosocket_host="203.0.113.9"), "asterisk: sound", "AUDIOSOCKET_HOST")


async def test_the_dialplan_is_another_one(ward: Ward) -> None:
    mend = await ward.spoil("extensions.conf", "[opendeep-check]", "[another]", "dialplan reload")
    finding = wrong(await ward.findings(), "asterisk: sound", "dialplan reload")
    assert finding.where == f"{ward.asterisk.etc / 'extensions.conf'} (there is no [opendeep-check] yet)"
    await mend()


async def test_too_few_ports_for_sound(ward: Ward) -> None:
    finding = wrong(await ward.findings(max_concurrent_calls=900), "asterisk: rtp ports", "MAX_CONCURRENT_CALLS is 900")
    assert finding.where == line_of(ward, "rtp.conf", "rtpend")


async def test_no_such_trunk(ward: Ward) -> None:
    there: dict[str, Any] = {"asterisk_channel_template": "PJSIP/{number}@another"}
    wrong(await ward.findings(**there), "trunk trunk", "no endpoint another", "TRUNK_HOST")
    calm = await ward.findings(**there, app_test_mode=True)
    wrong(calm, "trunk trunk", "not needed while APP_TEST_MODE", level=Level.WARN)


async def test_the_dialplan_as_a_trunk_is_left_alone(ward: Ward) -> None:
    findings = await ward.findings(asterisk_channel_template=RealAsterisk.dialplan_template)
    assert findings["trunk trunk"][0].level == Level.UNUSED


async def test_no_caller_id(ward: Ward) -> None:
    finding = wrong(await ward.findings(caller_id=None), "trunk trunk", "CALLER_ID", level=Level.WARN)
    assert finding.where == "CALLER_ID"


async def test_the_provider_is_away(ward: Ward) -> None:
    ward.provider.away = True
    finding = wrong(await ward.findings(), "trunk trunk", ward.provider.address, "does not answer")
    assert finding.where == line_of(ward, "pjsip.trunks.conf", "contact")
    ward.provider.away = False
    assert (await ward.findings())["trunk trunk"][0].level == Level.OK


async def test_the_password_of_the_trunk_is_wrong(ward: Ward) -> None:
    ward.provider.accounts[USER] = "another"
    await ward.asterisk.cli("pjsip send register trunk-registration")
    await ward.provider.until_refused()
    finding = wrong(await ward.findings(), "registration trunk-registration", "Rejected", "TRUNK_PASSWORD")
    assert finding.where == line_of(ward, "pjsip.trunks.conf", f"password = {PASSWORD}")
    ward.provider.accounts[USER] = PASSWORD
    ward.provider.registered.clear()
    await ward.asterisk.cli("pjsip send register trunk-registration")
    await ward.provider.until_registered(USER)


async def test_the_phone(ward: Ward) -> None:
    needed = await ward.findings(app_test_mode=True)
    finding = wrong(needed, "phone 7000", "Register a softphone as 7000")
    assert finding.where == line_of(ward, "pjsip.conf", f"password = {ward.asterisk.phone_secret}")
    async with RecordingCallee() as phone:
        registration = ward.asterisk.sip_port, "7000", ward.asterisk.phone_secret
        await phone.register(*registration)
        found = (await ward.findings())["phone 7000"][0]
        assert (found.level, found.detail) == (Level.OK, f"registered from 127.0.0.1:{phone.sip_port}")
        await phone.register(*registration, 0)
    wrong(await ward.findings(internal_extensions=("7000", "7001")), "phone 7001", "no such endpoint", level=Level.WARN)


async def test_where_a_person_and_the_callee_meet(ward: Ward) -> None:
    part, people = "asterisk: transfers", ("reception=7001",)
    assert [one.level for one in (await ward.findings())[part]] == [Level.UNUSED]
    [found] = (await ward.findings(transfer_targets=people))[part]
    assert (found.level, "reception" in found.detail) == (Level.OK, True)
    mend = await ward.spoil("extensions.conf", "exten => join,", "exten => joined,", "dialplan reload")
    found = wrong(await ward.findings(transfer_targets=people), part, "join", "dialplan reload")
    assert found.where == line_of(ward, "extensions.conf", "exten => _70XX,1,NoOp(OpenDeep ${CALL_ATTEMPT_ID} put")
    await mend()


async def test_a_folder_without_the_files(ward: Ward, tmp_path: Path) -> None:
    findings = await check_asterisk(ward.config, AsteriskFiles(tmp_path))
    [finding] = [finding for finding in findings if finding.part == "asterisk: files"]
    assert finding.level == Level.WARN
    assert str(tmp_path / "manager.conf") in finding.detail
