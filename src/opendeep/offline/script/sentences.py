"""Filling the script's sentences with what was understood. No decisions here, and no wording: that is the script's."""

from __future__ import annotations

from collections.abc import Sequence

from opendeep.common.call_script import filled


def noted(sentence: str, values: Sequence[str]) -> str:
    """What was understood, said back in one sentence."""
    listed = values[0] if len(values) == 1 else f"{', '.join(values[:-1])} and {values[-1]}"
    return filled(sentence, answers=listed)


def answer_from_user(sentence: str, answer: str) -> str:
    """The user's answer as the callee hears it."""
    text = " ".join(answer.split())
    return filled(sentence, answer=text if text.endswith((".", "!", "?")) else f"{text}.")
