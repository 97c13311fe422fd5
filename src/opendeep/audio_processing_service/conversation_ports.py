"""Where the decisions of a live conversation go, and what it may ask of the line."""

from collections.abc import Callable
from dataclasses import dataclass

from opendeep.audio_processing_service.realtime_protocol import Event
from opendeep.audio_processing_service.tool_ground import ToolRequest
from opendeep.audio_processing_service.voice_provider import SessionEnd


@dataclass(frozen=True, slots=True)
class ConversationPorts:
    """None of these may block.

    `words`: what the callee was understood to say; `echo`: how much the callee's side sounds like our own, 0 to 1.
    """

    send: Callable[[Event], object]
    start_tool: Callable[[ToolRequest], None]
    lost: Callable[[SessionEnd], None]
    callee_spoke: Callable[[], None]
    text_arrived: Callable[[], None]
    words: Callable[[str], None]
    echo: Callable[[], float]
    now_ms: Callable[[], int]
