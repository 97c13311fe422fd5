"""A language model that plays callees, behind any server that speaks the OpenAI Chat Completions protocol.

Owns the request and what it says to the model. Optional: without an address nobody improvises, and no request is ever
made. Shares nothing with the product's own models, so that a callee does not judge or lead the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import httpx
import orjson

from opendeep.common.errors import PeerFault
from opendeep.simulation.speech_seam import SaidLine

REQUEST_TIMEOUT_S = 14.0
MAX_TURNS_SENT = 40
MAX_REPLY_TOKENS = 120
MAX_RESPONSE_BYTES = 200_000
RULES = (
    "You play a person who answers the telephone. Stay that person; you are not an assistant. Say only what the person "
    "says aloud, in one or two short spoken sentences, without stage directions, lists or emoji. Write numbers as "
    "words. When the person would end the call, say the last words and then [hang up]."
)


class ChatMind:
    """Satisfies `CalleeMind`. `base_url` ends with /v1; an empty key is left out. Close it at the end."""

    def __init__(self, base_url: str, model: str, api_key: str = "") -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx.AsyncClient(headers=headers, timeout=REQUEST_TIMEOUT_S)
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._model = model

    async def reply(self, persona: str, said: Sequence[SaidLine]) -> str:
        """Return what the person says. Raises PeerFault when the server is away or answers something else."""
        body = {
            "model": self._model,
            "max_completion_tokens": MAX_REPLY_TOKENS,
            "messages": [
                {"role": "system", "content": f"{RULES}\n\nThe person: {persona}"},
                *(
                    {"role": "user" if line.by_caller else "assistant", "content": line.text}
                    for line in said[-MAX_TURNS_SENT:]
                ),
            ],
        }
        try:
            response = await self._http.post(self._url, json=body)
            response.raise_for_status()
            return _content(response.content)
        except httpx.HTTPError as error:
            raise PeerFault(
                f"the model that plays callees did not answer ({str(error) or type(error).__name__}); "
                "check REHEARSAL_LLM_URL, REHEARSAL_LLM_MODEL and REHEARSAL_LLM_API_KEY"
            ) from error

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> ChatMind:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _content(body: bytes) -> str:
    """Return the words of a completion. Raises PeerFault for anything else."""
    try:
        content = orjson.loads(body[:MAX_RESPONSE_BYTES])["choices"][0]["message"]["content"]
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError) as error:
        raise PeerFault("the model that plays callees answered something that is no completion") from error
    if not isinstance(content, str):
        raise PeerFault("the model that plays callees answered without words")
    return content
