"""A session of a call that is held word for word: keys, notes, and a session that takes up where another broke."""

from __future__ import annotations

import json
from typing import Any

from opendeep.config.prompt_config import (
    BEEP_NOTE,
    HOLD_ENDED_NOTE,
    TIME_IS_UP_NOTE,
    given_back_note,
    late_answer_note,
    tool_result_note,
    whisper_note,
)
from opendeep.config.prompt_line_faults import line_broke_note
from opendeep.offline.script.notes import Kind, read
from tests.unit.offline.briefs import brief_fields, scripted_brief
from tests.unit.offline.realtime.harness import TOOLS, Bench

DAY = {"key": "day", "ask": "Which day suits you?", "type": "date"}
OK = {"key": "ok", "ask": "Is the heating on?", "type": "yes_no"}
KEEPING = [
    {"type": "function", "name": name, "description": "", "parameters": {"type": "object", "properties": {}}}
    for name in ("record_result", "schedule_callback", "mark_do_not_call")
]


def bench() -> Bench:
    fields = brief_fields(script=scripted_brief([OK, DAY]).script.model_dump(mode="json"))
    told = f"Prose.\n<call_brief>\n{json.dumps(fields)}\n</call_brief>"
    return Bench(instructions=told, tools=[*TOOLS, *KEEPING])


def item(place: Bench, role: str, text: str) -> None:
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text}]
    place.send("conversation.item.create", item={"type": "message", "role": role, "content": content})


def answer(place: Bench) -> str:
    """What is said in the next response."""
    place.send("response.create")
    events = place.perform()
    return " ".join(e["transcript"] for e in events if e["type"] == "response.output_audio_transcript.done")


def calls(place: Bench) -> list[tuple[str, dict[str, Any]]]:
    done = [e["item"] for e in place.seen if e["type"] == "response.output_item.done"]
    return [(i["name"], json.loads(i["arguments"])) for i in done if i["type"] == "function_call"]


def test_keys_answer_a_question_as_the_product_tells_of_them() -> None:
    place = bench()
    assert answer(place) == "Hello."
    item(place, "user", "hello")
    assert answer(place).endswith("Is the heating on?")
    item(place, "user", "[The other side pressed keys on the telephone: 1]")
    assert answer(place) == "Which day suits you?"
    item(place, "user", "[The other side pressed keys on the telephone: 2411]")
    assert "I have noted: yes and Tuesday the twenty-fourth of November." in answer(place)
    item(place, "user", "yes")
    answer(place)
    assert [name for name, _ in calls(place)] == ["record_result", "record_result", "end_call"]
    assert calls(place)[1][1] == {"key": "day", "value": "2026-11-24", "words": "pressed 2411"}


def test_a_new_session_goes_on_where_the_broken_one_was() -> None:
    place = bench()
    for role, text in (
        ("assistant", "Hello."),
        ("user", "hello"),
        ("assistant", "This is an AI … Is the heating on?"),
        ("user", "(pressed 1)"),
        ("assistant", "Which day suits you?"),
        ("system", line_broke_note("en")),
    ):
        item(place, role, text)
    assert answer(place) == "Which day suits you?"
    item(place, "user", "next friday")
    assert "I have noted: yes and Friday the twenty-seventh of November." in answer(place)


def test_every_note_of_the_product_is_known() -> None:
    kinds = {
        TIME_IS_UP_NOTE: Kind.TIME_IS_UP,
        late_answer_note("Parking?", "Yes, {in} <the> yard."): Kind.LATE_ANSWER,
        line_broke_note("en"): Kind.OUR_TURN_AGAIN,
        given_back_note([], vanished=False): Kind.OUR_TURN_AGAIN,
        whisper_note("Be brief."): Kind.FOR_A_MIND,
        tool_result_note("end_call", {}): Kind.FOR_A_MIND,
        BEEP_NOTE: Kind.NOTHING_SAID,
        HOLD_ENDED_NOTE: Kind.NOTHING_SAID,
    }
    assert {note: read(note)[0] for note in kinds} == kinds
    assert read(late_answer_note("Parking?", "Yes, {in} <the> yard."))[1] == "Yes, {in} <the> yard."


def test_the_time_is_up_even_while_the_callee_speaks() -> None:
    place = bench()
    answer(place)
    item(place, "user", "hello")
    item(place, "system", TIME_IS_UP_NOTE)
    assert answer(place).endswith("We will try another way. Goodbye.")
    assert calls(place)[-1] == ("end_call", {"reason": "no_progress", "note": "the time was up"})
