"""Comparing texts by their content words."""

import pytest

from opendeep.rehearsal import words


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("Tuesday at 10 o'clock!", "tuesday at ten"),
        ("Tuesday, at 10:00 a.m.", "tuesday at ten am"),
        ("I\u2019ll be there", "i'll be there"),
        ("room 204", "room 204"),
    ],
)
def test_spellings_are_made_alike(text: str, same: str) -> None:
    assert words.plain(text) == same


def test_likeness_is_the_share_of_content_words() -> None:
    question = "Does Tuesday at ten work for you?"
    assert words.likeness(question, "Would Tuesday at 10 work?") == 1.0
    assert words.likeness(question, "I have noted Tuesday at ten.") == pytest.approx(2 / 3)
    assert words.likeness("is it you", "anything") == 0.0


def test_phrases_stand_word_for_word() -> None:
    assert words.contains("The code is: four, seven!", "code is four seven")
    assert not words.contains("The codex is four", "code")
    assert not words.contains("anything", " ")


def test_sentences_keep_their_marks() -> None:
    assert words.sentences("Hello. Is it you? Well") == ["Hello.", "Is it you?", "Well"]


def test_a_run_of_words_is_found() -> None:
    assert words.common_run("please say that i won today", "he told me that I won today", 4) == "that i won today"
    assert words.common_run("say that", "say that", 4) == ""
