"""`CallScript`: every sentence of a call that is held word for word, and the types of its questions.

Owns the model, the placeholders and the version. How a script follows from a plan is in `script_derivation`, what is
wrong with one in `script_problems`; who speaks it is the voice's matter.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Final

import orjson
from pydantic import BaseModel, ConfigDict, Field

from opendeep.common.question_types import QuestionType

MAX_QUESTIONS: Final = 20
MAX_STORED_CHARS: Final = 8_000  # of one sentence; what may be spoken is bounded by `script_problems`
MAX_KEYS: Final = 9  # options that a telephone's keypad can tell apart; one of yes/no questions means "no more calls"
OPT_OUT_KEY: Final = "9"

PLACEHOLDERS: Final[Mapping[str, str]] = {
    "name": "the person to be called",
    "principal": "on whose behalf the call is made",
    "answers": "what was understood, said back",
    "when": "the time that was promised",
    "answer": "your answer to a question",
}
EVERYWHERE: Final = frozenset({"name", "principal"})  # known before the call, so that any sentence may have them
NEEDED: Final[Mapping[str, str]] = {"noted": "answers", "lines.will_call": "when", "lines.answer_from_user": "answer"}
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")


class Engine(StrEnum):
    """Who leads the conversation: a model that speaks freely, or the script, word for word."""

    REALTIME = "realtime"
    SCRIPTED = "scripted"


Sentence = Annotated[str, Field(max_length=MAX_STORED_CHARS)]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)


class ScriptQuestion(_Document):
    """One question. `again`: the same in other words; `keys`: the same with what can be pressed. A `type` of None is a
    plan that does not say what it asks for; the gate refuses it."""

    key: Annotated[str, Field(min_length=1, max_length=60)]
    ask: Sentence
    again: Sentence = ""
    keys: Sentence = ""
    type: QuestionType | None = None
    options: tuple[Annotated[str, Field(max_length=200)], ...] = ()
    required: bool = True


class ScriptLines(_Document):
    """What is said when the callee does something else than answering."""

    opt_out: Sentence = "I will take you off our list. Sorry for the disturbance. Goodbye."
    when_to_call: Sentence = "No problem. When should I call you again?"
    will_call: Sentence = "All right, I will call you again: {when}. Goodbye."
    will_call_later: Sentence = "All right, I will call you again. Goodbye."
    is_there: Sentence = "I am sorry. Is {name} there, please?"
    is_there_keys: Sentence = "Is {name} there? Please press one for yes, or two for no."
    will_wait: Sentence = "Thank you, I will wait."
    will_try_later: Sentence = "Thank you. I will try again later. Goodbye."
    wrong_number: Sentence = "I am sorry, I have the wrong number. Sorry for the disturbance. Goodbye."
    declined: Sentence = "I understand. Thank you for your time. Goodbye."
    repeating: Sentence = "Of course."
    take_your_time: Sentence = "Of course, take your time."
    did_not_catch: Sentence = "Sorry, I did not understand that."
    moving_on: Sentence = "Never mind, let us go on."
    is_right_keys: Sentence = "Please press one if that is right, or two if it is wrong."
    not_right: Sentence = "I am sorry. Let us go through it once more."
    better_time: Sentence = "All right. Which other day and time would suit you?"
    noted_other: Sentence = "Thank you, I will pass that on."
    asking: Sentence = "One moment please, I will ask."
    still_checking: Sentence = "I am still checking, thank you for holding."
    answer_from_user: Sentence = "Thank you for holding. I have asked. {answer}"
    could_not_reach: Sentence = "I could not reach {principal} right now. I will pass your question on."
    do_not_know: Sentence = "I do not know that, I am sorry. I will pass your question on to {principal}."
    not_for_me: Sentence = "I am sorry, I cannot help with that."
    stopping_recording: Sentence = "Of course. One moment."
    not_recorded: Sentence = "The recording is off and deleted."
    recorded_anyway: Sentence = "I am sorry, I cannot switch the recording off, so I will end the call here. Goodbye."
    still_there: Sentence = "Are you still there?"
    give_up_silence: Sentence = "I cannot hear you, so I will end the call here. Goodbye."
    give_up_words: Sentence = "I am sorry, I could not understand you well enough. We will try another way. Goodbye."
    give_up_turns: Sentence = "I am sorry, this is taking too much of your time. We will try another way. Goodbye."
    goodbye: Sentence = "Goodbye."


class CallScript(_Document):
    """The whole script. `is_right` empty: what was understood is said back, and not asked about."""

    hello: Sentence = "Hello."
    disclosure: Sentence
    purpose: Sentence
    questions: Annotated[tuple[ScriptQuestion, ...], Field(max_length=MAX_QUESTIONS)] = ()
    noted: Sentence = "Thank you. I have noted: {answers}."
    is_right: Sentence = ""
    farewell: Sentence = "Thank you for your time. Goodbye."
    lines: ScriptLines = ScriptLines()

    @property
    def version(self) -> str:
        """Named by the content: equal scripts have equal versions, on any machine."""
        text = orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
        return f"script-{hashlib.sha256(text).hexdigest()[:12]}"

    def sentences(self) -> Iterator[tuple[str, str]]:
        """Every sentence with its path: `hello`, `questions.<key>.ask`, `lines.opt_out`."""
        for name in ("hello", "disclosure", "purpose"):
            yield name, getattr(self, name)
        for question in self.questions:
            for name in ("ask", "again", "keys"):
                yield f"questions.{question.key}.{name}", getattr(question, name)
        for name in ("noted", "is_right", "farewell"):
            yield name, getattr(self, name)
        for name in ScriptLines.model_fields:
            yield f"lines.{name}", getattr(self.lines, name)

    def with_names(self, name: str, principal: str) -> "CallScript":
        """The script of one call: `{name}` and `{principal}` filled in every sentence."""
        values = {"name": name, "principal": principal}
        return changed(self, {path: filled(text, **values) for path, text in self.sentences()})


def filled(text: str, **values: str) -> str:
    """`text` with these placeholders replaced; what a value contains is not looked into again."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)


def placeholders(text: str) -> list[str]:
    """The names in braces, in their order."""
    return _PLACEHOLDER.findall(text)


def changed(script: CallScript, texts: Mapping[str, str]) -> CallScript:
    """The script with other sentences, by their paths; paths that it does not have are left out."""
    named = {path: text for path, text in texts.items() if "." not in path}
    lines = {path.removeprefix("lines."): text for path, text in texts.items() if path.startswith("lines.")}
    questions = []
    for question in script.questions:
        stem = f"questions.{question.key}."
        own = {path.removeprefix(stem): text for path, text in texts.items() if path.startswith(stem)}
        questions.append(
            question.model_copy(update={name: own[name] for name in ("ask", "again", "keys") if name in own})
        )
    return script.model_copy(
        update={
            **{name: text for name, text in named.items() if name in CallScript.model_fields},
            "questions": tuple(questions),
            "lines": script.lines.model_copy(
                update={name: text for name, text in lines.items() if name in ScriptLines.model_fields}
            ),
        }
    )
