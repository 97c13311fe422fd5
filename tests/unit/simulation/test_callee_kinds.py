"""Kinds of nodes and rules beyond plain talk: menus for many keys and words, queues, short words, improvised people."""

from __future__ import annotations

from opendeep.simulation.callee_improvising import spoken_part
from opendeep.simulation.callee_schema import Voice
from opendeep.simulation.prepared_lines import spoken_lines
from tests.unit.simulation.test_callee_script import Stage, callee

EXTENSIONS = """
  desk:
    menu:
      prompt: dial the extension
      choices: {"0": operator, "20": sales, "204": person}
      spoken: {"operator|human": operator}
      timeout_ms: 3000
      key_gap_ms: 2000
      repeats: 1
      otherwise: operator
  operator: {talk: {enter: [{say: operator speaking}]}}
  sales: {talk: {enter: [{say: sales speaking}]}}
  person: {talk: {enter: [{say: tom speaking}]}}
"""


def press(stage: Stage, keys: str) -> None:
    for key in keys:
        stage.digit(key)
        stage.wait(200)


def test_keys_of_an_extension_are_one_choice() -> None:
    stage = Stage(callee(EXTENSIONS))
    stage.wait(200)
    press(stage, "204")
    assert stage.said[-1] == "tom speaking"
    assert stage.script.keys == "204"
    assert stage.script.visited == ["desk", "person"]


def test_a_shorter_choice_waits_for_more_keys_or_a_hash() -> None:
    stage = Stage(callee(EXTENSIONS))
    press(stage, "20")
    assert stage.script.node == "desk"
    assert stage.wait(1600) == []
    assert stage.wait(1000) == ["sales speaking"]
    stage = Stage(callee(EXTENSIONS))
    press(stage, "20#")
    assert stage.said[-1] == "sales speaking"


def test_keys_that_lead_nowhere_are_told_so_and_in_the_end_somebody_answers() -> None:
    stage = Stage(callee(EXTENSIONS))
    press(stage, "21")
    assert stage.said[-2:] == ["sorry, that is not a valid choice", "dial the extension"]
    press(stage, "9")
    assert stage.said[-1] == "operator speaking"


def test_keys_that_were_begun_and_left_are_no_choice() -> None:
    stage = Stage(callee(EXTENSIONS))
    press(stage, "2")
    assert stage.wait(2500) == ["sorry, that is not a valid choice", "dial the extension"]


def test_nobody_who_waits_at_a_menu_with_an_operator_is_hung_up_on() -> None:
    stage = Stage(callee(EXTENSIONS))
    stage.wait(9000)
    assert stage.said == ["dial the extension", "dial the extension", "operator speaking"]
    assert not stage.hung_up


def test_a_menu_understands_words_where_it_is_told_to() -> None:
    stage = Stage(callee(EXTENSIONS))
    stage.wait(1200)
    stage.ai_speaks(600, "a human please")
    assert stage.wait(100) == ["operator speaking"]


QUEUE = """
  queue:
    voice: slt
    hold: {say: please hold, announcement: still busy, every_s: 5, for_s: 12, seed: 7, goto: person}
  person:
    talk: {enter: [{say: thank you for waiting}]}
"""


def test_a_queue_plays_announces_and_gives_to_a_person() -> None:
    stage = Stage(callee(QUEUE))
    assert stage.said == ["please hold"]
    stage.wait(1000)
    stage.ai_speaks(1000, "hello")
    assert stage.asked == []
    stage.wait(14_000)
    assert stage.music_ms == [5000, 5000, 2000]
    assert stage.said == ["please hold", "still busy", "still busy", "thank you for waiting"]
    assert stage.script.visited == ["queue", "person"]


def test_a_queue_that_leads_to_nobody_ends_the_call() -> None:
    stage = Stage(callee("  queue: {hold: {for_s: 3, sound: silence}}"))
    stage.counts_pauses = True
    stage.wait(2900)
    assert not stage.hung_up
    stage.wait(300)
    assert stage.hung_up


def test_a_ringing_queue_rings() -> None:
    stage = Stage(callee("  queue: {hold: {for_s: 13, sound: ringback, goto: end}}\n  end: {talk: {}}"))
    stage.wait(100)
    assert stage.signals == 2
    assert stage.script.node == "end"


HUMMING = """
  person:
    talk:
      backchannel: {lines: [aha, right], after_ms: 1000, every_ms: 2000}
      rules: [{ai_turn: {min_ms: 1000}, do: [{say: fine}]}]
"""


