"""Scripts as pure state machines: what is heard goes in at a time, what is said comes out."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opendeep.simulation.callee_commands import StopUttering, Think, Utter
from opendeep.simulation.callee_loader import parse_callee, shipped_callees
from opendeep.simulation.callee_mouth import HangUp, Pause, PlayMusic, PlaySignal, Press, Say
from opendeep.simulation.callee_schema import Callee
from opendeep.simulation.callee_script import CalleeScript, ScriptOutput, Understand

LINE_MS = 1000


def callee(script: str, **extra: object) -> Callee:
    head = "".join(f"{name}: {value}\n" for name, value in extra.items())
    return parse_callee(f"name: one\ntitle: One\n{head}script:\n{script}", "one.yaml")


class Stage:
    """Plays a script in 20 ms steps; a line takes one second, music its length, other utterances none."""

    counts_pauses = False

    def __init__(self, person: Callee, *, start: str | None = None, improvises: bool = False) -> None:
        self.script = CalleeScript(person, start=start, improvises=improvises)
        self.now_ms = 0
        self.said: list[str] = []
        self.keys = ""
        self.hung_up = False
        self.asked: list[Understand] = []
        self.thought: list[Think] = []
        self.music_ms: list[int] = []
        self.signals = 0
        self.stops = 0
        self._busy_until_ms = 0
        self._take(self.script.answer())

    def _take(self, outputs: Sequence[ScriptOutput]) -> None:
        for output in outputs:
            match output:
                case Understand():
                    self.asked.append(output)
                case Think():
                    self.thought.append(output)
                case StopUttering():
                    self.stops += 1
                    self._busy_until_ms = self.now_ms
                case Utter(Say(text)):
                    self.said.append(text)
                    self._busy_until_ms = max(self._busy_until_ms, self.now_ms) + LINE_MS
                case Utter(PlayMusic(ms=ms)):
                    self.music_ms.append(ms)
                    self._busy_until_ms = max(self._busy_until_ms, self.now_ms) + ms
                case Utter(PlaySignal()):
                    self.signals += 1
                case Utter(Pause(ms)) if self.counts_pauses:
                    self._busy_until_ms = max(self._busy_until_ms, self.now_ms) + ms
                case Utter(Press(digits)):
                    self.keys += digits
                case Utter(HangUp()):
                    self.hung_up = True

    def wait(self, ms: int) -> list[str]:
        """Let time pass and return what was said meanwhile."""
        before = len(self.said)
        for _ in range(ms // 20):
            self.now_ms += 20
            self._take(self.script.tick(self.now_ms, idle=self.now_ms >= self._busy_until_ms))
        return self.said[before:]

    def ai_speaks(self, ms: int, text: str | None = None) -> list[str]:
        """Let the other side speak for `ms`; with `text` the turn ends and is recognised."""
        before = len(self.said)
        for spoken in range(20, ms + 20, 20):
            self._take(self.script.hear_speaking(spoken, self.now_ms))
            self.wait(20)
        if text is not None:
            self.end_turn(ms, text)
        return self.said[before:]

    def end_turn(self, ms: int, text: str) -> None:
        self._take(self.script.hear_turn(b"ab" * ms, ms, self.now_ms))
        asked = len(self.asked)
        self.wait(20)
        if len(self.asked) > asked:
            self.script.receive_words(self.asked[-1].turn, text)

    def digit(self, key: str) -> None:
        self._take(self.script.hear_digit(key, self.now_ms))


PERSON = """
  person:
    talk:
      enter: [{say: hello}]
      rules:
        - {heard: "bye", do: [{say: goodbye}, {hang_up: true}]}
        - {heard: "name", do: [{say: my name is tom}], times: 1}
        - {ai_turn: {min_ms: 1000}, do: [{say_in_turn: [first, second]}]}
