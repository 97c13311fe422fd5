"""What the scripted conversation can ask for: to speak, to call a tool, to wait, to listen.

Owns the values only. Who performs them, and when, is the business of the Realtime session.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class SayRole(StrEnum):
    """Why a sentence is said. Decides what must be said again when the callee cuts it off."""

    HELLO = "hello"
    DISCLOSURE = "disclosure"
    PURPOSE = "purpose"
    QUESTION = "question"
    FAREWELL = "farewell"
    MESSAGE = "message"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Say:
    """One or two sentences to speak."""

    text: str
    role: SayRole = SayRole.OTHER


@dataclass(frozen=True, slots=True)
class CallTool:
    """A function call for the client: the tool's name and its arguments."""

    name: str
    arguments: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class AwaitQuiet:
    """Hold the turn until a beep has ended, or until the line was quiet for `quiet_ms` (a voicemail greeting ends)."""

    quiet_ms: int


@dataclass(frozen=True, slots=True)
class Listen:
    """What the recogniser should expect next (its own vocabulary of expectations), with extra words to know."""

    expects: str = "any"
    hints: tuple[str, ...] = ()


Act = Say | CallTool | AwaitQuiet | Listen
