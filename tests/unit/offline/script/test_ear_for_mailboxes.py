"""The ear for mailboxes in mid-call: a sound alone does not turn somebody who answers into a machine."""

from __future__ import annotations

import pytest

from opendeep.offline.script import Heard, Say, ScriptedConversation
from tests.unit.offline.briefs import make_brief

MESSAGE = "Hello, this is a message for Harbour Dental."


def answered(line: Heard, *before: str) -> str:
    """What is said to `line` once the question was asked."""
    talk = ScriptedConversation(make_brief())
    talk.speak()
    for words in before:
        talk.hear(Heard(words))
    return " ".join(act.text for act in talk.hear(line) if isinstance(act, Say))


@pytest.mark.parametrize("words", ["yes tuesday at ten works for me", "sorry can you repeat that", "no thank you"])
def test_who_answers_the_question_is_no_mailbox_whatever_the_ear_says(words: str) -> None:
    assert MESSAGE not in answered(Heard(words, spotted=frozenset({"voicemail"})), "hello")


@pytest.mark.parametrize(
    "heard",
    [
        Heard("please leave a message after the beep", spotted=frozenset({"voicemail"})),
        Heard("", 0.0, spotted=frozenset({"voicemail"})),
    ],
)
def test_a_mailbox_that_comes_late_is_one_by_its_words_or_when_nothing_else_was_understood(heard: Heard) -> None:
    assert MESSAGE in answered(heard, "hello")


def test_as_a_greeting_the_ear_is_enough() -> None:
    assert MESSAGE in answered(Heard("yes hello", spotted=frozenset({"voicemail"})))
