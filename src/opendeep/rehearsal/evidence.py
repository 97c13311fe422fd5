"""What a judge may look at: one rehearsed callee with its rows, words, sound, and what the switch testifies.

Owns the values, and what follows from them without judging: our sound in the recording, who speaks when, the plan's
questions. Reading them lives in `collecting`, judging in the `check_*` modules.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from opendeep.common.campaign_plan import CampaignPlan, Question
from opendeep.common.data_models import Call, CallEvent, FeedbackRequest, Speaker, Task, TranscriptTurn
from opendeep.rehearsal.sound import Samples, Span, audible_spans
from opendeep.simulation import Callee, CallSnapshot, Truth
from opendeep.simulation.witness import Sounding, Uttered

JOIN_MS = 300  # a pause inside a sentence does not divide our sound
NO_SOUND: Samples = np.zeros(0, dtype=np.int16)


@dataclass(frozen=True, slots=True)
class Case:
    """One callee to be called and judged. `number` is its own for this rehearsal; `kind` is the class in the score."""

    name: str
    kind: str
    callee: Callee
    truth: Truth
    number: str
    plan: CampaignPlan

    @property
    def questions(self) -> Sequence[Question]:
        """What the call has to find out."""
        return self.plan.tasks[0].questions or self.plan.questions


@dataclass(frozen=True)
class CallEvidence:
    """One call. `heard` is what reached the callee (our sound), `said` what left its telephone; both begin with the
    answer and are empty where nobody answered. `audio`: the recording, for the report."""

    call: Call
    turns: Sequence[TranscriptTurn] = ()
    events: Sequence[CallEvent] = ()
    witness: CallSnapshot | None = None
    heard: Samples = field(default_factory=lambda: NO_SOUND)
    said: Samples = field(default_factory=lambda: NO_SOUND)
    audio: Path | None = None

    @cached_property
    def our_sound(self) -> list[Span]:
        """Where something of ours reached the callee."""
        return audible_spans(self.heard, join_ms=JOIN_MS)

    @property
    def our_turns(self) -> list[TranscriptTurn]:
        return [turn for turn in self.turns if turn.speaker is Speaker.AI and turn.text.strip()]

    @property
    def uttered(self) -> Sequence[Uttered]:
        """What the callee said and played, as the switch knows it: not what was understood of it."""
        return self.witness.uttered if self.witness is not None else ()

    @property
    def lines(self) -> list[Uttered]:
        """The callee's words."""
        return [one for one in self.uttered if one.kind is Sounding.WORDS]

    def node_at(self, at_ms: int) -> str:
        """The node of the callee's script at that moment, empty before the first."""
        nodes = [visit.node for visit in (self.witness.visits if self.witness else ()) if visit.at_ms <= at_ms]
        return nodes[-1] if nodes else ""

    @property
    def answered(self) -> bool:
        return self.call.answered_at is not None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything about one case. `fault`: why the rehearsal could not be finished, empty when it was.

    `blocked`: the number is on the do-not-call list. `left_running`: what should have ended and has not.
    """

    case: Case
    task: Task | None = None
    calls: Sequence[CallEvidence] = ()
    blocked: bool = False
    feedback: Sequence[FeedbackRequest] = ()
    left_running: Sequence[str] = ()
    fault: str = ""

    @property
    def last(self) -> CallEvidence | None:
        """The call that settled it."""
        return self.calls[-1] if self.calls else None

    @property
    def answered(self) -> list[CallEvidence]:
        return [call for call in self.calls if call.answered]
