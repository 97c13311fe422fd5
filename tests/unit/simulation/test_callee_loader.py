"""Callee files: what is right loads, what is wrong is told with file, line and field."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.simulation.callee_loader import CalleeFileError, load_callees, parse_callee, shipped_callees
from opendeep.simulation.callee_schema import Outcome
from opendeep.simulation.talking_callee import spoken_lines

GOOD = """\
name: someone
title: Somebody
numbers: ["+12025550150"]
attempts:
  - {outcome: busy, ring_s: 0}
  - {outcome: answer, ring_s: 1}
script:
  desk:
    menu:
      prompt: press one
      choices: {"1": person}
  person:
    talk:
      enter:
        - {say: hello}
      rules:
        - {heard: "bye", do: [{hang_up: true}]}
        - {ai_turn: {min_ms: 10}, do: [{say_in_turn: [a, b]}], goto: desk}
truth: {outcome: completed, fields: {slot: ten}}
"""


def test_a_good_file_loads_whole() -> None:
    callee = parse_callee(GOOD, "good.yaml")
    assert callee.first_node == "desk"
    assert [callee.attempt(index).outcome for index in (0, 1, 9)] == [Outcome.BUSY, Outcome.ANSWER, Outcome.ANSWER]
    assert callee.truth == {"outcome": "completed", "fields": {"slot": "ten"}}
    assert spoken_lines(callee)[0] == "press one"
    assert {"hello", "a", "b", "hello?", "goodbye"} <= set(spoken_lines(callee))


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "message"),
    [
        ("name: someone", "name: Some One", 1, "name", "pattern"),
        ("title: Somebody\n", "", 1, "title", "required"),
        ("title: Somebody", "colour: red\ntitle: x", 2, "colour", "not permitted"),
        ('["+12025550150"]', '["+1202", "12-34"]', 3, "numbers.1", "pattern"),
        ("outcome: busy", "outcome: bussy", 5, "attempts.0.outcome", "busy"),
        ("ring_s: 1", "ring_s: soon", 6, "attempts.1.ring_s", "number"),
        ("      prompt: press one\n", "", 9, "script.desk.menu.prompt", "required"),
        ('{"1": person}', "{1: person}", 11, "script.desk.menu.choices.1", "string"),
        ('{"1": person}', '{"1": nobody}', 11, "script.desk.menu.choices.1", "no node 'nobody'"),
        ("{say: hello}", "{say: hello, hang_up: true}", 15, "script.person.talk.enter.0", "say and hang_up"),
        ("{say: hello}", "{}", 15, "script.person.talk.enter.0", "found none"),
        ('heard: "bye"', 'heard: "(bye"', 17, "script.person.talk.rules.0.heard", "regular expression"),
        ('heard: "bye"', 'heard: "bye", digits: "1"', 17, "script.person.talk.rules.0", "heard and digits"),
        ("goto: desk", "goto: away", 18, "script.person.talk.rules.1.goto", "no node 'away'"),
        ("truth: {", "truth: {a: 1}\ntruth: {", 20, "truth", "given twice"),
        ("title: Somebody", "title: [unclosed", 3, "", "not YAML"),
        ("title: Somebody", "title: x\npatience: {hang_up_after_s: 5}", 3, "patience.hang", "longer"),
    ],
)  # fmt: skip
def test_a_mistake_names_line_and_field(old: str, new: str, line: int, field: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(CalleeFileError) as caught:
        parse_callee(GOOD.replace(old, new, 1), "bad.yaml")
    mistakes = [m for m in caught.value.mistakes if m.field.startswith(field) and message in m.message]
    assert [m.line for m in mistakes] == [line], str(caught.value)
    assert str(caught.value).startswith("bad.yaml:")


@pytest.mark.parametrize(
    "text", ["", "- a list\n", "just words", "a: &x [*x]\n", "\x00", "!!python/object:os.x {}", "[" * 5000]
)
def test_what_is_not_a_callee_at_all_is_refused(text: str) -> None:
    with pytest.raises(CalleeFileError, match=r"odd\.yaml:"):
        parse_callee(text, "odd.yaml")


@given(text=st.text(max_size=200))
def test_any_text_loads_or_is_refused_with_a_line(text: str) -> None:
    with pytest.raises(CalleeFileError) as caught:
        parse_callee(text, "any.yaml")
    assert all(mistake.line >= 1 for mistake in caught.value.mistakes)


def test_a_callee_that_answers_needs_a_script() -> None:
    with pytest.raises(CalleeFileError, match="needs a script"):
        parse_callee("name: a\ntitle: b\n", "a.yaml")


def test_all_mistakes_of_a_folder_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text(GOOD.replace("someone", "other"))
    (tmp_path / "c.yaml").write_text("name: c\ntitle: ''\n")
    (tmp_path / "d.yaml").write_text("x" * 300_000)
    (tmp_path / "notes.txt").write_text("not a callee")
    with pytest.raises(CalleeFileError) as caught:
        load_callees(tmp_path)
    told = str(caught.value)
    assert "b.yaml:1: numbers: +12025550150 is taken by a.yaml" in told
    assert "c.yaml:2: title" in told
    assert "d.yaml:1: longer than" in told


def test_the_shipped_callees_load_and_have_numbers_of_the_fictional_range() -> None:
    callees = {callee.name: callee for callee in shipped_callees()}
    assert {"books_tuesday", "voicemail", "busy_then_answers", "company_menu", "asks_back", "opts_out"} <= set(callees)
    assert {"no_answer", "unallocated", "rejects", "interrupts", "hangs_up_early", "silent"} <= set(callees)
    assert {"wrong_person", "call_me_later", "tone"} <= set(callees)
    for callee in callees.values():
        assert all(number.startswith("+120255501") for number in callee.numbers), callee.name
        assert callee.truth, callee.name