def test_short_words_are_said_while_the_other_side_speaks_and_answer_nothing() -> None:
    stage = Stage(callee(HUMMING))
    assert stage.ai_speaks(5500, "") == ["aha", "right", "aha"]
    assert stage.wait(1200) == ["fine"]
    stage.wait(2000)
    assert stage.ai_speaks(900, "") == []
    assert stage.ai_speaks(1200, None) == ["right"]


WORDS = """
  person:
    talk:
      rules:
        - {words: [how many, people], do: [{say: four}]}
        - {words: ["c++ (really)"], do: [{say: "yes"}]}
"""


def test_words_are_found_whole_and_are_no_patterns() -> None:
    stage = Stage(callee(WORDS))
    stage.ai_speaks(1000, "what about peoples")
    assert stage.wait(1200) == []
    stage.ai_speaks(1000, "and How Many are you")
    assert stage.wait(1200) == ["four"]
    stage.ai_speaks(1000, "in c++ (really) you say")
    assert stage.wait(1200) == ["yes"]


TWO_ATTEMPTS = """
  mailbox: {voicemail: {greeting: leave a message}}
  person: {talk: {enter: [{say: hello}]}}
"""


def test_an_attempt_may_begin_somewhere_else() -> None:
    person = callee(TWO_ATTEMPTS, attempts="[{start: mailbox}, {start: person}]")
    assert Stage(person, start=person.attempt(0).start).said == ["leave a message"]
    assert Stage(person, start=person.attempt(5).start).said == ["hello"]


def test_each_line_is_made_in_the_voice_of_its_node() -> None:
    voices = {say.text: say.voice for say in spoken_lines(callee(QUEUE, voice="{name: rms, speed: 0.8}"))}
    assert voices["still busy"] == Voice(name="slt")
    assert voices["thank you for waiting"] == Voice(name="rms", speed=0.8)


IMPROVISED = """
  desk:
    improvise: {persona: You are Anna., opening: good morning, otherwise: person, max_turns: 2}
  person:
    talk: {enter: [{say: scripted hello}]}
"""


def test_without_a_model_the_scripted_node_answers() -> None:
    stage = Stage(callee(IMPROVISED))
    assert stage.said == ["scripted hello"]
    assert stage.script.visited == ["person"]


def test_a_model_answers_each_turn_knows_what_was_said_and_may_hang_up() -> None:
    stage = Stage(callee(IMPROVISED), improvises=True)
    assert stage.said == ["good morning"]
    stage.wait(1200)
    stage.ai_speaks(1500, "does tuesday work")
    stage.wait(40)
    (asked,) = stage.thought
    assert [(line.by_caller, line.text) for line in asked.said] == [
        (False, "good morning"),
        (True, "does tuesday work"),
    ]
    stage.script.receive_reply(asked.number, "Yes, it does.")
    assert stage.wait(1200) == ["Yes, it does."]
    stage.ai_speaks(1500, "")
    stage.wait(40)
    assert "did not understand" in stage.thought[1].said[-1].text
    stage.script.receive_reply(stage.thought[1].number, "*smiles* Bye then. [hang up]")
    assert stage.wait(100) == ["Bye then."]
    assert stage.hung_up


def test_a_reply_to_an_older_turn_is_dropped_and_one_that_never_comes_leads_to_the_script() -> None:
    stage = Stage(callee(IMPROVISED), improvises=True)
    stage.wait(1200)
    stage.ai_speaks(1500, "one")
    stage.wait(40)
    stage.ai_speaks(1500, "two")
    stage.wait(40)
    stage.script.receive_reply(stage.thought[0].number, "too late")
    assert stage.wait(200) == []
    stage.script.receive_reply(stage.thought[1].number, None)
    assert stage.wait(200) == ["scripted hello"]
    stage.script.receive_reply(stage.thought[1].number, "whatever")
    assert stage.wait(200) == []


def test_a_model_that_talks_for_ever_has_an_end() -> None:
    stage = Stage(callee(IMPROVISED), improvises=True)
    for turn in range(3):
        stage.wait(1200)
        stage.ai_speaks(1500, f"turn {turn}")
        stage.wait(40)
        if stage.thought and not stage.hung_up:
            stage.script.receive_reply(stage.thought[-1].number, "go on")
    assert stage.hung_up


def test_only_what_a_person_would_say_aloud_is_spoken() -> None:
    assert spoken_part("(sighs) Well…\n [looks up] yes. ") == "Well… yes."
    assert len(spoken_part("a" * 5000)) == 400
    assert spoken_part("[hang up]") == ""
