"""The offline planner: what it reads, asks, plans, and admits not to understand."""

import re
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.common.campaign_plan import AssistantTurn
from opendeep.offline.minds.contacts import read_contacts
from opendeep.offline.minds.moments import Slot, find_slot, say_numbers
from opendeep.offline.minds.planner import assistant_turn, lookups
from opendeep.offline.minds.purposes import read_purpose

PROFILE = {"role": "system", "content": '<situation>{"profile": {"full_name": "Maria Keller"}}</situation>'}
ANNA = "Anna Meyer +1 202 555 0101"


def user(text: str, **answers: str) -> dict[str, Any]:
    block = f"<form_answers>{orjson.dumps(answers).decode()}</form_answers>" if answers else ""
    return {"role": "user", "content": f"{text}\n{block}"}


def conversation(*messages: dict[str, Any]) -> tuple[list[dict[str, Any]], AssistantTurn]:
    """Answer each message in turn, as the chat does; the whole chat and the last answer."""
    chat: list[dict[str, Any]] = [PROFILE]
    for message in messages:
        chat.append(message)
        turn = assistant_turn(chat)
        chat.append({"role": "assistant", "content": orjson.dumps(turn).decode()})
    return chat, AssistantTurn.model_validate(turn)


@pytest.mark.parametrize(
    ("text", "contacts", "names"),
    [
        (f"Call {ANNA} and ask her", [("Anna Meyer", "+1 202 555 0101")], ()),
        ("Call Anna Meyer at +1 202 555 0101", [("Anna Meyer", "+1 202 555 0101")], ()),
        ("- Anna, +12025550101\n- Ben O'Hara: (202) 555-0102",
         [("Anna", "+12025550101"), ("Ben O'Hara", "(202) 555-0102")], ()),
        ("Dan Reed (+1 202 555 0105), Eve (flat 3) 202.555.0106",
         [("Dan Reed", "+1 202 555 0105"), ("Eve", "202.555.0106")], ()),
        ("call extension 7000 and say hi", [("Extension 7000", "7000")], ()),
        ("Call Harbour Dental Practice and confirm it", [], ("Harbour Dental Practice",)),
        ("Call these: Anna +1 202 555 0101 and Harbour Facilities (look it up)",
         [("Anna", "+1 202 555 0101")], ("Harbour Facilities",)),
        ("Call me tomorrow at 10 on Tuesday", [], ()),
    ],
)  # fmt: skip
def test_contacts_are_read(text: str, contacts: list[tuple[str, str]], names: tuple[str, ...]) -> None:
    reading = read_contacts(text)
    assert [(contact.name, contact.number) for contact in reading.contacts] == contacts
    assert reading.names == names


@pytest.mark.parametrize(
    ("text", "opening", "asks"),
    [
        ("book the yearly boiler inspection on Tuesday at ten", "I am calling to book the yearly boiler inspection.",
         ["Does Tuesday at ten work for you?"]),
        ("confirm my appointment on Monday at 9:30",
         "I am calling to confirm the appointment on Monday at nine thirty.",
         ["Can you confirm the appointment on Monday at nine thirty?"]),
        ("ask if she has a table for two on Friday at 7 pm", "I am calling with a short question.",
         ["Could you tell me if you have a table for two on Friday at seven in the afternoon?"]),
        ("remind them that the rent is due tomorrow", "I am calling to remind you that the rent is due tomorrow.",
         ["Is that all right with you?"]),
        ("invite them to the summer party on Friday at six",
         "I am calling to invite you to the summer party on Friday at six.",
         ["Will you come?"]),
        ("move my appointment to Thursday at nine", "I am calling to move the appointment.",
         ["Does Thursday at nine work for you?"]),
        ("ask: How many people live with you? Do you prefer tea, coffee or water?", "I have some short questions.",
         ["How many people live with you?", "Do you prefer tea, coffee or water?"]),
    ],
)  # fmt: skip
def test_purposes_become_sentences_to_speak(text: str, opening: str, asks: list[str]) -> None:
    purpose = read_purpose(text)
    assert purpose is not None
    assert purpose.opening() == opening
    assert [question["ask"] for question in purpose.asked()] == asks


@pytest.mark.parametrize(
    ("text", "slot"),
    [
        ("on Tuesday at ten", Slot("Tuesday", "ten")),
        ("tomorrow between nine and twelve", Slot("tomorrow", "between nine and twelve")),
        ("on the 3rd of December at 14:30", Slot("the 3rd of December", "14:30")),
        ("at 20 people", Slot("", "")),
        ("next Friday in the morning", Slot("next Friday", "in the morning")),
    ],
)
def test_slots_are_found(text: str, slot: Slot) -> None:
    assert find_slot(text) == slot


