"""The shape of a judgement (`call_analysis`), as a model must answer it and as the rules answer it. Values only."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_NAME = "call_analysis"
Text = Annotated[str, Field(max_length=2_000)]


class _Document(BaseModel):
    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)


class FieldFinding(_Document):
    """One answer of the callee. `quote` is copied from one of the cited turns."""

    key: Annotated[str, Field(max_length=60)]
    value: Text
    turns: Annotated[list[int], Field(max_length=20)]
    quote: Text


class LearnedFact(_Document):
    """A remark about the contact that helps a later call, in a few of the callee's words; proved like an answer."""

    key: Annotated[str, Field(max_length=40)] = "note"
    text: Annotated[str, Field(max_length=600)]
    turns: Annotated[list[int], Field(max_length=20)]
    quote: Text


class Sentiment(_Document):
    """How the callee sounded by their words, with the turns of theirs that show it."""

    mood: Literal["positive", "neutral", "negative"]
    turns: Annotated[list[int], Field(max_length=20)]


class QualityNote(_Document):
    """What only somebody who understands the words can say of our side; what rows show is measured (`call_quality`)."""

    flag: Literal["misunderstood", "callee_confused", "callee_annoyed", "unsupported_claim"]
    turns: Annotated[list[int], Field(max_length=20)]


class CallAnalysis(_Document):
    """What came of one answered call. `callback_words` are the callee's own; a parser makes the time of them."""

    disposition: Literal[
        "ACHIEVED",
        "DECLINED",
        "CALLBACK_REQUESTED",
        "OPTED_OUT",
        "WRONG_NUMBER",
        "VOICEMAIL_LEFT",
        "VOICEMAIL",
        "INCONCLUSIVE",
    ]
    summary: Text
    fields: Annotated[list[FieldFinding], Field(max_length=40)] = []
    next_step: Literal["complete", "retry", "callback", "needs_user", "fail"]
    callback_words: Text | None = None
    question_for_user: Text | None = None
    dnd: bool = False
    evidence_turns: Annotated[list[int], Field(max_length=100)] = []
    learned: Annotated[list[LearnedFact], Field(max_length=20)] = []
    sentiment: Sentiment | None = None
    quality: Annotated[list[QualityNote], Field(max_length=20)] = []