"""


def test_the_first_rule_that_fits_answers_a_turn() -> None:
    stage = Stage(callee(PERSON))
    assert stage.said == ["hello"]
    stage.wait(1500)
    stage.ai_speaks(2000, "what is your name please")
    assert stage.wait(100) == ["my name is tom"]
    stage.wait(1500)
    stage.ai_speaks(2000, "what is your name please")
    assert stage.wait(1500) == ["first"]
    stage.ai_speaks(2000, "")
    assert stage.wait(1500) == ["second"]
    stage.ai_speaks(2000, "what")
    assert stage.wait(1500) == ["second"]
    stage.ai_speaks(1200, "good bye then")
    assert stage.wait(100) == ["goodbye"]
    assert stage.hung_up


def test_a_short_turn_is_not_answered() -> None:
    stage = Stage(callee(PERSON))
    stage.wait(1500)
    stage.ai_speaks(400, "hello")
    assert stage.wait(5000) == []


def test_a_turn_that_goes_on_before_it_was_answered_becomes_one() -> None:
    stage = Stage(callee(PERSON))
    stage.wait(1500)
    stage.ai_speaks(600, None)
    stage._take(stage.script.hear_turn(b"ab" * 600, 600, stage.now_ms))
    stage.wait(20)
    assert len(stage.asked) == 1
    stage.ai_speaks(600, None)
    stage.script.receive_words(stage.asked[0].turn, "bye")
    assert stage.wait(200) == []
    stage.end_turn(600, "and that was all")
    assert len(stage.asked[-1].pcm) == 2 * 2 * 600
    assert stage.wait(100) == ["first"]


def test_only_the_end_of_a_long_turn_is_recognised() -> None:
    stage = Stage(callee(PERSON, hears_last_ms=1000))
    stage.wait(1500)
    stage._take(stage.script.hear_turn(bytes(16 * 5000), 5000, stage.now_ms))
    stage.wait(20)
    assert len(stage.asked[0].pcm) == 16_000


def test_a_turn_that_ends_while_we_speak_is_answered_afterwards() -> None:
    stage = Stage(callee(PERSON))
    stage.ai_speaks(400, None)
    stage._take(stage.script.hear_turn(b"", 1100, stage.now_ms))
    assert stage.wait(400) == []
    stage.wait(300)
    stage.script.receive_words(stage.asked[0].turn, "")
    assert stage.wait(100) == ["first"]


INTERRUPTER = """
  person:
    talk:
      rules:
        - {ai_speaks_ms: 500, do: [{say: stop}], times: 1}
        - {ai_turn: {min_ms: 1000}, do: [{say: fine}]}
"""


def test_an_interrupted_turn_wants_no_answer() -> None:
    stage = Stage(callee(INTERRUPTER))
    assert stage.ai_speaks(900, "") == ["stop"]
    assert stage.wait(5000) == []
    assert stage.ai_speaks(2000, "") == ["fine"]


def test_somebody_who_talks_on_after_an_interruption_is_answered() -> None:
    stage = Stage(callee(INTERRUPTER))
    assert stage.ai_speaks(4000, "") == ["stop", "fine"]


def test_words_that_never_come_count_as_nothing_understood() -> None:
    stage = Stage(callee(PERSON))
    stage.wait(1500)
    stage._take(stage.script.hear_turn(b"", 2000, stage.now_ms))
    assert stage.wait(7900) == []
    assert stage.wait(200) == ["first"]


def test_silence_time_and_keys_trigger_rules() -> None:
    script = """
  person:
    talk:
      rules:
        - {silence_ms: 2000, do: [{say: nobody}], times: 1}
        - {after_ms: 6000, do: [{press: "12"}]}
        - {digits: "42", do: [{say: correct}], goto: end}
  end:
    talk:
      enter: [{hang_up: true}]
"""
    stage = Stage(callee(script))
    assert stage.wait(1900) == []
    assert stage.wait(200) == ["nobody"]
    stage.wait(4000)
    assert stage.keys == "12"
    stage.wait(2000)
    assert stage.keys == "12"
    stage.digit("4")
    stage.digit("3")
    assert not stage.hung_up
    stage.digit("4")
    stage.digit("2")
    assert (stage.said[-1], stage.script.node, stage.hung_up) == ("correct", "end", True)


MENU = """
  desk:
    menu: {prompt: press two, choices: {"2": person}, invalid: wrong, timeout_ms: 3000, repeats: 2, farewell: farewell}
  person:
    talk: {enter: [{say: hello}]}
