"""The chat as the model sees it again in each round, and what the user has answered in it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from opendeep.config.prompt_minds import data_block, user_turn
from opendeep.database.store_people import ChatMessage, StoredPlan
from opendeep.llm_integrations.openai_form_client import Message, ToolStep
from opendeep.task_manager.plan_contacts import for_model

MAX_REPLAYED: Final = 60  # messages of the chat that the model sees; the first one always stays
MAX_REPLAYED_LOOKUPS: Final = 100_000  # characters of look-up results that the model sees again, the newest first


def replay(messages: Sequence[ChatMessage], latest: StoredPlan | None = None) -> list[Message]:
    """The chat as the model sees it: tool calls with their results, forms as the model had answered, the newest plan.

    Of long chats the first message and the last ones, of many look-ups the last results: what is older was used, and
    can be looked up again.
    """
    newest = str(latest.id) if latest else None
    if len(messages) > MAX_REPLAYED:
        messages = [messages[0], *messages[-(MAX_REPLAYED - 1) :]]
    conversation: list[Message] = []
    shown = _affordable_steps(messages)
    for at, message in enumerate(messages):
        payload = message.payload
        if message.role == "user":
            conversation.append({"role": "user", "content": user_turn(message.content, payload.get("form_answers"))})
            continue
        if at in shown:
            conversation += _steps([ToolStep(**step) for step in payload["tool_steps"]])
        plan, files = for_model(latest) if latest and payload.get("plan_id") == newest else (None, None)
        turn = {"message": message.content, "form": payload.get("form"), "campaign_plan": plan}
        conversation.append({"role": "assistant", "content": orjson.dumps(turn).decode()})
        if files:
            conversation.append({"role": "user", "content": data_block("contacts_from_file", files)})
    return conversation


def _affordable_steps(messages: Sequence[ChatMessage]) -> set[int]:
    """Which messages are replayed with their look-ups: from the newest back, while `MAX_REPLAYED_LOOKUPS` lasts."""
    shown, left = set[int](), MAX_REPLAYED_LOOKUPS
    for at in range(len(messages) - 1, -1, -1):
        if steps := messages[at].payload.get("tool_steps"):
            left -= len(orjson.dumps(steps))
            if left < 0:
                break
            shown.add(at)
    return shown


def _steps(steps: Sequence[ToolStep]) -> list[Message]:
    if not steps:
        return []
    calls = [
        {
            "id": step.id,
            "type": "function",
            "function": {"name": step.name, "arguments": orjson.dumps(step.arguments).decode()},
        }
        for step in steps
    ]
    results = [
        {"role": "tool", "tool_call_id": step.id, "content": orjson.dumps(step.result).decode()} for step in steps
    ]
    return [{"role": "assistant", "content": "", "tool_calls": calls}, *results]


def without_answered(form: dict[str, Any] | None, messages: Sequence[ChatMessage]) -> dict[str, Any] | None:
    """The form without the questions that the user has answered in this chat: the same name and the same words.

    A question in other words stays: an answer that cannot be used must be asked for again. None when nothing is left.
    """
    if form is None:
        return None
    answered = _answered(messages)
    fields = [field for field in form["fields"] if (field["name"], _words(field["label"])) not in answered]
    return {**form, "fields": fields} if fields else None


def _answered(messages: Sequence[ChatMessage]) -> set[tuple[str, str]]:
    """Name and label of every field that was shown and then filled in."""
    shown: dict[str, str] = {}
    answered: set[tuple[str, str]] = set()
    for message in messages:
        if message.role != "user":
            fields = (message.payload.get("form") or {}).get("fields", [])
            shown |= {field["name"]: _words(field["label"]) for field in fields}
            continue
        answers: Mapping[str, Any] = message.payload.get("form_answers") or {}
        answered |= {(name, shown[name]) for name, value in answers.items() if name in shown and str(value).strip()}
    return answered


def _words(label: str) -> str:
    return " ".join(label.lower().split())
