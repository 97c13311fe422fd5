"""`ChatRound`: one round of the chat while it goes on. What happens in it, its reply, and its end before the time.

Owns the task of the round and the events for whoever listens. What is thought and kept is `UIAssistantService`'s.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from uuid import UUID

from opendeep.llm_integrations.openai_form_client import ToolStep

WAITING: Final = "waiting"  # nothing has happened for a while
TOOL_STARTED: Final = "tool_started"
TOOL_FINISHED: Final = "tool_finished"
TEXT: Final = "text"
TEXT_RESET: Final = "text_reset"


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What the page shows for one round. `plan` only when this round proposed one; `problems` are sentences.

    `stopped`: the user ended the round; `message` is what was said until then.
    """

    chat_id: UUID
    message: str
    form: dict[str, Any] | None = None
    plan: dict[str, Any] | None = None
    plan_id: UUID | None = None
    plan_valid: bool = False
    problems: list[str] = field(default_factory=list)
    tool_steps: list[dict[str, Any]] = field(default_factory=list)
    stopped: bool = False
    contacts: int = 0  # of the plan, which comes with the first ones only


@dataclass(frozen=True, slots=True)
class RoundEvent:
    """`kind` is one of the constants above."""

    kind: str
    data: dict[str, Any] = field(default_factory=dict)


class ChatRound:
    """Is told what happens (it is the model's `Watch`) and tells one listener.

    A slow listener gets longer pieces of text, not more events: what waits for it is never larger than the reply.
    """

    def __init__(self, chat_id: UUID) -> None:
        self.chat_id = chat_id
        self.stopping = False
        self.steps: list[ToolStep] = []
        self._said: list[str] = []
        self._waiting: list[RoundEvent] = []
        self._news = asyncio.Event()
        self._task: asyncio.Task[ChatReply] | None = None
        self._can_stop = False

    # -- the work

    def start(self, work: Coroutine[Any, Any, ChatReply]) -> asyncio.Task[ChatReply]:
        """Let the round go on by itself."""
        self._task = asyncio.create_task(work, name=f"chat-round-{self.chat_id}")
        self._task.add_done_callback(lambda _: self._news.set())
        return self._task

    def begin_thinking(self) -> bool:
        """From now on `stop` interrupts; False when it was stopped before."""
        self._can_stop = not self.stopping
        return self._can_stop

    def end_thinking(self) -> None:
        """The answer is there; it is kept whatever is asked from now on."""
        self._can_stop = False

    def stop(self) -> None:
        """End the thinking, and with it the provider's request, at once. Idempotent; does not wait."""
        self.stopping = True
        if self._can_stop and self._task is not None:
            self._can_stop = False
            self._task.cancel()

    @property
    def text(self) -> str:
        """The answer's text as far as it has come."""
        return "".join(self._said)

    # -- the model's `Watch`

    def tool_started(self, call_id: str, name: str, arguments: dict[str, Any]) -> None:
        self._tell(TOOL_STARTED, {"id": call_id, "name": name, "arguments": arguments})

    def tool_finished(self, step: ToolStep) -> None:
        self.steps.append(step)
        self._tell(TOOL_FINISHED, asdict(step))

    def said(self, text: str) -> None:
        self._said.append(text)
        if self._waiting and self._waiting[-1].kind == TEXT:
            text = self._waiting.pop().data["text"] + text
        self._tell(TEXT, {"text": text})

    def unsaid(self) -> None:
        if self._said:
            self._said.clear()
            self._tell(TEXT_RESET, {})

    # -- the listener

    async def reply(self) -> ChatReply:
        """The reply at the end. A caller that is cancelled leaves the round going on. Raises what the round raised."""
        if self._task is None:
            raise RuntimeError("the round has not been started")
        return await asyncio.shield(self._task)

    async def ended(self, timeout_s: float | None = None) -> None:
        """Wait for the end, whatever it is, at most so long."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=timeout_s)

    async def events(self, patience_s: float) -> AsyncIterator[RoundEvent]:
        """What happens, until the round has ended; `WAITING` when nothing did for `patience_s` seconds."""
        while True:
            try:
                async with asyncio.timeout(patience_s):
                    await self._news.wait()
            except TimeoutError:
                yield RoundEvent(WAITING)
                continue
            self._news.clear()
            over = self._task is None or self._task.done()
            waiting, self._waiting = self._waiting, []
            for event in waiting:
                yield event
            if over:
                return

    def _tell(self, kind: str, data: dict[str, Any]) -> None:
        self._waiting.append(RoundEvent(kind, data))
        self._news.set()
