"""The call brief: the one machine-readable block inside the prose of `session.instructions`.

Owns finding, checking and typing that block. A real model reads it as context; the scripted conversation reads only
it. Everything in it is data for sentences, never code. A brief with a `script` is held word for word; for one without,
the script follows from its disclosure, opening and questions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson
from pydantic import ValidationError

from opendeep.common.call_script import CallScript, ScriptQuestion, filled
from opendeep.common.question_types import QuestionType
from opendeep.common.script_wording import worded_script

BRIEF_VERSION: Final = 1
MAX_QUESTIONS: Final = 20
SOMEBODY: Final = "the person I want to reach"  # whose name is not known
MAX_TEXT_CHARS: Final = 2_000  # per sentence taken from the brief
QUESTION_TYPES: Final = tuple(kind.value for kind in QuestionType)
VOICEMAIL_POLICIES: Final = ("leave_message", "hang_up", "retry_later")

_BLOCK = re.compile(r"<call_brief>\s*(.*?)\s*</call_brief>", re.DOTALL)


class BriefError(ValueError):
    """The instructions carry a call brief that cannot be used. The message names the field."""


@dataclass(frozen=True, slots=True)
class VoicemailPlan:
    """What to do when a machine answers."""

    policy: str = "hang_up"
    message: str = ""


@dataclass(frozen=True, slots=True)
class CallBrief:
    """Everything the scripted conversation knows about its call. `word_for_word`: the script came with the brief, and
    answers, refusals and call-backs are given to the tools that keep them."""

    on_behalf_of: str
    script: CallScript  # with its names filled in
    word_for_word: bool
    recording_notice: str
    screening_line: str
    contact_name: str
    contact_kind: str  # "person" or "business"
    objective: str
    may_say: tuple[str, ...]
    must_not_say: tuple[str, ...]
    menu_hint: str | None
    voicemail: VoicemailPlan
    now: datetime  # aware, in the callee's zone
    earlier_calls: tuple[str, ...] = ()

    @property
    def questions(self) -> tuple[ScriptQuestion, ...]:
        return self.script.questions

    @property
    def who_calls(self) -> str:
        """The disclosure, and that the call is recorded where that is to be said."""
        return f"{self.script.disclosure} {self.recording_notice}".strip()


def parse_brief(instructions: str) -> CallBrief | None:
    """The call brief in `instructions`, or None when there is no block. Raises BriefError on a block that is wrong."""
    block = _BLOCK.search(instructions)
    if block is None:
        return None
    try:
        fields = orjson.loads(block.group(1))
    except orjson.JSONDecodeError as error:
        raise BriefError(f"call_brief is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise BriefError("call_brief must be a JSON object")
    if fields.get("version") != BRIEF_VERSION:
        raise BriefError(f"call_brief.version must be {BRIEF_VERSION}, not {fields.get('version')!r}")
    return _brief(fields)


def _brief(fields: dict[str, Any]) -> CallBrief:
    contact = _object(fields, "contact")
    principal = _text(fields, "on_behalf_of")
    kind = _text(contact, "kind", default="person")
    if kind not in ("person", "business"):
        raise BriefError("call_brief.contact.kind must be person or business")
    name = _text(contact, "name", default="")
    script = _given_script(fields["script"]) if fields.get("script") else _own_script(fields, principal)
    names = {"name": name or SOMEBODY, "principal": principal}
    voicemail = _voicemail(fields)
    return CallBrief(
        on_behalf_of=principal,
        script=script.with_names(**names),
        word_for_word=bool(fields.get("script")),
        recording_notice=_text(fields, "recording_notice", default=""),
        screening_line=filled(_text(fields, "screening_line", default=""), **names),
        contact_name=name,
        contact_kind=kind,
        objective=_text(fields, "objective", default=""),
        may_say=_texts(fields, "may_say"),
        must_not_say=_texts(fields, "must_not_say"),
        menu_hint=_text(fields, "menu_hint", default="") or None,
        voicemail=VoicemailPlan(voicemail.policy, filled(voicemail.message, **names)),
        now=_now(fields),
        earlier_calls=_texts(fields, "earlier_calls"),
    )


def _given_script(value: object) -> CallScript:
    try:
        script = CallScript.model_validate(value)
    except ValidationError as error:
        mistake = error.errors()[0]
        where = ".".join(str(part) for part in mistake["loc"])
        raise BriefError(f"call_brief.script.{where}: {mistake['msg']}") from error
    for question in script.questions:
        if question.type is None:
            types = ", ".join(QUESTION_TYPES)
            raise BriefError(f"call_brief.script: the question {question.key} has no answer type; there are {types}")
        if question.type is QuestionType.CHOICE and not question.options:
            raise BriefError(f"call_brief.script: the question {question.key} is a choice and needs options")
    _check_keys(script.questions)
    return script


def _own_script(fields: dict[str, Any], principal: str) -> CallScript:
    disclosure = _text(fields, "disclosure", default=f"This is an AI assistant calling on behalf of {principal}.")
    return worded_script(disclosure, _text(fields, "opening", default=""), _questions(fields), confirm=False)


def _text(fields: dict[str, Any], name: str, *, default: str | None = None) -> str:
    value = fields.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise BriefError(f"call_brief.{name} must be text")
    if len(value) > MAX_TEXT_CHARS:
        raise BriefError(f"call_brief.{name} is longer than {MAX_TEXT_CHARS} characters")
    return " ".join(value.split())


def _texts(fields: dict[str, Any], name: str) -> tuple[str, ...]:
    values = fields.get(name) or []
    if not isinstance(values, list):
        raise BriefError(f"call_brief.{name} must be a list")
    return tuple(" ".join(value.split())[:MAX_TEXT_CHARS] for value in values if isinstance(value, str))


def _object(fields: dict[str, Any], name: str) -> dict[str, Any]:
    value = fields.get(name) or {}
    if not isinstance(value, dict):
        raise BriefError(f"call_brief.{name} must be an object")
    return value


def _questions(fields: dict[str, Any]) -> tuple[ScriptQuestion, ...]:
    values = fields.get("questions") or []
    if not isinstance(values, list) or len(values) > MAX_QUESTIONS:
        raise BriefError(f"call_brief.questions must be a list of at most {MAX_QUESTIONS}")
    questions = tuple(_question(value) for value in values)
    _check_keys(questions)
    return questions


def _check_keys(questions: tuple[ScriptQuestion, ...]) -> None:
    if len({question.key for question in questions}) != len(questions):
        raise BriefError("call_brief: two questions have the same key")


def _question(value: object) -> ScriptQuestion:
    if not isinstance(value, dict):
        raise BriefError("call_brief.questions must hold objects")
    kind = value.get("type")
    if kind not in QUESTION_TYPES:
        raise BriefError(f"call_brief.questions.type must be one of {', '.join(QUESTION_TYPES)}, not {kind!r}")
    options = _texts(value, "options")
    if kind == "choice" and not options:
        raise BriefError("call_brief.questions: a choice needs options")
    required = bool(value.get("required", True))
    try:
        return ScriptQuestion(
            key=_text(value, "key"), ask=_text(value, "ask"), type=kind, options=options, required=required
        )
    except ValidationError as error:
        mistake = error.errors()[0]
        raise BriefError(f"call_brief.questions.{mistake['loc'][0]}: {mistake['msg']}") from error


def _voicemail(fields: dict[str, Any]) -> VoicemailPlan:
    value = _object(fields, "voicemail")
    policy = _text(value, "policy", default="hang_up")
    if policy not in VOICEMAIL_POLICIES:
        raise BriefError(f"call_brief.voicemail.policy must be one of {', '.join(VOICEMAIL_POLICIES)}")
    return VoicemailPlan(policy, _text(value, "message", default=""))


def _now(fields: dict[str, Any]) -> datetime:
    """The brief's own clock: the conversation has no other. A missing `now` makes relative dates unreadable."""
    name = _text(fields, "timezone", default="UTC")
    try:
        zone = ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise BriefError(f"call_brief.timezone {name!r} is not known") from error
    try:
        now = datetime.fromisoformat(_text(fields, "now"))
    except ValueError as error:
        raise BriefError("call_brief.now must be an ISO 8601 time with offset") from error
    return (now if now.tzinfo else now.replace(tzinfo=UTC)).astimezone(zone)