def test_numbers_are_said_in_words() -> None:
    assert say_numbers("9") == "nine"
    assert say_numbers("14:30") == "two thirty in the afternoon"
    assert say_numbers("10 am") == "ten in the morning"


DIRECTORY, CONTACTS, TASKS = "get_authoritative_business_info", "find_contacts", "find_earlier_tasks"
OFFERED = {DIRECTORY, CONTACTS, TASKS}


def step(tool: str, arguments: dict[str, Any], result: dict[str, Any]) -> list[dict[str, Any]]:
    """A tool's call and its result, as the chat has them."""
    function = {"name": tool, "arguments": orjson.dumps(arguments).decode()}
    call = {"id": f"{tool}-1", "type": "function", "function": function}
    return [
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": orjson.dumps(result).decode()},
    ]


def test_a_business_without_a_number_is_looked_up_once() -> None:
    chat = [PROFILE, user("Call Harbour Facilities and book an inspection on Tuesday at ten")]
    wanted = {"name": "Harbour Facilities"}
    assert lookups(chat, OFFERED) == [(DIRECTORY, wanted)]
    chat += step(DIRECTORY, wanted, {"status": "not_found", "matches": []})
    assert lookups(chat, OFFERED) == [(CONTACTS, wanted)]
    assert lookups(chat, {DIRECTORY}) == []
    chat += step(CONTACTS, wanted, {"status": "not_found", "matches": []})
    assert lookups(chat, OFFERED) == []
    form = assistant_turn(chat)["form"]
    assert "number_1" in [entry["name"] for entry in form["fields"]]


def test_everything_missing_is_asked_in_one_form_and_never_again() -> None:
    _, first = conversation(user("hello there"))
    assert first.form is not None
    assert {"contacts", "purpose", "call_window"} <= {entry.name for entry in first.form.fields}
    _, second = conversation(user("hello there"), user("I do not know"))
    assert second.form is None
    assert second.campaign_plan is None
    assert "offline planner" in second.message


def test_the_answers_of_the_form_reach_the_plan() -> None:
    answers = {
        "call_window": "9:00-17:00 on weekdays", "on_behalf_of": "Acme", "voicemail": "hang up and try later",
        "max_attempts": "2", "retry_minutes": "0.05", "may_say": "It takes long. Water stays on",
    }  # fmt: skip
    _, turn = conversation(user(f"Book an inspection on Tuesday at ten for {ANNA}"), user("", **answers))
    plan = turn.campaign_plan
    assert plan is not None
    assert plan.calling_window.weekdays == [1, 2, 3, 4, 5]
    assert plan.calling_window.end.hour == 17
    assert (plan.on_behalf_of, plan.voicemail.policy.value) == ("Acme", "retry_later")
    assert (plan.max_attempts, plan.retry_minutes) == (2, 0.05)
    assert plan.may_say == ["It takes long.", "Water stays on."]
    assert "Acme" in plan.disclosure


@pytest.mark.parametrize(
    ("words", "check"),
    [
        ("make it Thursday", r"Thursday at ten"),
        ("make it Thursday at eleven", r"Thursday at eleven"),
        ("rather tomorrow at 9:30", r"tomorrow at nine thirty"),
        ("make it half past two", r"Tuesday at half past two"),
        ("make it 7pm", r"Tuesday at seven in the afternoon"),
        ("change it to between nine and twelve", r"Tuesday between nine and twelve"),
    ],
)
def test_a_plan_is_corrected_by_words(words: str, check: str) -> None:
    start = (user(f"Book an inspection on Tuesday at ten for {ANNA}"), user("", call_window="any time"))
    _, turn = conversation(*start, user(words))
    assert turn.campaign_plan is not None
    assert re.search(check, turn.campaign_plan.questions[0].ask)


def test_people_are_added_and_removed_by_words() -> None:
    start = (user(f"Book an inspection on Tuesday at ten for {ANNA}"), user("", call_window="any time"))
    _, more = conversation(*start, user("add Ben Ortiz, +1 202 555 0102"))
    assert more.campaign_plan is not None
    assert [task.contact_name for task in more.campaign_plan.tasks] == ["Anna Meyer", "Ben Ortiz"]
    _, fewer = conversation(*start, user("add Ben Ortiz, +1 202 555 0102"), user("leave out Anna"))
    assert fewer.campaign_plan is not None
    assert [task.contact_name for task in fewer.campaign_plan.tasks] == ["Ben Ortiz"]
    assert fewer.campaign_plan.questions[0].ask == "Does Tuesday at ten work for you?"


