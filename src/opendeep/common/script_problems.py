"""What stands against holding a plan's calls word for word, as sentences for the user. Pure.

Part of the plan's gate (`plan_problems`): a script is refused before the confirmation, and the sentence is named.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from opendeep.common.call_script import (
    EVERYWHERE,
    MAX_KEYS,
    NEEDED,
    PLACEHOLDERS,
    CallScript,
    ScriptQuestion,
    placeholders,
)
from opendeep.common.disclosure import says_ai
from opendeep.common.question_types import QuestionType

MAX_SENTENCE_CHARS: Final = 600  # some 40 s of speech
CHARS_PER_S: Final = 14.0  # of the local voice
ANSWER_S: Final = 8.0  # the callee's, with the pauses around it
SPOKEN_LANGUAGE: Final = "en"
TYPES: Final = ", ".join(kind.value for kind in QuestionType)
MAY_BE_EMPTY: Final = frozenset({"is_right"})

_SECRETS: Final = re.compile(
    r"\b(?:passwords?|passcodes?|pin(?: codes?| numbers?)?|cvv2?|cvc|security codes?|one[- ]time codes?"
    r"|(?:credit|debit|bank) ?cards?(?: numbers?)?|card numbers?|account numbers?|iban|social security)\b",
    re.IGNORECASE,
)


def script_problems(
    script: CallScript, language: str, must_not_say: Sequence[str], max_call_minutes: float
) -> list[str]:
    """One sentence for each problem; empty means that the calls can be held so."""
    return [
        *_about_the_language(language),
        *(problem for question in script.questions for problem in _about_a_question(question)),
        *_about_the_keys(script),
        *(problem for path, text in script.sentences() for problem in _about_a_sentence(path, text, must_not_say)),
        *_about_the_disclosure(script),
        *_about_the_length(script, max_call_minutes),
    ]


def sentence_name(path: str) -> str:
    """A path as a person reads it: `questions.slot_ok.again` → “slot ok, again”."""
    parts = [part.replace("_", " ") for part in path.split(".") if part not in ("lines", "questions")]
    return ", ".join(parts)


def speaking_seconds(script: CallScript) -> float:
    """How long the call takes when every question is answered at once."""
    says = [script.hello, script.disclosure, script.purpose, script.noted, script.is_right, script.farewell]
    spoken = sum(len(text) for text in (*says, *(question.ask for question in script.questions)))
    return spoken / CHARS_PER_S + ANSWER_S * (len(script.questions) + 1)


def _about_the_language(language: str) -> Iterator[str]:
    if language.partition("-")[0].lower() != SPOKEN_LANGUAGE:
        yield (
            f"A call that is held word for word is spoken by the local voice, which knows English only, not "
            f"“{language}”. Change the language to en, or let the AI speak freely."
        )


def _about_a_question(question: ScriptQuestion) -> Iterator[str]:
    name = f"The question “{question.ask or question.key}” ({question.key})"
    if question.type is None:
        yield f"{name} has no answer type; a script needs one of: {TYPES}."
    elif question.type is QuestionType.CHOICE:
        if len(question.options) < 2:
            yield f"{name} is a choice and needs at least two options."
        elif len(question.options) > MAX_KEYS:
            yield f"{name} has {len(question.options)} options; a keypad tells {MAX_KEYS} apart at most."


def _about_the_keys(script: CallScript) -> Iterator[str]:
    seen = set[str]()
    for question in script.questions:
        if question.key in seen:
            yield f"Two questions have the key {question.key}; their answers could not be told apart."
        seen.add(question.key)


def _about_a_sentence(path: str, text: str, must_not_say: Sequence[str]) -> Iterator[str]:
    name = f"The script's sentence “{sentence_name(path)}”"
    if not text and path not in MAY_BE_EMPTY:
        yield f"{name} is empty."
    if len(text) > MAX_SENTENCE_CHARS:
        yield f"{name} is longer than {MAX_SENTENCE_CHARS} characters; nobody listens to that at once."
    needed = NEEDED.get(path)
    if text and needed and needed not in placeholders(text):
        yield f"{name} must contain {{{needed}}}: {PLACEHOLDERS[needed]}."
    for unknown in [one for one in placeholders(text) if one not in EVERYWHERE | {needed}]:
        yield f"{name} has {{{unknown}}}, which is not known there. {{name}} and {{principal}} are, everywhere."
    for private in must_not_say:
        plain = private.strip().rstrip(".").casefold()
        if plain and plain in text.casefold():
            yield f"{name} says “{private}”, which is on the list of what must not be told."
    if path.startswith("questions.") and (secret := _SECRETS.search(text)):
        yield f"{name} asks for “{secret[0]}”. Calls never ask for passwords, codes or payment data."


def _about_the_disclosure(script: CallScript) -> Iterator[str]:
    if not says_ai(script.disclosure):
        yield "The script's disclosure must say that an AI is calling."


def _about_the_length(script: CallScript, max_call_minutes: float) -> Iterator[str]:
    seconds = speaking_seconds(script)
    if seconds > max_call_minutes * 60:
        yield (
            f"The script takes about {seconds / 60:.0f} minutes, and a call of this plan may last {max_call_minutes:g}."
            " Shorten it, or allow longer calls."
        )
