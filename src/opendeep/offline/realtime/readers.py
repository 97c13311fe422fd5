"""The values that a session and a response have in common, each read and checked on its own.

Owns which values are refused and what the refusal says. Everything raises ClientMistake. No state.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Set
from typing import Any, Final

from opendeep.offline.realtime.events import ClientMistake

MAX_TOOLS: Final = 128
MAX_TOOL_NAME_CHARS: Final = 64
MAX_VOICE_CHARS: Final = 100
MAX_LIST: Final = 128
EFFORTS: Final = ("minimal", "low", "medium", "high", "xhigh")
TRANSCRIPTION_KEYS: Final = frozenset({"model", "language", "languages", "prompt", "keywords", "delay"})


def known_keys(fields: Mapping[str, Any], known: Set[str], param: str) -> None:
    """Refuse what nobody here reads, by name: a setting that silently does nothing is worse than an error."""
    for key in fields:
        if key not in known:
            raise ClientMistake("unknown_parameter", f"Unknown parameter: '{param}.{key}'.", param=f"{param}.{key}")


def read_modalities(value: Any) -> list[str]:
    """`["audio"]` or `["text"]`; both at once are refused, as the vendor does."""
    if value not in (["audio"], ["text"]):
        message = "Invalid modalities. Supported combinations are: ['text'] and ['audio']."
        raise ClientMistake("invalid_value", message, param="output_modalities")
    return list(value)


def read_tools(value: Any, param: str = "session.tools") -> list[dict[str, Any]]:
    """Function tools; other kinds of tools are refused, for the offline voice cannot run them."""
    tools = value or []
    if not isinstance(tools, list) or len(tools) > MAX_TOOLS:
        raise ClientMistake("invalid_value", f"{param} must be a list of at most {MAX_TOOLS}.", param=param)
    for at, tool in enumerate(tools):
        usable = isinstance(tool, dict) and tool.get("type") == "function" and isinstance(tool.get("name"), str)
        if not usable or not 0 < len(tool["name"]) <= MAX_TOOL_NAME_CHARS:
            raise ClientMistake("invalid_value", "Only function tools with a name work.", param=f"{param}[{at}]")
        if not isinstance(tool.get("description"), str | None):
            raise ClientMistake(
                "invalid_type", "A tool's description must be text.", param=f"{param}[{at}].description"
            )
    return copy.deepcopy(tools)


def read_tool_choice(value: Any, param: str = "session.tool_choice") -> Any:
    """`none`, `auto`, `required` or a named function."""
    named = isinstance(value, dict) and value.get("type") == "function" and isinstance(value.get("name"), str)
    if value is not None and value not in ("none", "auto", "required") and not named:
        message = "tool_choice must be 'none', 'auto', 'required' or {'type': 'function', 'name': …}."
        raise ClientMistake("invalid_value", message, param=param)
    return copy.copy(value) or "auto"


def check_choice(choice: Any, tools: list[dict[str, Any]], param: str) -> None:
    """A named function must be among the tools."""
    if isinstance(choice, dict) and choice["name"] not in {tool["name"] for tool in tools}:
        raise ClientMistake("invalid_value", f"'{choice['name']}' is not one of the tools.", param=f"{param}.name")


def read_max_tokens(value: Any) -> int | str:
    """A positive number or `inf`."""
    if value in (None, "inf"):
        return "inf"
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ClientMistake(
            "invalid_value", "max_output_tokens must be 'inf' or at least 1.", param="max_output_tokens"
        )
    return value


def between(value: Any, low: float, high: float, param: str) -> float:
    """A number from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ClientMistake("invalid_value", f"'{param}' must be between {low} and {high}.", param=param)
    return value


def read_voice(value: Any, param: str) -> str | dict[str, str]:
    """A voice's name, or the vendor's `{"id": …}` for one's own voices."""
    name = value.get("id") if isinstance(value, dict) and set(value) == {"id"} else value
    if not isinstance(name, str) or not 0 < len(name) <= MAX_VOICE_CHARS:
        raise ClientMistake("invalid_value", f"'{param}' must be the name of a voice.", param=param)
    return name if isinstance(value, str) else {"id": name}


