"""What a rehearsal came to: one result per case, classes, the whole; as values and as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from opendeep.rehearsal.check_sound import response_gaps
from opendeep.rehearsal.evidence import Evidence
from opendeep.rehearsal.findings import Finding, mean, score_of


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """A line of the transcript. `speaker` is ai, callee, user, or `really` for what the callee truly said."""

    at_ms: int
    speaker: str
    text: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class CallResult:
    """One call for the report. `audio` is a path relative to the report, empty where nobody answered."""

    attempt: int
    status: str
    disposition: str
    talk_s: float
    lines: Sequence[SpokenLine]
    audio: str = ""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One judged case: its findings, its calls, and how long our answers took (ms).

    `missed_turns`: what the callee's own recogniser was too slow for.
    """

    name: str
    title: str
    kind: str
    number: str
    outcome: str
    findings: Sequence[Finding]
    calls: Sequence[CallResult] = ()
    gaps_ms: Sequence[int] = ()
    missed_turns: int = 0

    @property
    def score(self) -> float:
        """Percent."""
        return score_of(self.findings)

    @property
    def wrong(self) -> list[Finding]:
        return [finding for finding in self.findings if not finding.right]


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """The whole rehearsal. `late_ticks`: 20 ms steps that this machine skipped; the sound is not to be trusted then."""

    cases: Sequence[CaseResult]
    started_at: datetime
    seconds: float
    world: str
    provider: str
    threshold: float
    parallel: int
    late_ticks: int = 0
    passed_over: Sequence[str] = ()
    left_running: Sequence[str] = ()
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """Mean over the cases, percent; 0 when something was left running."""
        return 0.0 if self.left_running else mean([case.score for case in self.cases])

    @property
    def good(self) -> bool:
        return self.score >= self.threshold

    def kinds(self) -> list[tuple[str, int, float]]:
        """Class, number of cases, mean score; by name."""
        names = sorted({case.kind for case in self.cases})
        scores = {name: [case.score for case in self.cases if case.kind == name] for name in names}
        return [(name, len(scores[name]), mean(scores[name])) for name in names]

    def gaps_ms(self) -> list[int]:
        """All our answers' delays, sorted."""
        return sorted(gap for case in self.cases for gap in case.gaps_ms)

    @property
    def missed_turns(self) -> int:
        """Turns of ours that callees could not understand in time; like late ticks a sign of a busy machine."""
        return sum(case.missed_turns for case in self.cases)

    def as_json(self) -> dict[str, Any]:
        gaps = self.gaps_ms()
        return {
            "score": round(self.score, 1),
            "threshold": self.threshold,
            "good": self.good,
            "started_at": self.started_at.isoformat(timespec="seconds"),
            "seconds": round(self.seconds, 1),
            "world": self.world,
            "provider": self.provider,
            "parallel": self.parallel,
            "late_ticks": self.late_ticks,
            "missed_turns": self.missed_turns,
            "left_running": list(self.left_running),
            "passed_over": list(self.passed_over),
            "answer_ms": {"count": len(gaps), "p50": percentile(gaps, 50), "p95": percentile(gaps, 95)},
            "classes": [{"name": n, "cases": count, "score": round(score, 1)} for n, count, score in self.kinds()],
            "cases": [_case_json(case) for case in self.cases],
        }


def percentile(ordered: Sequence[int], share: int) -> int | None:
    """The value that `share` percent of the sorted values do not exceed; None of none."""
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)] if ordered else None


def result_of(e: Evidence, findings: Sequence[Finding], audio: Sequence[str] = ()) -> CaseResult:
    """The result of a judged case. `audio`: a path for each call."""
    case, task = e.case, e.task
    paths = [*audio, *[""] * len(e.calls)]
    return CaseResult(
        name=case.name,
        title=case.callee.title,
        kind=case.kind,
        number=case.number,
        outcome=task.disposition.value if task is not None and task.disposition else "none",
        findings=tuple(findings),
        calls=tuple(_call(e, index, paths[index]) for index in range(len(e.calls))),
        gaps_ms=tuple(gap.ms for call in e.answered for gap in response_gaps(call, case.callee)),
        missed_turns=sum(call.witness.missed_turns for call in e.calls if call.witness is not None),
    )


def _call(e: Evidence, index: int, audio: str) -> CallResult:
    call = e.calls[index]
    lines = [SpokenLine(turn.started_ms, turn.speaker.value, turn.text, turn.interrupted) for turn in call.turns]
    lines += [SpokenLine(one.at_ms, "really", one.words or f"({one.kind.value})") for one in call.uttered]
    lines.sort(key=lambda line: line.at_ms)
    talk_s = call.witness.talk_ms / 1000 if call.witness is not None else call.call.talk_seconds
    disposition = call.call.disposition.value if call.call.disposition else ""
    return CallResult(call.call.attempt_number, call.call.status.value, disposition, talk_s, tuple(lines), audio)


def _case_json(case: CaseResult) -> dict[str, Any]:
    return {
        "name": case.name,
        "class": case.kind,
        "score": round(case.score, 1),
        "outcome": case.outcome,
        "answer_ms": list(case.gaps_ms),
        "findings": [
            {
                "check": one.check,
                "right": one.right,
                "share": round(one.share, 3),
                "weight": one.weight,
                "why": one.why,
                "attempt": one.attempt,
                "at_ms": one.at_ms,
            }
            for one in case.findings
        ],
        "calls": [
            {
                "attempt": call.attempt,
                "status": call.status,
                "disposition": call.disposition,
                "talk_s": round(call.talk_s, 1),
                "audio": call.audio,
                "lines": [{"at_ms": s.at_ms, "speaker": s.speaker, "text": s.text, "cut": s.cut} for s in call.lines],
            }
            for call in case.calls
        ],
    }