def test_somebody_else_instead() -> None:
    start = (user(f"Book an inspection on Tuesday at ten for {ANNA}"), user("", call_window="any time"))
    _, other = conversation(*start, user("no wait, call Ben Ortiz instead, +1 202 555 0102"))
    assert other.campaign_plan is not None
    assert [task.contact_name for task in other.campaign_plan.tasks] == ["Ben Ortiz"]
    _, lost = conversation(*start, user("call Ben Ortiz instead"), user("", number_1=""))
    assert lost.campaign_plan is None
    assert "no number of Ben Ortiz" in lost.message
    _, told = conversation(*start, user("call Ben Ortiz instead"), user("Ben Ortiz, +1 202 555 0102"))
    assert told.campaign_plan is not None
    assert [task.phone_number for task in told.campaign_plan.tasks] == ["+1 202 555 0102"]
    assert "no number" not in told.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("who are you?", "I work by rules"),
        ("Are you a human?", "not with a language model"),
        ("What can you do for me?", "propose a plan"),
        ("call 911 and say there is a fire", "never call emergency numbers"),
        ("Call Bob, 112, and ask if he is well", "never call emergency numbers"),
        (f"Call {ANNA} to book a table on Tuesday at 7pm and also call Ben +1 202 555 0102 to cancel his appointment",
         "one purpose at a time"),
    ],
)  # fmt: skip
def test_what_cannot_be_planned_is_answered_plainly(text: str, words: str) -> None:
    _, turn = conversation(user(text))
    assert words in turn.message
    assert (turn.form, turn.campaign_plan) == (None, None)


def test_an_aside_leaves_the_plan_as_it_is() -> None:
    start = (user(f"Book an inspection on Tuesday at ten for {ANNA}"), user("", call_window="any time"))
    _, turn = conversation(*start, user("who are you?"), user("make it Thursday"))
    assert turn.campaign_plan is not None
    assert turn.campaign_plan.questions[0].ask == "Does Thursday at ten work for you?"


def test_a_question_keeps_its_day_once() -> None:
    purpose = read_purpose("ask if he has time on Tuesday")
    assert purpose is not None
    assert purpose.with_slot(find_slot("on Tuesday")).objective() == "Ask if he has time on Tuesday."
    comes = read_purpose("ask whether she comes")
    assert comes is not None
    assert comes.asked()[0]["ask"] == "Could you tell me whether you come?"


def test_a_name_has_letters() -> None:
    assert [c.name for c in read_contacts("call '; -- +1 202 555 0101").contacts] == ["Contact 1"]


def test_wishes_may_be_said_instead_of_filled_in() -> None:
    start = (user(f"Book an inspection on Tuesday at ten for {ANNA}"), user("", call_window="9:00-20:00"))
    _, turn = conversation(*start, user("call at any time, no voicemail, two attempts"))
    assert turn.campaign_plan is not None
    assert turn.campaign_plan.calling_window.any_time
    assert turn.campaign_plan.voicemail.policy.value == "hang_up"
    assert turn.campaign_plan.max_attempts == 2


@pytest.mark.parametrize(
    "wish",
    [
        "Remind {anna} about the inspection on Tuesday at ten, word for word.",
        "Remind {anna} about the inspection on Tuesday at ten. Please make it scripted",
        "Scripted calls: remind {anna} about the inspection on Tuesday at ten",
        "Please follow the script and remind {anna} about the inspection on Tuesday at ten",
    ],
)
def test_word_for_word_sets_the_engine_and_is_no_part_of_the_purpose(wish: str) -> None:
    start = (user(wish.format(anna=ANNA)), user("", call_window="any time"))
    _, turn = conversation(*start)
    assert turn.campaign_plan is not None, turn.message
    assert turn.campaign_plan.engine.value == "scripted"
    assert "word for word by the script below" in turn.message
    assert not re.search("script|word", turn.campaign_plan.opening + turn.campaign_plan.objective)
    assert [task.contact_name for task in turn.campaign_plan.tasks] == ["Anna Meyer"]
    _, freely = conversation(*start, user("let the AI speak freely"))
    assert freely.campaign_plan is not None
    assert freely.campaign_plan.engine.value == "realtime"


_WORDS = [
    "call",
    "word for word",
    "book",
    "Anna",
    "+12025550101",
    "7000",
    "on",
    "Tuesday",
    "at",
    "ten",
    "make",
    "it",
    "Thursday",
    "without",
    "and",
    ":",
    ",",
    "?",
    "confirm",
    "9:30",
    "any",
    "time",
]