def read_transcription(value: dict[str, Any]) -> dict[str, Any]:
    """What the client wants of the transcript. Our recogniser writes it, whatever model is named."""
    param = "session.audio.input.transcription"
    known_keys(value, TRANSCRIPTION_KEYS, param)
    for key in ("model", "language", "prompt"):
        if not isinstance(value.get(key), str | None):
            raise ClientMistake("invalid_type", f"'{param}.{key}' must be text.", param=f"{param}.{key}")
    for key in ("languages", "keywords"):
        listed = value.get(key)
        if listed is not None and not _texts(listed):
            raise ClientMistake("invalid_type", f"'{param}.{key}' must be a list of texts.", param=f"{param}.{key}")
    if value.get("delay") not in (None, *EFFORTS):
        raise ClientMistake("invalid_value", f"'{param}.delay' is not known.", param=f"{param}.delay")
    return copy.deepcopy(value)


def read_noise_reduction(value: Any) -> dict[str, Any] | None:
    """Accepted and without effect: the recogniser is trained on telephone sound as it is."""
    param = "session.audio.input.noise_reduction"
    if value is None:
        return None
    if not isinstance(value, dict) or value.get("type") not in ("near_field", "far_field"):
        raise ClientMistake("invalid_value", f"'{param}.type' must be near_field or far_field.", param=f"{param}.type")
    known_keys(value, {"type", "strength"}, param)
    if value.get("strength") is not None:
        between(value["strength"], 0.0, 1.0, f"{param}.strength")
    return dict(value)


def _truncation(value: Any, param: str) -> Any:
    if value in (None, "auto", "disabled"):
        return value or "auto"
    if not isinstance(value, dict) or value.get("type") != "retention_ratio":
        raise ClientMistake("invalid_value", f"'{param}' must be auto, disabled or a retention_ratio.", param=param)
    known_keys(value, {"type", "retention_ratio", "token_limits"}, param)
    between(value.get("retention_ratio"), 0.0, 1.0, f"{param}.retention_ratio")
    limits = value.get("token_limits")
    if limits is not None:
        if not isinstance(limits, dict):
            raise ClientMistake("invalid_type", f"'{param}.token_limits' must be an object.", param=param)
        known_keys(limits, {"post_instructions"}, f"{param}.token_limits")
        between(limits.get("post_instructions", 0), 0, 10**9, f"{param}.token_limits.post_instructions")
    return copy.deepcopy(value)


def _reasoning(value: Any, param: str) -> Any:
    if value is None:
        return None
    if not isinstance(value, dict) or value.get("effort") not in (None, *EFFORTS):
        known = ", ".join(EFFORTS)
        raise ClientMistake("invalid_value", f"'{param}.effort' must be one of: {known}.", param=f"{param}.effort")
    known_keys(value, {"effort"}, param)
    return dict(value)


def _flag(value: Any, param: str) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise ClientMistake("invalid_type", f"'{param}' must be true or false.", param=param)
    return value


def _tracing(value: Any, param: str) -> Any:
    if value not in (None, "auto"):
        raise ClientMistake("invalid_value", f"'{param}' is not supported here; use null or 'auto'.", param=param)
    return value


def _include(value: Any, param: str) -> list[str]:
    if value not in (None, []):
        raise ClientMistake("invalid_value", f"'{param}' is not supported here: there are no logprobs.", param=param)
    return []


def _prompt(value: Any, param: str) -> None:
    if value is not None:
        message = f"'{param}': stored prompts lie with the vendor; send session.instructions instead."
        raise ClientMistake("invalid_value", message, param=param)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= MAX_LIST and all(isinstance(text, str) for text in value)


NO_EFFECT: Final[dict[str, Callable[[Any, str], Any]]] = {
    "truncation": _truncation,
    "reasoning": _reasoning,
    "parallel_tool_calls": _flag,
    "tracing": _tracing,
    "include": _include,
    "prompt": _prompt,
}
"""Session fields that are checked and echoed but change nothing here."""