"""


def test_a_menu_repeats_and_gives_up() -> None:
    stage = Stage(callee(MENU))
    assert stage.wait(4100) == ["press two"]
    assert stage.wait(4100) == ["press two"]
    assert stage.wait(4100) == ["farewell"]
    assert stage.hung_up


def test_a_key_stops_the_prompt_and_a_wrong_key_is_told() -> None:
    stage = Stage(callee(MENU))
    stage.wait(200)
    stage.digit("7")
    assert stage.said[-2:] == ["wrong", "press two"]
    stage.digit("2")
    assert (stage.said[-1], stage.stops, stage.script.node) == ("hello", 2, "person")


def test_talking_to_a_menu_is_no_choice() -> None:
    stage = Stage(callee(MENU))
    stage.wait(1200)
    stage.ai_speaks(3000, "facilities please")
    assert stage.asked == []
    assert stage.script.node == "desk"


MAILBOX = """
  box:
    voicemail: {greeting: leave a message, silence_s: 3, max_message_s: 20}
"""


def test_a_mailbox_records_after_the_beep_and_ends_after_silence() -> None:
    stage = Stage(callee(MAILBOX))
    stage.wait(900)
    assert not stage.script.recording
    stage.wait(200)
    assert stage.script.recording
    stage.ai_speaks(4000, "please call back")
    stage.wait(2800)
    assert not stage.hung_up
    stage.wait(400)
    assert stage.hung_up
    assert not stage.script.spoke_before_beep


def test_a_mailbox_notices_who_talks_into_its_greeting_and_has_an_end() -> None:
    stage = Stage(callee(MAILBOX))
    stage.ai_speaks(200, None)
    assert stage.script.spoke_before_beep
    stage.ai_speaks(25_000, None)
    assert stage.hung_up


def test_patience_asks_once_then_hangs_up_and_starts_anew_after_every_turn() -> None:
    stage = Stage(callee(PERSON))
    assert stage.wait(14_500) == ["hello?"]
    stage.ai_speaks(400, "")
    assert stage.wait(11_000) == []
    assert stage.wait(2000) == ["hello?"]
    stage.wait(13_000)
    assert stage.hung_up


TALKERS = [one.model_copy(update={"max_call_s": 100.0}) for one in shipped_callees() if one.script]


@pytest.mark.parametrize("person", TALKERS, ids=lambda one: one.name)
def test_every_shipped_callee_ends_when_it_hears_nothing(person: Callee) -> None:
    stage = Stage(person)
    stage.wait(int(person.max_call_s * 1000))
    assert stage.hung_up


@pytest.mark.parametrize("person", TALKERS, ids=lambda one: one.name)
def test_every_shipped_callee_ends_when_the_other_side_never_stops(person: Callee) -> None:
    stage = Stage(person)
    stage.ai_speaks(int(person.max_call_s * 1000) + 100, None)
    assert stage.hung_up


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("speak"), st.integers(20, 4000)),
        st.tuples(st.just("turn"), st.integers(20, 6000)),
        st.tuples(st.just("wait"), st.integers(20, 9000)),
        st.tuples(st.just("key"), st.integers(0, 9)),
    ),
    max_size=12,
)


@settings(max_examples=20, deadline=None)
@given(steps=STEPS, which=st.integers(0, 200), text=st.sampled_from(["", "goodbye", "one moment", "does tuesday work"]))
def test_whatever_happens_a_callee_ends_in_time(steps: list[tuple[str, int]], which: int, text: str) -> None:
    person = TALKERS[which % len(TALKERS)]
    stage = Stage(person)
    for kind, value in steps:
        if kind == "speak":
            stage.ai_speaks(value, None)
        elif kind == "turn":
            stage.ai_speaks(value, text)
        elif kind == "wait":
            stage.wait(value)
        else:
            stage.digit(str(value))
    stage._take(stage.script.hear_turn(b"", 0, stage.now_ms))
    stage.wait(max(0, int(person.max_call_s * 1000) - stage.now_ms) + 40)
    assert stage.hung_up
