"""Callee files: what is right loads, what is wrong is told with file, line and field."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.common.data_models import Disposition
from opendeep.simulation.callee_loader import callees_with, load_callees, parse_callee, shipped_callees
from opendeep.simulation.callee_mistakes import CalleeFileError
from opendeep.simulation.callee_schema import Outcome
from opendeep.simulation.prepared_lines import spoken_lines
from tests.support import sound

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
rehearsal: {questions: [{key: slot, ask: "When?", type: datetime}]}
truth: {disposition: ACHIEVED, fields: {slot: ten}, must: [disclosed]}
"""


def test_a_good_file_loads_whole() -> None:
    callee = parse_callee(GOOD, "good.yaml")
    assert callee.first_node == "desk"
    assert [callee.attempt(index).outcome for index in (0, 1, 9)] == [Outcome.BUSY, Outcome.ANSWER, Outcome.ANSWER]
    assert callee.truth is not None
    assert callee.truth.disposition == (Disposition.ACHIEVED,)
    assert callee.truth.fields == {"slot": "ten"}
    said = [say.text for say in spoken_lines(callee)]
    assert said[0] == "press one"
    assert {"hello", "a", "b", "hello?", "goodbye"} <= set(said)


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "message"),
    [
        ("name: someone", "name: Some One", 1, "name", "pattern"),
        ("title: Somebody\n", "", 1, "title", "required"),
        ("title: Somebody", "colour: red\ntitle: x", 2, "colour", "not permitted"),
        ("title: Somebody", "titel: x\ntitle: x", 2, "titel", "did you mean title?"),
        ("{say: hello}", "{sai: hello}", 15, "script.person.talk.enter.0.sai", "Here may stand: say, say_in_turn"),
        ("{say: hello}", "{play: ../a.wav}", 15, "script.person.talk.enter.0.play", "beside this one"),
        ("{say: hello}", "{play: a.wav}", 15, "script.person.talk.enter.0.play", "no file"),
        ('["+12025550150"]', '["+1202", "12-34"]', 3, "numbers.1", "pattern"),
        ("outcome: busy", "outcome: bussy", 5, "attempts.0.outcome", "busy"),
        ("ring_s: 1", "ring_s: soon", 6, "attempts.1.ring_s", "number"),
        ("      prompt: press one\n", "", 9, "script.desk.menu.prompt", "required"),
        ('{"1": person}', "{1: person}", 11, "script.desk.menu.choices.1", "string"),
        ('{"1": person}', '{"1": nobody}', 11, "script.desk.menu.choices.1", "no node 'nobody'"),
        ('{"1": person}', '{"1": desk}', 12, "script.person", "nothing leads to 'person'"),
        ("outcome: busy, ring_s: 0", "outcome: busy, start: desk", 4, "attempts", "outcome answer only"),
        ("ring_s: 1", "start: away", 6, "attempts.1.start", "no node 'away'"),
        ("truth: {", "line: {loss: {share: 2}}\ntruth: {", 20, "line.loss.share", "less than or equal"),
        ("truth: {", "line: {both_ways: true}\ntruth: {", 20, "line", "needs mulaw or loss"),
        ("ACHIEVED", "DONE", 20, "truth.disposition.0", "ACHIEVED"),
        ("outcome: answer, ring_s: 1", "outcome: away", 6, "attempts.1.outcome", "busy"),
        ("slot: ten", "slots: ten", 20, "truth.fields.slots", "no question"),
        ("slot: ten", "slot: 10", 20, "truth.fields.slot", "in quotes"),
        ("must: [disclosed]", "must: [disclosd]", 20, "truth.must.0", "disclosed"),
        ("must: [disclosed]", "must: [argued], must_not: [argued]", 20, "truth", "in must and in must_not"),
        ("{say: hello}", "{say: hello, hang_up: true}", 15, "script.person.talk.enter.0", "say and hang_up"),
        ("{say: hello}", "{}", 15, "script.person.talk.enter.0", "found none"),
        ('heard: "bye"', 'heard: "(bye"', 17, "script.person.talk.rules.0.heard", "regular expression"),
        ('heard: "bye"', 'heard: "bye", digits: "1"', 17, "script.person.talk.rules.0", "heard and digits"),
        ("goto: desk", "goto: away", 18, "script.person.talk.rules.1.goto", "no node 'away'"),
        ("truth: {", "truth: {note: a}\ntruth: {", 21, "truth", "given twice"),
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


def test_a_folder_that_is_not_there_or_has_no_callee_is_told(tmp_path: Path) -> None:
    with pytest.raises(CalleeFileError, match="is no folder"):
        load_callees(tmp_path / "nowhere")
    with pytest.raises(CalleeFileError, match=r"has no \*\.yaml file"):
        load_callees(tmp_path)


def test_own_callees_come_before_shipped_ones_with_their_name_or_number(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD.replace("someone", "silent").replace("0150", "0101"))
    names = [callee.name for callee in callees_with(tmp_path)]
    assert names[0] == "silent"
    assert names.count("silent") == 1
    assert "books_tuesday" not in names
    assert len(names) == len(shipped_callees()) - 1
    assert callees_with(None) == shipped_callees()


def test_a_sound_beside_the_file_is_read_and_one_in_another_format_is_told_how_to_convert(tmp_path: Path) -> None:
    text = GOOD.replace("{say: hello}", "{play: door.wav}")
    pcm = sound.sine(500, 200)
    write_wav(tmp_path / "door.wav", pcm, channels=1, rate=8000)
    (tmp_path / "a.yaml").write_text(text)
    (callee,) = load_callees(tmp_path)
    assert callee.clips["door.wav"] == pcm
    write_wav(tmp_path / "door.wav", pcm, channels=2, rate=44_100)
    with pytest.raises(CalleeFileError, match=r"a\.yaml:15: .*2 channel.*44100 Hz.*ffmpeg -i door\.wav"):
        load_callees(tmp_path)
    (tmp_path / "door.wav").write_bytes(b"ID3 not a wave at all")
    with pytest.raises(CalleeFileError, match="cannot be read as WAV"):
        load_callees(tmp_path)


def write_wav(path: Path, pcm: bytes, *, channels: int, rate: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)
