"""Debian's Chromium for tests, driven by Playwright: headless, its own profile, no services of its vendor.

`require` decides what a missing browser means: a loud skip, or a failure where `CI=true` promises it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import BrowserContext, Page, async_playwright, expect

from tests.support.services import require

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
DEADLINE_MS = 60_000  # how long a page may take on a busy machine; what does not come fails the test


def microphone(recording: Path) -> list[str]:
    """Flags that give the browser a microphone, allowed without asking, which plays a WAV file again and again."""
    return [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={recording}",
        "--autoplay-policy=no-user-gesture-required",
    ]


def chromium_program() -> str | None:
    """Where the browser is installed, or None."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


@dataclass
class Complaints:
    """What the browser held against the page: console errors, exceptions, requests to elsewhere, CSP violations."""

    found: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()

    def add(self, text: str) -> None:
        if not any(part in text for part in self.expected):
            self.found.append(text)


@contextlib.asynccontextmanager
async def chromium(profile: Path, **options: object) -> AsyncIterator[BrowserContext]:
    """A browser that keeps everything in the fresh `profile`; `options` go to Playwright (viewport, args, …)."""
    more = options.pop("args", [])
    assert isinstance(more, list)
    program = chromium_program()
    require("chromium", program is not None, "install the package chromium")
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            profile,
            executable_path=program,
            args=[*FLAGS, *more],
            headless=True,
            env={**os.environ, "XDG_CONFIG_HOME": str(profile / "config"), "XDG_CACHE_HOME": str(profile / "cache")},
            locale="en-US",
            timezone_id="America/New_York",
            **options,  # type: ignore[arg-type]
        )
        context.set_default_timeout(DEADLINE_MS)
        expect.set_options(timeout=DEADLINE_MS)
        try:
            yield context
        finally:
            await context.close()


def watch(page: Page, own_origin: str) -> Complaints:
    """Collect everything that a clean page does not do."""
    complaints = Complaints()
    page.on("console", lambda m: complaints.add(f"console {m.type}: {m.text}") if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.add(f"exception: {error}"))

    def on_request(url: str) -> None:
        if not url.startswith((own_origin, "data:", "blob:")):
            complaints.add(f"external request: {url}")

    page.on("request", lambda request: on_request(request.url))
    return complaints


def skip_without_browser() -> None:
    """For fixtures that start other things first."""
    require("chromium", chromium_program() is not None, "install the package chromium")
