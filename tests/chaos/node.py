"""One node of the product under a keeper that starts it again whenever it ends, as systemd does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from opendeep.config.app_config import embedded_environment
from tests.support.asterisk import RealAsterisk

ROOT = Path(__file__).parents[2]
RESTART_AFTER_S = 0.5
REQUEST_DEADLINE_S = 5.0
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Exit:
    """An end of the process. `wanted`: we sent the signal."""

    at: float
    code: int
    wanted: bool
    last_words: str


class Node:
    """`name` is its NODE_ID, `settings` its environment beyond the embedded defaults."""

    def __init__(self, name: str, folder: Path, asterisk: RealAsterisk, settings: dict[str, str]) -> None:
        self.name = name
        self.asterisk = asterisk
        self.log = folder / f"{name}.log"
        self.exits: list[Exit] = []
        self.url = f"http://127.0.0.1:{settings['WEB_PORT']}"
        self.ports = {int(settings["WEB_PORT"]), int(settings["AUDIOSOCKET_PORT"])}
        data = folder / f"data-{name}"
        data.mkdir()
        self._environment = embedded_environment(DATA_DIR=str(data), LOG_FORMAT="json", NODE_ID=name, **settings)
        self._process: asyncio.subprocess.Process | None = None
        self._may_run = asyncio.Event()
        self._may_run.set()
        self._wanted = False
        self._keeper: asyncio.Task[None] | None = None
        self._http = httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=REQUEST_DEADLINE_S)

    # -- life

    def start(self) -> None:
        self._keeper = asyncio.create_task(self._keep(), name=f"chaos-keeper:{self.name}")

    async def close(self) -> None:
        """End it for good; without mercy, its work is judged already."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        await self._http.aclose()

    async def _keep(self) -> None:
        while True:
            await self._may_run.wait()
            self._wanted = False
            with self.log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable, str(ROOT / "main.py"), env=self._environment,
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                )  # fmt: skip
            code = await self._process.wait()
            self.exits.append(Exit(time.time(), code, self._wanted, self._last_words()))
            await asyncio.sleep(RESTART_AFTER_S)

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return lines[-1][:300] if lines else ""

    # -- what happens to it

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        alive = self._process is not None and self._process.returncode is None
        return self._process.pid if alive and self._process else None

    def signal(self, number: signal.Signals, *, down: bool = False) -> None:
        """Send a signal. `down`: it does not come back before `let_run`."""
        if down:
            self._may_run.clear()
        if number in (signal.SIGKILL, signal.SIGTERM):
            self._wanted = True
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def let_run(self) -> None:
        self._may_run.set()

    # -- what it says

    async def get(self, path: str) -> Any:
        """An answer of its API. Raises httpx.HTTPError."""
        return (await self._http.get(path)).json()

    async def trouble(self) -> str | None:
        """Why it is not ready to dial; None when everything is well."""
        try:
            parts = await self.get("/readyz")
            lines = (await self.get("/api/status"))["lines"]
        except (httpx.HTTPError, ValueError, KeyError) as error:
            return f"{self.name} does not answer: {type(error).__name__}"
        bad = [f"{name}: {part['detail']}" for name, part in parts.items() if not part["ok"]]
        if lines["paused_because"]:
            bad.append(str(lines["paused_because"]))
        return f"{self.name}: {'; '.join(bad)}" if bad else None

    async def lines_used(self) -> int:
        """Raises httpx.HTTPError."""
        return int((await self.get("/api/status"))["lines"]["lines_used"])

    def memory_mb(self) -> float:
        """Resident memory; 0 when it does not run."""
        if self.pid is None:
            return 0.0
        fields = Path(f"/proc/{self.pid}/status").read_text().split()
        return int(fields[fields.index("VmRSS:") + 1]) / 1024

    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir())) if self.pid is not None else 0
