"""Checks of a callee file that no single part can make: nodes that exist and are reached, times, what is true.

Pure: yields paths and messages; positions and files live in `callee_mistakes` and `callee_loader`.
"""

from __future__ import annotations

from collections.abc import Iterable

from opendeep.common.campaign_plan import QuestionType
from opendeep.simulation.callee_mistakes import FieldPath
from opendeep.simulation.callee_schema import Callee, Outcome, Patience
from opendeep.simulation.callee_truth import AskedQuestion, FieldValue

Finding = tuple[FieldPath, str]


def check_callee(callee: Callee) -> Iterable[Finding]:
    """Yield what the schema of a single part cannot see."""
    yield from _check_nodes(callee)
    yield from _check_times(callee)
    yield from _check_truth(callee)


def _check_nodes(callee: Callee) -> Iterable[Finding]:
    if not callee.script and any(attempt.outcome is Outcome.ANSWER for attempt in callee.attempts):
        yield ("script",), "a callee that answers needs a script; add one, or give every attempt another outcome"
        return
    missing = list(_missing_nodes(callee))
    yield from missing
    if not missing:
        reached = reachable_nodes(callee)
        for name in callee.script:
            if name not in reached:
                yield ("script", name), f"nothing leads to {name!r}; name it in a goto, choice or start, or remove it"


def _missing_nodes(callee: Callee) -> Iterable[Finding]:
    there_are = ", ".join(callee.script)
    for index, attempt in enumerate(callee.attempts):
        if attempt.start is not None and attempt.start not in callee.script:
            yield ("attempts", index, "start"), f"there is no node {attempt.start!r}; there are: {there_are}"
    for name, node in callee.script.items():
        for path, target in node.targets():
            if target not in callee.script:
                yield ("script", name, *path), f"there is no node {target!r}; there are: {there_are}"
        fallback = callee.script.get(node.improvise.otherwise) if node.improvise is not None else None
        if fallback is not None and fallback.improvise is not None:
            yield ("script", name, "improvise", "otherwise"), "must lead to a node that needs no language model"


def reachable_nodes(callee: Callee) -> set[str]:
    """Return the nodes that a call can come to. Every target must exist."""
    reached: set[str] = set()
    open_ends = callee.starts()
    while open_ends:
        name = open_ends.pop()
        reached.add(name)
        open_ends |= {target for _, target in callee.script[name].targets()} - reached
    return reached


def _check_times(callee: Callee) -> Iterable[Finding]:
    for path, patience in _patiences(callee):
        if patience.hang_up_after_s <= patience.ask_after_s:
            yield (*path, "hang_up_after_s"), "must be longer than ask_after_s"
    for name, node in callee.script.items():
        if node.hold is not None and node.hold.for_s >= callee.max_call_s:
            path = ("script", name, "hold", "for_s")
            yield path, f"must be shorter than max_call_s ({callee.max_call_s:g}); raise max_call_s to wait longer"


def _patiences(callee: Callee) -> Iterable[tuple[FieldPath, Patience]]:
    yield ("patience",), callee.patience
    for name, node in callee.script.items():
        if node.talk is not None and node.talk.patience is not None:
            yield ("script", name, "talk", "patience"), node.talk.patience
        if node.improvise is not None and node.improvise.patience is not None:
            yield ("script", name, "improvise", "patience"), node.improvise.patience


def _check_truth(callee: Callee) -> Iterable[Finding]:
    questions = {question.key: question for question in callee.rehearsal.questions}
    if callee.truth is None:
        return
    for key, value in callee.truth.fields.items():
        question = questions.get(key)
        if question is None:
            known = ", ".join(questions) or "none"
            yield ("truth", "fields", key), f"no question of rehearsal.questions has this key; there are: {known}"
        elif problem := _wrong_answer(question, value):
            yield ("truth", "fields", key), problem


def _wrong_answer(question: AskedQuestion, value: FieldValue) -> str:
    """Say why `value` cannot be the answer, empty when it can."""
    match question.type:
        case QuestionType.YES_NO:
            return "" if isinstance(value, bool) else "the question is of type yes_no; write true or false"
        case QuestionType.NUMBER:
            number = isinstance(value, int | float) and not isinstance(value, bool)
            return "" if number else "the question is of type number; write a number without quotes"
        case QuestionType.CHOICE:
            return "" if value in question.options else f"write one of the options: {', '.join(question.options)}"
    return "" if isinstance(value, str) else f"the question is of type {question.type.value}; write words, in quotes"
