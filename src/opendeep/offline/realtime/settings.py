"""The session object: its defaults, how a `session.update` merges into it, and a typed view of it.

Owns what a client may set and which values are refused. `session.update` is a partial merge: absent means unchanged,
null clears (`RealtimeSessionCreateRequest`). Unknown keys are refused by name, those of the dead beta shape among
them; what is accepted without an effect here is in `NO_EFFECT`, checked by `readers` so that its echo is well-formed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from opendeep.offline.realtime.audio_format import AudioFormat, parse_format
from opendeep.offline.realtime.events import ClientMistake, field
from opendeep.offline.realtime.readers import (
    NO_EFFECT,
    between,
    check_choice,
    known_keys,
    read_max_tokens,
    read_modalities,
    read_noise_reduction,
    read_tool_choice,
    read_tools,
    read_transcription,
    read_voice,
)
from opendeep.offline.script.brief import BriefError, CallBrief, parse_brief

DEFAULT_THRESHOLD: Final = 0.5
DEFAULT_PREFIX_MS: Final = 300
DEFAULT_SILENCE_MS: Final = 500
DEFAULT_VOICE: Final = "marin"
SEMANTIC_SILENCE_MS: Final = {"low": 1_000, "medium": 700, "auto": 700, "high": 400}
MAX_INSTRUCTIONS_CHARS: Final = 200_000
MIN_SPEED, MAX_SPEED = 0.25, 1.5

SESSION_KEYS: Final = frozenset(
    {"type", "model", "audio", "instructions", "output_modalities", "tools", "tool_choice", "max_output_tokens"}
)
INPUT_KEYS: Final = frozenset({"format", "transcription", "noise_reduction", "turn_detection"})
OUTPUT_KEYS: Final = frozenset({"format", "voice", "speed"})
SERVER_VAD_KEYS: Final = frozenset(
    {"type", "threshold", "prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms", "create_response"}
    | {"interrupt_response"}
)
SEMANTIC_VAD_KEYS: Final = frozenset({"type", "eagerness", "create_response", "interrupt_response"})
SERVER_KEYS: Final = frozenset({"id", "object", "expires_at"})  # echoed by clients that send the session back


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """How turns are taken from the audio. Times in ms. `idle_timeout_ms` None: never."""

    threshold: float = DEFAULT_THRESHOLD
    prefix_padding_ms: int = DEFAULT_PREFIX_MS
    silence_duration_ms: int = DEFAULT_SILENCE_MS
    create_response: bool = True
    interrupt_response: bool = True
    idle_timeout_ms: int | None = None


class SessionSettings:
    """The session as the client sees it, with typed readers for the server."""

    def __init__(self, session_id: str, model: str, expires_at: int) -> None:
        pcm = AudioFormat.PCM.as_field()
        self._fields: dict[str, Any] = {
            "type": "realtime",
            "object": "realtime.session",
            "id": session_id,
            "model": model,
            "expires_at": expires_at,
            "output_modalities": ["audio"],
            "instructions": "",
            "tools": [],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
            "truncation": "auto",
            "audio": {
                "input": {
                    "format": pcm,
                    "transcription": None,
                    "noise_reduction": None,
                    "turn_detection": _turn_detection({"type": "server_vad"}),
                },
                "output": {"format": dict(pcm), "voice": DEFAULT_VOICE, "speed": 1.0},
            },
        }

    def as_field(self) -> dict[str, Any]:
        """A copy for `session.created` and `session.updated`."""
        return copy.deepcopy(self._fields)

    @property
    def instructions(self) -> str:
        return str(self._fields["instructions"])

    @property
    def input_format(self) -> AudioFormat:
        return parse_format(self._fields["audio"]["input"]["format"], "audio.input.format")

    @property
    def output_format(self) -> AudioFormat:
        return parse_format(self._fields["audio"]["output"]["format"], "audio.output.format")

    @property
    def voice(self) -> str:
        voice = self._fields["audio"]["output"]["voice"]
        return voice if isinstance(voice, str) else DEFAULT_VOICE

    @property
    def speed(self) -> float:
        """How many times as fast as usual the voice speaks."""
        return float(self._fields["audio"]["output"]["speed"])

    @property
    def transcribes(self) -> bool:
        """True when the client wants the transcript of what the callee says."""
        return self._fields["audio"]["input"]["transcription"] is not None

    @property
    def output_modalities(self) -> list[str]:
        return list(self._fields["output_modalities"])

    @property
    def tools(self) -> list[dict[str, Any]]:
        return list(self._fields["tools"])

    @property
    def tool_choice(self) -> Any:
        return self._fields["tool_choice"]

    @property
    def tool_names(self) -> frozenset[str]:
        """The functions that may be called now."""
        if self._fields["tool_choice"] == "none":
            return frozenset()
        return frozenset(tool["name"] for tool in self._fields["tools"] if tool.get("type") == "function")

    @property
    def turns(self) -> TurnSettings | None:
        """Turn taking by voice activity, or None when the client commits by hand."""
        wanted = self._fields["audio"]["input"]["turn_detection"]
        if wanted is None:
            return None
        if wanted["type"] == "semantic_vad":
            silence = SEMANTIC_SILENCE_MS[wanted["eagerness"]]
            return TurnSettings(
                silence_duration_ms=silence,
                create_response=wanted["create_response"],
                interrupt_response=wanted["interrupt_response"],
            )
        return TurnSettings(**{name: value for name, value in wanted.items() if name != "type"})

    def update(self, patch: dict[str, Any], *, spoken: bool) -> None:
        """Merge a client's session object, all or nothing. `spoken`: assistant audio exists, the voice is fixed.

        Raises ClientMistake.
        """
        merged = copy.deepcopy(self._fields)
        if patch.get("type") != "realtime":
            raise ClientMistake("invalid_value", "session.type must be 'realtime'.", param="session.type")
        for key in SERVER_KEYS & patch.keys():
            if patch[key] != merged[key]:
                raise ClientMistake("invalid_value", f"session.{key} is set by the server.", param=f"session.{key}")
        known_keys(patch, SESSION_KEYS | SERVER_KEYS | NO_EFFECT.keys(), "session")
        if patch.get("model") not in (None, merged["model"]):
            raise ClientMistake("invalid_value", "The model of a session cannot be changed.", param="session.model")
        for key, reader in _TOP_LEVEL.items():
            if key in patch:
                merged[key] = reader(patch[key])
        for key, check in NO_EFFECT.items():
            if key in patch:
                merged[key] = check(patch[key], f"session.{key}")
        _merge_audio(merged["audio"], field(patch, "audio", dict, default={}, param="session.audio"), spoken=spoken)
        check_choice(merged["tool_choice"], merged["tools"], "session.tool_choice")
        self._fields = merged


def _instructions(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_INSTRUCTIONS_CHARS:
        limit = f"text of at most {MAX_INSTRUCTIONS_CHARS} characters"
        raise ClientMistake("invalid_value", f"session.instructions must be {limit}.", param="session.instructions")
    return value


_TOP_LEVEL: Final[dict[str, Callable[[Any], Any]]] = {
    "instructions": _instructions,
    "output_modalities": read_modalities,
    "tools": read_tools,
    "tool_choice": read_tool_choice,
    "max_output_tokens": read_max_tokens,
}


def _merge_audio(audio: dict[str, Any], patch: dict[str, Any], *, spoken: bool) -> None:
    known_keys(patch, frozenset({"input", "output"}), "session.audio")
    heard = field(patch, "input", dict, default={}, param="session.audio.input")
    known_keys(heard, INPUT_KEYS, "session.audio.input")
    if "format" in heard:
        audio["input"]["format"] = parse_format(heard["format"], "session.audio.input.format").as_field()
    if "transcription" in heard:
        wanted = field(heard, "transcription", dict, default=None, param="session.audio.input.transcription")
        audio["input"]["transcription"] = None if wanted is None else read_transcription(wanted)
    if "noise_reduction" in heard:
        audio["input"]["noise_reduction"] = read_noise_reduction(heard["noise_reduction"])
    if "turn_detection" in heard:
        wanted = field(heard, "turn_detection", dict, default=None, param="session.audio.input.turn_detection")
        audio["input"]["turn_detection"] = None if wanted is None else _turn_detection(wanted)
    said = field(patch, "output", dict, default={}, param="session.audio.output")
    known_keys(said, OUTPUT_KEYS, "session.audio.output")
    if "format" in said:
        audio["output"]["format"] = parse_format(said["format"], "session.audio.output.format").as_field()
    if said.get("voice") not in (None, audio["output"]["voice"]):
        if spoken:
            message = "Cannot update a conversation's voice if assistant audio is present."
            raise ClientMistake("cannot_update_voice", message, param="session.audio.output.voice")
        audio["output"]["voice"] = read_voice(said["voice"], "session.audio.output.voice")
    if said.get("speed") is not None:
        audio["output"]["speed"] = between(said["speed"], MIN_SPEED, MAX_SPEED, "session.audio.output.speed")


def _turn_detection(wanted: dict[str, Any]) -> dict[str, Any]:
    kind = wanted.get("type", "server_vad")
    param = "session.audio.input.turn_detection"
    flags = {name: _flag(wanted, name) for name in ("create_response", "interrupt_response")}
    if kind in ("server_vad", "semantic_vad"):
        known_keys(wanted, SERVER_VAD_KEYS if kind == "server_vad" else SEMANTIC_VAD_KEYS, param)
    if kind == "semantic_vad":
        eagerness = wanted.get("eagerness") or "auto"
        if eagerness not in SEMANTIC_SILENCE_MS:
            raise ClientMistake("invalid_value", "eagerness is not known.", param=f"{param}.eagerness")
        return {"type": kind, "eagerness": eagerness, **flags}
    if kind != "server_vad":
        raise ClientMistake("invalid_value", "turn_detection.type is not known.", param=f"{param}.type")
    idle = wanted.get("idle_timeout_ms")
    return {
        "type": kind,
        "threshold": between(_or(wanted, "threshold", DEFAULT_THRESHOLD), 0.0, 1.0, f"{param}.threshold"),
        "prefix_padding_ms": int(
            between(_or(wanted, "prefix_padding_ms", DEFAULT_PREFIX_MS), 0, 5_000, f"{param}.prefix_padding_ms")
        ),
        "silence_duration_ms": int(
            between(_or(wanted, "silence_duration_ms", DEFAULT_SILENCE_MS), 20, 10_000, f"{param}.silence_duration_ms")
        ),
        "idle_timeout_ms": None if idle is None else int(between(idle, 1_000, 60_000, f"{param}.idle_timeout_ms")),
        **flags,
    }


def _or(wanted: dict[str, Any], name: str, default: float) -> Any:
    value = wanted.get(name)
    return default if value is None else value


def _flag(wanted: dict[str, Any], name: str) -> bool:
    value = wanted.get(name)
    if value is not None and not isinstance(value, bool):
        raise ClientMistake("invalid_type", f"'{name}' must be true or false.", param=name)
    return value is not False


def read_brief(instructions: Any) -> CallBrief | None:
    """The call brief in a session's instructions; None where they are a stranger's. Raises `ClientMistake`."""
    try:
        return parse_brief(instructions) if isinstance(instructions, str) else None
    except BriefError as error:
        raise ClientMistake("invalid_value", str(error), param="session.instructions") from error
