"""The offline judgement of one call: rules that read a transcript and cite the turns they rest on.

Owns the answer to the schema `call_analysis`. Whether citations hold and what a judgement leads to is decided by the
caller, as with a real model.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from opendeep.common.call_script import ScriptQuestion
from opendeep.common.question_types import QuestionType
from opendeep.offline.minds.data_blocks import find_block
from opendeep.offline.minds.learned_facts import learned_facts
from opendeep.offline.script.answers import read_answer
from opendeep.offline.script.course import NOT_CONFIRMED
from opendeep.offline.script.understanding import Heard, meanings_of_text
from opendeep.offline.script.words import overlap

SAME_QUESTION: Final = 0.6  # share of a question's content words that an AI turn must have
MESSAGE_WORDS: Final = 8  # an AI turn as long as this, spoken to a machine, is a message that was left
_WHEN: Final = re.compile(
    r"\b(monday|tuesday|wednesday|thursday|friday|saturday|sunday|tomorrow|today|tonight|later|morning|afternoon|"
    r"evening|week|hour|hours|minutes|noon|o'clock|half past|at (one|two|three|four|five|six|seven|eight|nine|ten|"
    r"eleven|twelve|\d))\b"
)
_GREETING: Final = re.compile(r"\bgood (morning|afternoon|evening)\b")
_TIME_OFFER: Final = re.compile(
    r"\b(monday|tuesday|wednesday|thursday|friday|saturday|sunday|tomorrow|next week|morning|afternoon)\b"
)

_GLAD: Final = re.compile(
    r"\b(great|perfect|wonderful|lovely|excellent|with pleasure|gladly|happy to|very kind|thank you (so|very) much)\b"
)
_ANGRY: Final = re.compile(
    r"\b(stop (calling|phoning|ringing)|leave (me|us) alone|annoying|annoyed|angry|ridiculous|rude|how dare|nonsense|"
    r"fed up|terrible|never call|waste of (my )?time)\b"
)

Record = dict[str, Any]
Turn = dict[str, Any]


def call_analysis(messages: Sequence[dict[str, Any]]) -> Record:
    """Judge the call in the block `call_record`."""
    text = "\n".join(str(message.get("content") or "") for message in messages)
    record = find_block("call_record", text) or {}
    turns = [turn for turn in record.get("turns", []) if isinstance(turn, dict) and turn.get("text")]
    callee = [turn for turn in turns if turn.get("speaker") == "callee"]
    ended = record.get("call", {}).get("end_requested") or {}
    judged = (
        _opted_out(callee, ended)
        or _wrong_number(callee, ended)
        or _machine(turns, callee, ended)
        or _call_back(callee, ended)
        or _disputed(callee, ended)
        or _conversation(record, turns, callee, ended)
    )
    return judged | {
        "learned": learned_facts(callee),
        "sentiment": _sentiment(callee) if ended.get("reason") != "voicemail" else None,
        "quality": [],
    }


def _result(disposition: str, summary: str, next_step: str, evidence: Sequence[Turn], **more: Any) -> Record:
    base: Record = {
        "fields": [],
        "callback_words": None,
        "question_for_user": None,
        "dnd": False,
        "evidence_turns": [turn["turn"] for turn in evidence],
    }
    return base | {"disposition": disposition, "summary": summary, "next_step": next_step} | more


def _sentiment(callee: Sequence[Turn]) -> Record | None:
    """From plain words of liking and anger alone; None where there are none, or both."""
    glad = [turn["turn"] for turn in callee if _GLAD.search(str(turn["text"]).lower())]
    angry = [turn["turn"] for turn in callee if _ANGRY.search(str(turn["text"]).lower())]
    if bool(glad) == bool(angry):
        return None
    return {"mood": "positive" if glad else "negative", "turns": glad or angry}


def _meaning(callee: Sequence[Turn], name: str) -> list[Turn]:
    return [turn for turn in callee if name in meanings_of_text(turn["text"])]


def _opted_out(callee: Sequence[Turn], ended: Record) -> Record | None:
    said = _meaning(callee, "opt_out")
    if not said and ended.get("reason") != "opt_out":
        return None
    return _result("OPTED_OUT", "The callee does not want to be called again.", "fail", said or callee[-1:], dnd=True)


def _wrong_number(callee: Sequence[Turn], ended: Record) -> Record | None:
    if ended.get("reason") != "wrong_number":
        return None
    said = _meaning(callee, "wrong_person") or callee[-1:]
    return _result("WRONG_NUMBER", "Somebody else has this number.", "fail", said)


def _machine(turns: Sequence[Turn], callee: Sequence[Turn], ended: Record) -> Record | None:
    if ended.get("reason") != "voicemail":
        return None
    greeting = _meaning(callee, "voicemail") or callee[:1]
    first = greeting[0]["turn"] if greeting else 0
    left = [
        turn for turn in turns
        if turn.get("speaker") == "ai" and turn["turn"] >= first and len(turn["text"].split()) >= MESSAGE_WORDS
    ]  # fmt: skip
    if left:
        return _result("VOICEMAIL_LEFT", "A mailbox answered; the message was left.", "retry", [*greeting, *left])
    return _result("VOICEMAIL", "A mailbox answered; no message was left.", "retry", greeting)


def _call_back(callee: Sequence[Turn], ended: Record) -> Record | None:
    if ended.get("reason") != "callback":
        return None
    asked = _meaning(callee, "callback")
    timed = [turn for turn in callee if _WHEN.search(_GREETING.sub(" ", turn["text"].lower()))]
    said = timed or asked or list(callee[-1:])
    together = [turn for turn in timed[-2:] if turn is timed[-1] or _follows(timed[-1], turn, callee)]
    words = str(ended.get("note") or "") if not timed else " ".join(turn["text"] for turn in together)
    summary = "The callee asked to be called again" + (f": {words}." if words else " later.")
    return _result("CALLBACK_REQUESTED", summary, "callback", said, callback_words=words or None)


def _follows(later: Turn, earlier: Turn, callee: Sequence[Turn]) -> bool:
    """Whether the callee said nothing in between: the two are one statement with a pause in it."""
    return not any(earlier["turn"] < turn["turn"] < later["turn"] for turn in callee)


def _disputed(callee: Sequence[Turn], ended: Record) -> Record | None:
    """What was understood was called wrong, twice: none of it counts."""
    if ended.get("reason") != "no_progress" or not str(ended.get("note") or "").startswith(NOT_CONFIRMED):
        return None
    return _result("INCONCLUSIVE", "The callee said that they were misunderstood.", "retry", callee[-1:])


# -- a conversation


def _conversation(record: Record, turns: Sequence[Turn], callee: Sequence[Turn], ended: Record) -> Record:
    task = record.get("task", {})
    questions = [question for question in task.get("questions", []) if isinstance(question, dict)]
    fields = [entry for question in questions if (entry := _field(question, questions, turns, record)) is not None]
    answered = {entry["key"]: entry for entry in fields}
    required = [question["key"] for question in questions if question.get("required", True)]
    name = str(task.get("contact", {}).get("name") or "The callee")
    refused = [key for key in required if answered.get(key, {}).get("value") == "no"]
    evidence = [turn for turn in turns if any(turn["turn"] in entry["turns"] for entry in fields)]
    if refused:
        return _declined(name, task, answered[refused[0]], fields, evidence, callee)
    if required and all(key in answered for key in required):
        told = "; ".join(f"{question['ask']} {answered[question['key']]['value']}"
                         for question in questions if question["key"] in answered)  # fmt: skip
        return _result("ACHIEVED", f"{name} answered: {told}.", "complete", evidence, fields=fields)
    if ended.get("reason") == "declined":
        return _result("DECLINED", f"{name} declined.", "complete", callee[-1:], fields=fields)
    if not required and ended.get("reason") == "completed":
        return _result("ACHIEVED", f"{name} was told.", "complete", callee[-1:], fields=fields)
    summary = f"The call with {name} ended before the questions were answered."
    return _result("INCONCLUSIVE", summary, "retry", callee[-1:], fields=fields)


def _declined(
    name: str, task: Record, refusal: Record, fields: list[Record], evidence: list[Turn], callee: Sequence[Turn]
) -> Record:
    first = min(refusal["turns"])
    asked_day = set(_TIME_OFFER.findall(str(task.get("questions", [{}])[0].get("ask", "")).lower()))
    offers = [
        turn for turn in callee
        if turn["turn"] >= first and set(_TIME_OFFER.findall(turn["text"].lower())) - asked_day
    ]  # fmt: skip
    if not offers:
        return _result("DECLINED", f"{name} said no.", "complete", evidence, fields=fields)
    offer = offers[0]["text"]
    question = f"{name} cannot do it as planned and said: “{offer}”. What shall I do?"
    summary = f"{name} said no and offered another time: {offer}."
    return _result("DECLINED", summary, "needs_user", [*evidence, offers[0]], fields=fields, question_for_user=question)


def _field(question: Record, questions: Sequence[Record], turns: Sequence[Turn], record: Record) -> Record | None:
    """The first understood answer between this question and the next one."""
    asked = False
    for turn in turns:
        text = str(turn["text"])
        if turn.get("speaker") == "ai":
            if _asks(question, text):
                asked = True
            elif asked and any(_asks(other, text) for other in questions if other["key"] != question["key"]):
                return None
            continue
        if not asked:
            continue
        answer = read_answer(_as_question(question), Heard(text.lower()), _now(record))
        if answer is not None:
            return {"key": question["key"], "value": answer.value, "turns": [turn["turn"]], "quote": text}
    return None


def _asks(question: Record, text: str) -> bool:
    return overlap(str(question.get("ask", "")), text) >= SAME_QUESTION


def _as_question(question: Record) -> ScriptQuestion:
    options = tuple(str(option) for option in question.get("options") or ())
    kind = QuestionType(str(question.get("type", "text")))
    return ScriptQuestion(
        key=str(question["key"]),
        ask=str(question.get("ask", "")),
        type=kind if options or kind is not QuestionType.CHOICE else QuestionType.TEXT,
        options=options,
    )


def _now(record: Record) -> datetime:
    try:
        return datetime.fromisoformat(str(record.get("call", {}).get("now_at_callee")))
    except ValueError:
        return datetime.now().astimezone()
