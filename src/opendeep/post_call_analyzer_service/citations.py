"""Whether a finding's citation holds. Pure: one whose turns or quote are not there is dropped, and the reason kept."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from opendeep.common.answers import normal_value
from opendeep.common.campaign_plan import Question
from opendeep.common.data_models import Speaker, TranscriptTurn
from opendeep.post_call_analyzer_service.analysis_schema import FieldFinding

MAX_QUOTE_CHARS: Final = 2_000
MAX_QUOTED_TURNS: Final = 4  # of an answer with pauses in it


@dataclass(frozen=True, slots=True)
class Checked:
    """`kept` by key with normalised values; `dropped` says why each of the others went."""

    kept: dict[str, FieldFinding]
    dropped: tuple[str, ...]


def check_findings(
    findings: Sequence[FieldFinding], questions: Sequence[Question], turns: Sequence[TranscriptTurn]
) -> Checked:
    """Keep what is asked for, typed right and proved by the callee's own words."""
    asked = {question.key: question for question in questions}
    spoken = {turn.turn: turn for turn in turns}
    kept: dict[str, FieldFinding] = {}
    dropped: list[str] = []
    for finding in findings:
        question = asked.get(finding.key)
        value = normal_value(question, finding.value) if question else None
        if question is None:
            dropped.append(f"{finding.key}: not asked for")
        elif (known := kept.get(finding.key)) is not None:
            if value != known.value:
                dropped.append(f"{finding.key}: “{finding.value[:60]}” differs from what was found first")
        elif value is None:
            dropped.append(f"{finding.key}: “{finding.value[:60]}” is no {question.type.value}")
        elif reason := citation_fault(finding, spoken):
            dropped.append(f"{finding.key}: {reason}")
        else:
            kept[finding.key] = finding.model_copy(update={"value": value})
    return Checked(kept, tuple(dropped))


def citation_fault(finding: FieldFinding, spoken: Mapping[int, TranscriptTurn]) -> str | None:
    """Why the finding is not proved by its turns, None when it is."""
    cited = [spoken[number] for number in finding.turns if number in spoken]
    if not cited or len(cited) < len(finding.turns):
        return "cites turns that do not exist"
    callee = " ".join(turn.text for turn in cited if turn.speaker is Speaker.CALLEE)
    if not callee:
        return "cites no words of the callee"
    quote = plain_words(finding.quote)
    if not quote or f" {quote} " not in f" {plain_words(callee)} ":
        return "the quote is not in the cited turns"
    return None


def plain_words(text: str) -> str:
    """Lower case, without punctuation and double spaces: how quotes are compared."""
    return " ".join(re.findall(r"\w+", text.lower().replace("\u2019", "'").replace("'", "")))


def recorded_finding(said: Mapping[str, Any], turns: Sequence[TranscriptTurn]) -> FieldFinding:
    """An answer that was recorded in the call, with its proof: the last turns of the callee that have the words given
    (one, or a few in a row where the callee paused), else the turn in which it was recorded. Without either it has
    none, and does not count.
    """
    spoken = [turn for turn in turns if turn.speaker is Speaker.CALLEE]
    words = plain_words(str(said.get("words") or ""))
    quoting = _last_with(words, spoken) if words else []
    proof = quoting or [turn for turn in spoken if turn.turn == said.get("turn")][-1:]
    quote = str(said["words"]) if quoting else proof[-1].text if proof else ""
    numbers = [turn.turn for turn in proof]
    return FieldFinding(key=str(said["key"]), value=str(said["value"]), turns=numbers, quote=quote[:MAX_QUOTE_CHARS])


def spoken_by_callee(words: str, turns: Sequence[TranscriptTurn]) -> list[int]:
    """The turns of the callee that have these words, the last run of them; [] when the callee never said so."""
    spoken = [turn for turn in turns if turn.speaker is Speaker.CALLEE]
    wanted = plain_words(words)
    return [turn.turn for turn in _last_with(wanted, spoken)] if wanted else []


def turns_of_callee(cited: Sequence[int], turns: Sequence[TranscriptTurn]) -> list[int]:
    """The cited turns, when all of them exist and at least one is the callee's; else []."""
    by_number = {turn.turn: turn.speaker for turn in turns}
    holds = set(cited) <= set(by_number) and any(by_number[number] is Speaker.CALLEE for number in cited)
    return sorted(set(cited)) if holds else []


def existing_turns(cited: Sequence[int], turns: Sequence[TranscriptTurn]) -> list[int]:
    """The cited turns, when there are some and all of them exist; else []."""
    numbers = {turn.turn for turn in turns}
    return sorted(set(cited)) if set(cited) <= numbers else []


def _last_with(words: str, spoken: Sequence[TranscriptTurn]) -> list[TranscriptTurn]:
    """The last run of turns, as short as possible, that has the words; [] when there is none."""
    for length in range(1, MAX_QUOTED_TURNS + 1):
        for end in range(len(spoken), length - 1, -1):
            run = spoken[end - length : end]
            if f" {words} " in f" {' '.join(plain_words(turn.text) for turn in run)} ":
                return list(run)
    return []
