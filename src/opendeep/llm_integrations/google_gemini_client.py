"""`GoogleGeminiClient`: general questions answered by Gemini with Google Search grounding.

Owns the request, error mapping and the reading of grounding metadata, whose segment offsets are bytes of UTF-8, not
characters (google-genai `types.Segment`).
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import httpx2
from google import genai
from google.genai import errors, types

from opendeep.common.errors import ProviderFault, ProviderRefused
from opendeep.llm_integrations.provider_errors import google_error

SERVICE: Final = "Google search"
ATTEMPTS: Final = 2
RETRY_STATUSES: Final = [429, 500, 502, 503, 504]
MAX_SOURCES: Final = 20


@dataclass(frozen=True, slots=True)
class SearchSource:
    """What supports `text[start:end]` (characters) of the answer."""

    title: str
    uri: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    text: str
    sources: tuple[SearchSource, ...]


class GoogleGeminiClient:
    """`base_url` None is Google; with or without a trailing version. `api_version` None is the SDK's default."""

    def __init__(
        self,
        api_key: str | None,
        base_url: str | None,
        model: str,
        timeout_ms: int,
        api_version: str | None = None,
    ) -> None:
        self._model = model
        self._timeout_s = ATTEMPTS * timeout_ms / 1000
        options = types.HttpOptions(
            base_url=base_url.rstrip("/").removesuffix("/v1") if base_url else None,
            api_version=api_version,
            timeout=timeout_ms,
            retry_options=types.HttpRetryOptions(
                attempts=ATTEMPTS, initial_delay=0.5, http_status_codes=RETRY_STATUSES
            ),
        )
        self._client = genai.Client(api_key=api_key or "none", http_options=options)

    async def close(self) -> None:
        await self._client.aio.aclose()

    async def search(self, query: str) -> SearchAnswer:
        """Answer `query` from the web. Raises `ProviderFault`, `ProviderRefused`."""
        config = types.GenerateContentConfig(tools=[types.Tool(google_search=types.GoogleSearch())])
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._client.aio.models.generate_content(
                    model=self._model, contents=query, config=config
                )
        except errors.APIError as error:
            raise google_error(SERVICE, error.code or 500, error.status) from error
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise ProviderFault(f"{SERVICE} did not answer in time.") from error
        except httpx2.HTTPError as error:
            raise ProviderFault(f"{SERVICE} cannot be reached.") from error
        except (ValueError, errors.UnknownApiResponseError) as error:
            raise ProviderFault(f"{SERVICE} sent an answer that cannot be read.") from error
        return _answer(response)


def _answer(response: types.GenerateContentResponse) -> SearchAnswer:
    candidate = response.candidates[0] if response.candidates else None
    parts = (candidate.content.parts or []) if candidate and candidate.content else []
    text = "".join(part.text or "" for part in parts)
    if not text:
        raise ProviderRefused(f"{SERVICE} gave no answer to this.")
    metadata = candidate.grounding_metadata if candidate else None
    return SearchAnswer(text, tuple(_sources(text, metadata))[:MAX_SOURCES])


def _sources(text: str, metadata: Any) -> list[SearchSource]:
    chunks = (metadata.grounding_chunks or []) if metadata else []
    supports = (metadata.grounding_supports or []) if metadata else []
    sources = []
    for support in supports:
        segment = support.segment
        start = character_offset(text, (segment.start_index or 0) if segment else 0)
        end = character_offset(text, (segment.end_index or 0) if segment else 0)
        for index in support.grounding_chunk_indices or []:
            if 0 <= index < len(chunks) and (web := chunks[index].web):
                sources.append(SearchSource(web.title or "", web.uri or "", start, end))
    return sources


def character_offset(text: str, byte_offset: int) -> int:
    """The character at a UTF-8 byte offset; an offset inside a character counts as that character's start."""
    return len(text.encode()[: max(byte_offset, 0)].decode(errors="ignore"))
