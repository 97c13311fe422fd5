"""A person at the page, as a program: the public HTTP API and the page's WebSocket, nothing else."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import orjson
from websockets.asyncio.client import connect

REQUEST_TIMEOUT_S = 60.0
KEEPALIVE = httpx.Limits(keepalive_expiry=2.0)  # shorter than the server's 5 s: no request meets a closing connection


class PageClient:
    """One signed-in user. Raises `httpx.HTTPStatusError` with the server's own words for a refused request."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._http = httpx.AsyncClient(base_url=base_url, timeout=REQUEST_TIMEOUT_S, limits=KEEPALIVE, trust_env=False)

    async def __aenter__(self) -> "PageClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = self._body(await self._http.post(path, json=body or {}))
        return answer

    async def get(self, path: str) -> Any:
        return self._body(await self._http.get(path))

    async def events(self) -> AsyncGenerator[dict[str, Any]]:
        """The live events of the page, for as long as the iterator is used."""
        async with self.socket("/api/events") as socket:
            async for message in socket:
                yield orjson.loads(message)

    def socket(self, path: str) -> connect:
        """One of the page's WebSockets, to be entered."""
        cookies = "; ".join(f"{name}={value}" for name, value in self._http.cookies.items())
        url = self._base_url.replace("http", "ws", 1) + path
        return connect(url, additional_headers={"Cookie": cookies}, origin=self._base_url, proxy=None)  # type: ignore[arg-type]

    async def healthy(self, deadline_s: float) -> None:
        """Wait until the server is ready. Raises `TimeoutError`."""
        async with asyncio.timeout(deadline_s):
            while True:
                try:
                    if (await self._http.get("/readyz")).status_code == httpx.codes.OK:
                        return
                except httpx.TransportError:
                    pass  # it is still starting
                await asyncio.sleep(0.2)

    @staticmethod
    def _body(response: httpx.Response) -> Any:
        if response.is_error:
            raise httpx.HTTPStatusError(
                f"{response.request.method} {response.request.url.path}: {response.text}",
                request=response.request,
                response=response,
            )
        return response.json()