@given(st.lists(st.lists(st.sampled_from(_WORDS), max_size=12).map(" ".join) | st.text(max_size=60), max_size=4))
def test_whatever_is_typed_the_answer_fits_the_schema(texts: list[str]) -> None:
    conversation(*[user(text) for text in ["start", *texts]])


AGAIN = "Call Anna Meyer again and ask whether Tuesday at ten works for the boiler inspection"
KNOWN = {"name": "Anna Meyer", "phone_number": "+12025550101", "kind": "person", "source": "your earlier calls"}


def test_a_person_who_was_called_before_needs_no_number() -> None:
    chat = [PROFILE, user(AGAIN)]
    assert lookups(chat, OFFERED) == [(CONTACTS, {"name": "Anna Meyer"})]
    chat += step(CONTACTS, {"name": "Anna Meyer"}, {"status": "found", "matches": [KNOWN]})
    assert lookups(chat, OFFERED) == []
    turn = AssistantTurn.model_validate(assistant_turn([*chat, *told_all()]))
    assert turn.campaign_plan is not None
    (task,) = turn.campaign_plan.tasks
    assert (task.contact_name, task.phone_number, task.contact_kind) == ("Anna Meyer", "+12025550101", "person")
    assert "from your earlier calls" in turn.message


def told_all() -> list[dict[str, Any]]:
    """The form about the calling, shown and answered."""
    answers = {
        "call_window": "any time",
        "may_say": "",
        "on_behalf_of": "Maria Keller",
        "voicemail": "hang up",
        "max_attempts": "3",
        "retry_minutes": "30",
    }
    asked = {"message": "", "form": {"fields": [{"name": name} for name in answers]}, "campaign_plan": None}
    return [{"role": "assistant", "content": orjson.dumps(asked).decode()}, user("", **answers)]


def test_two_numbers_of_one_name_are_asked_about() -> None:
    chat = [PROFILE, user(AGAIN)]
    both = [KNOWN, KNOWN | {"phone_number": "+12025550109"}]
    chat += step(CONTACTS, {"name": "Anna Meyer"}, {"status": "found", "matches": both})
    (pick,) = [field for field in assistant_turn(chat)["form"]["fields"] if field["name"] == "pick_1"]
    assert pick["options"] == ["Anna Meyer, +12025550101", "Anna Meyer, +12025550109"]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("What happened with Anna Meyer?", "Anna Meyer"),
        ("what came of the call to Anna Meyer", "Anna Meyer"),
        ("Did Anna confirm?", "Anna"),
        ("What did Harbour Facilities say?", "Harbour Facilities"),
        ("Show me my last calls", ""),
        ("What were the results?", ""),
    ],
)
def test_questions_about_earlier_tasks_are_answered_from_them(words: str, name: str) -> None:
    chat = [PROFILE, user(words)]
    wanted: dict[str, Any] = {"limit": 3} | ({"name": name} if name else {})
    assert lookups(chat, OFFERED) == [(TASKS, wanted)]
    task = {"name": "Anna Meyer", "at": "2026-03-02T10:00-05:00", "outcome": "ACHIEVED", "summary": "Tuesday is fine."}
    chat += step(TASKS, wanted, {"status": "found", "tasks": [task]})
    assert lookups(chat, OFFERED) == []
    assert assistant_turn(chat)["message"] == (
        "From your earlier tasks: Anna Meyer, 2026-03-02: achieved. Tuesday is fine."
    )


@pytest.mark.parametrize(
    "words",
    ["Call Anna Meyer at +1 202 555 0101 and ask what happened", "Ask Anna Meyer, +1 202 555 0101, how it did go"],
)
def test_an_order_is_no_question_about_earlier_tasks(words: str) -> None:
    assert lookups([PROFILE, user(words)], OFFERED) == []
    assert "earlier" not in assistant_turn([PROFILE, user(words)])["message"]


@pytest.mark.parametrize(
    ("change", "ask"),
    [
        ("make it Thursday", "Could you tell me whether Thursday at ten works for you?"),
        ("make it eleven", "Could you tell me whether Tuesday at eleven works for you?"),
        ("rather friday at 14:30", "Could you tell me whether Friday at two thirty in the afternoon works for you?"),
    ],
)
def test_a_question_in_the_users_own_words_is_moved_too(change: str, ask: str) -> None:
    answers = {"call_window": "any time", "voicemail": "hang up"}
    wish = user(f"Call {ANNA} and ask whether Tuesday at ten works for them")
    _, turn = conversation(wish, user("", **answers), user(change))
    assert turn.campaign_plan is not None
    assert turn.campaign_plan.questions[0].ask == ask
