"""The tools of one call while they run: started for the AI, bridged when they take long, answered to it.

Owns which tools run and when a bridging sentence is due; what a tool does is `call_tools`' matter, whether the AI may
speak now is `live_conversation`'s. Before the call's brief is known (`equip`) there are no tools.
"""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from opendeep.audio_processing_service.call_tools import CallTools
from opendeep.audio_processing_service.call_watch import LineFacts
from opendeep.audio_processing_service.live_conversation import LiveConversation
from opendeep.audio_processing_service.tool_ground import ToolRequest, mistake
from opendeep.audio_processing_service.tool_watch import ToolWatch

MAX_TOOLS_AT_ONCE: Final = 24  # a script keeps its answers together, up to 20

Spawn = Callable[[Coroutine[Any, Any, None], str], None]


class ToolRunner:
    """One per call. `spawn` runs work that ends with the call."""

    def __init__(self, conversation: LiveConversation, now_ms: Callable[[], int], spawn: Spawn) -> None:
        self._conversation = conversation
        self._now_ms = now_ms
        self._spawn = spawn
        self._watch = ToolWatch()
        self._tools: CallTools | None = None
        self._bridge_words = ""

    def equip(self, tools: CallTools, bridge_words: str) -> None:
        """What the AI can do in this call, and the instructions for a bridging sentence."""
        self._tools, self._bridge_words = tools, bridge_words

    @property
    def running(self) -> bool:
        """Some tool runs."""
        return self._watch.running > 0

    @property
    def waits_for_user(self) -> bool:
        """A question to the user is open."""
        return self._tools is not None and self._tools.waits_for_user

    @property
    def transferred(self) -> bool:
        """The callee has left us for a person."""
        return self._tools is not None and self._tools.transferred

    async def words_out(self) -> None:
        """Until nothing of ours has been said for a moment. The caller has the deadline."""
        await self._watch.words_out()

    def start(self, request: ToolRequest) -> None:
        """The AI calls a function."""
        tools = self._tools
        if tools is None:
            return
        if self._watch.running >= MAX_TOOLS_AT_ONCE:
            self._conversation.answer_tool(request, mistake("Too many at once."))
            return
        self._watch.begin(request.call_id, self._now_ms(), bridged=tools.bridged(request.name))
        self._spawn(self._use(tools, request), f"tool:{request.name[:40]}")

    def hear(self, words: str) -> None:
        """What the callee was understood to say."""
        if self._tools is not None:
            self._tools.hear(words)

    def receive(self, data: Mapping[str, Any]) -> None:
        """A message of the call's channel that may concern a tool."""
        if self._tools is not None:
            self._tools.receive(data)

    def check(self, facts: LineFacts) -> None:
        """Every 100 ms: a sentence of ours when a tool takes long and nobody speaks. On hold nobody would hear it."""
        we_speak = facts.playing or facts.answering
        they_speak = facts.callee_speaking or facts.waiting or facts.on_hold
        if self._tools is not None:
            self._tools.check()
        if self._watch.check(facts.now_ms, we_speak=we_speak, they_speak=they_speak):
            self._conversation.bridge(self._bridge_words)

    async def settle(self) -> None:
        """The line is closed: what this itself confirms may be on its way."""
        if self._tools is not None:
            await self._tools.settle()

    def close(self) -> None:
        """The call is over, and no tool runs any more."""
        if self._tools is not None:
            self._tools.close()

    async def _use(self, tools: CallTools, request: ToolRequest) -> None:
        try:
            output = await tools.run(request)
        finally:
            self._watch.end(request.call_id)
        self._conversation.answer_tool(request, output)
