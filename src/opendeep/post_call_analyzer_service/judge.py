"""`Judge`: who judges one call. The table where nothing was said, else the model, in its absence the rules."""

from datetime import datetime
from typing import Final

import structlog

from opendeep.common.callee_place import ZoneRules
from opendeep.common.data_models import CallStatus, Disposition
from opendeep.common.errors import ProviderFault, ProviderRefused
from opendeep.config.prompt_minds import analysis_prompt
from opendeep.llm_integrations.openai_form_client import StructuredModel
from opendeep.post_call_analyzer_service import hard_rules, rules
from opendeep.post_call_analyzer_service.analysis_case import Case
from opendeep.post_call_analyzer_service.analysis_schema import SCHEMA_NAME, CallAnalysis
from opendeep.post_call_analyzer_service.judgement import Judgement

log = structlog.get_logger(__name__)

MAX_TRIES: Final = 3


class Judge:
    """Makes the proposal; what counts of it is `conclusion`'s."""

    def __init__(self, llm: StructuredModel, zones: ZoneRules) -> None:
        self._llm = llm
        self._zones = zones

    async def judge(self, case: Case, now: datetime) -> Judgement:
        """With patience: raises `ProviderFault` while it is worth asking the model again, else the rules judge."""
        if plain := without_words(case):
            return plain
        if case.tries >= MAX_TRIES:
            return _by_rules(case, "The analysis failed before.")
        try:
            return await self.ask(case, now)
        except ProviderFault as fault:
            if not isinstance(fault, ProviderRefused) and case.tries + 1 < MAX_TRIES:
                raise
            return _by_rules(case, str(fault))

    async def ask(self, case: Case, now: datetime) -> Judgement:
        """The table or the model, and nobody in its place. Raises `ProviderFault`."""
        if plain := without_words(case):
            return plain
        system, question = analysis_prompt(case.record(self._zones.of(case.task), now))
        messages = [{"role": "user", "content": question}]
        analysis = await self._llm.structured(system, messages, CallAnalysis, SCHEMA_NAME)
        return Judgement(analysis, "model", Disposition(analysis.disposition), analysis.summary)


def without_words(case: Case) -> Judgement | None:
    """The judgement of a call in which the callee said nothing; None where there are words to judge."""
    if case.call.answered_at is None or case.call.status is CallStatus.FAILED:
        disposition, sentence = rules.unanswered(case.call)
        return Judgement(None, "table", disposition, sentence)
    if not hard_rules.callee_spoke(case.turns) and case.end_requested is None:
        silent = f"The call was answered, but the callee said nothing. {case.call.end_reason or ''}".rstrip()
        return Judgement(None, "table", Disposition.INCONCLUSIVE, silent)
    return None


def _by_rules(case: Case, why: str) -> Judgement:
    log.warning("analysis.by_rules", why=why)
    analysis = rules.judge(case.brief.questions, case.turns, case.end_requested)
    return Judgement(analysis, "rules", Disposition(analysis.disposition), analysis.summary, fault=why)
