"""Whether callees can be put through to people: the dialplan must know where their lines meet."""

from typing import Final

from opendeep.call_processor_service.second_leg import JOIN, TRANSFER_CONTEXT
from opendeep.config.app_config import AppConfig
from opendeep.doctor.asterisk_files import AsteriskFiles
from opendeep.doctor.asterisk_questions import AsteriskQuestions
from opendeep.doctor.findings import Finding, fail, ok, unused, warn

PART: Final = "asterisk: transfers"


async def check_transfers(config: AppConfig, files: AsteriskFiles, ask: AsteriskQuestions) -> Finding:
    """One finding. Raises `TelephonyFault` when Asterisk does not answer."""
    people = config.transfer_places
    if not people:
        return unused(PART, "TRANSFER_TARGETS names nobody to put a callee through to.")
    known = await ask.has_extension(TRANSFER_CONTEXT, JOIN)
    if known is None:
        advice = "Load func_dialplan.so, as in modules.conf of deploy/asterisk."
        return warn(
            PART, "Asterisk does not tell what its dialplan knows.", advice, files.where("modules.conf", "modules")
        )
    if not known:
        detail = f"The dialplan has no extension {JOIN} in [{TRANSFER_CONTEXT}]: a person who is fetched meets nobody."
        advice = "Take [opendeep-transfer] from extensions.conf of deploy/asterisk, then `dialplan reload`."
        return fail(PART, detail, advice, files.where("extensions.conf", TRANSFER_CONTEXT, "exten"))
    return ok(PART, f"callees can be put through to {', '.join(sorted(people))}")
