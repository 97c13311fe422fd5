"""The `opendeep` command: run, demo, rehearse, doctor, callees, offline, db, trunk. Parses, prints, exits.

The large parts are imported by the command that needs them: loading all of them takes seconds.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from opendeep import __version__
from opendeep.common.clock import SystemClock
from opendeep.common.errors import ConfigurationError, OpenDeepError
from opendeep.common.logger_setup import setup_logging
from opendeep.common.redis_client import InProcessDoorbell
from opendeep.config.app_config import AppConfig, load_config
from opendeep.config.trunk_config import load_trunks
from opendeep.doctor.findings import Finding, Level
from opendeep.offline.server import DEFAULT_PORT, MAX_SESSIONS, OfflineServer
from opendeep.offline.serving import ServeOptions, start_report
from opendeep.offline.serving import serve as serve_offline
from opendeep.offline.speech import SpeechEngines
from opendeep.rehearsal.command import rehearse
from opendeep.simulation.callee_loader import load_callees, shipped_callees
from opendeep.simulation.callee_mistakes import CalleeFileError

if TYPE_CHECKING:
    from opendeep.call_processor_service.lines_query_svc import LinesQueryService

EXIT_CONFIGURATION = 2
Answer = TypeVar("Answer")

app = typer.Typer(help="AI outbound calling: from a chat to a report with evidence.", no_args_is_help=True)
db_app = typer.Typer(help="The database's schema.", no_args_is_help=True)
app.add_typer(db_app, name="db")
trunk_app = typer.Typer(help="The trunks: how they are, and the operator's pause.", no_args_is_help=True)
app.add_typer(trunk_app, name="trunk")
offline_app = typer.Typer(
    help="The local voice and text AI, for any client of the same protocols.", no_args_is_help=True
)
app.add_typer(offline_app, name="offline")
app.command()(rehearse)


def _config() -> AppConfig:
    try:
        config = load_config()
        load_trunks(config)
        return config
    except ConfigurationError as error:
        typer.echo(f"The settings have mistakes (see .env.example):\n{error}", err=True)
        raise typer.Exit(EXIT_CONFIGURATION) from None


@app.command()
def run() -> None:
    """Serve the product: page, scheduler, voice, analysis (OPENDEEP_ROLES says what this process does)."""
    from opendeep.main import serve

    raise typer.Exit(serve(_config()))


@app.command()
def demo(
    data_dir: Annotated[Path | None, typer.Option(help="Where the demo keeps its database and recordings.")] = None,
    keep_open: Annotated[
        bool | None, typer.Option(help="Keep the page open at the end; the default is yes on a terminal.")
    ] = None,
) -> None:
    """Make a campaign of phone calls to simulated people, through the public API, and judge it."""
    from opendeep.demo.runner import run_demo

    console = Console()
    stay = console.is_terminal if keep_open is None else keep_open
    raise typer.Exit(asyncio.run(run_demo(console, data_dir, stay)))


@app.command()
def doctor(
    asterisk_config: Annotated[
        Path | None,
        typer.Option(
            help="The folder of Asterisk's configuration, to be shown the line to mend.", exists=True, file_okay=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array instead of lines.")] = False,
) -> None:
    """Check each part and say what to do; exits 1 when something that is used is not right."""
    from opendeep.doctor.examination import examine

    setup_logging("ERROR" if as_json else "WARNING")  # the lines say it all
    findings = asyncio.run(examine(_config(), asterisk_config))
    if as_json:
        typer.echo(json.dumps([finding.as_json() for finding in findings], ensure_ascii=False, indent=2))
    else:
        _show(findings)
    raise typer.Exit(int(any(finding.level == Level.FAIL for finding in findings)))


def _show(findings: list[Finding]) -> None:
    """One line for each; below what is not right, what to do and where."""
    console = Console(highlight=False, soft_wrap=True)
    colours = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red", Level.UNUSED: "dim"}
    width = max(len(finding.part) for finding in findings)
    for finding in findings:
        mark = f"[{colours[finding.level]}]{finding.level.value:8}[/]"
        console.print(f"{mark} {finding.part:{width}}  {escape(finding.detail)}")
        if finding.level in (Level.WARN, Level.FAIL):
            where = f" ({finding.where})" if finding.where else ""
            console.print(f"{'':8} {'':{width}}  → {escape(finding.advice + where)}")


@app.command()
def callees(
    folder: Annotated[Path | None, typer.Argument(help="A folder of your own; without it those shipped.")] = None,
) -> None:
    """List the callees of the simulated switch and check their files; exits 1 with the place of each mistake."""
    try:
        found = load_callees(folder) if folder is not None else shipped_callees()
    except CalleeFileError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    width = max(len(callee.name) for callee in found)
    for callee in found:
        ends = "/".join(callee.truth.disposition) if callee.truth is not None else "no truth: not judged"
        number = next(iter((*callee.numbers, *callee.prefixes)), "no number")
        typer.echo(f"{callee.name:{width}}  {number:14}  {callee.title} ({ends})")


@offline_app.command("serve")
def offline_serve(
    host: Annotated[str, typer.Option(help="127.0.0.1 is only for this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free port.", min=0, max=65_535)] = DEFAULT_PORT,
    voice: Annotated[str, typer.Option(help="Speaking voice; OFFLINE_VOICE, else the best one found.")] = "",
    workers: Annotated[int, typer.Option(help="Speech recognition processes.", min=1, max=64)] = 1,
    max_sessions: Annotated[int, typer.Option(help="Realtime sessions at once.", min=1)] = MAX_SESSIONS,
) -> None:
    """Serve ws://HOST:PORT/v1/realtime and http://HOST:PORT/v1/chat/completions (docs/offline.md)."""
    config = _config()
    setup_logging(config.log_level, config.log_format)
    secrets = (config.offline_llm_api_key, config.offline_api_key)
    llm_key, api_key = (secret.get_secret_value() if secret else "" for secret in secrets)
    options = ServeOptions(
        host=host,
        port=port,
        workers=workers,
        voice=voice or config.offline_voice or None,
        max_sessions=max_sessions,
        llm_url=config.offline_llm_url or "",
        llm_model=config.offline_llm_model,
        llm_key=llm_key,
        api_key=api_key,
        recogniser=config.offline_recogniser,
        recogniser_model=config.offline_recogniser_model,
        synthesiser=config.offline_synthesiser,
        synthesiser_model=config.offline_synthesiser_model,
    )

    def announce(server: OfflineServer, engines: SpeechEngines) -> None:
        for level, part, words in start_report(options, server, engines):
            typer.echo(f"{level:8} {part:14}  {words}")
        typer.echo(f"OPENDEEP offline ready {server.realtime_url}")

    try:
        asyncio.run(serve_offline(options, announce))
    except OpenDeepError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"{host}:{port} cannot be used: {error.strerror or error}; --port 0 takes a free one", err=True)
        raise typer.Exit(1) from None


@db_app.command("upgrade")
def db_upgrade() -> None:
    """Bring the schema to the newest migration (also done at the start of `opendeep run`)."""

    from opendeep.database.db_manager import DatabaseManager

    async def upgrade(config: AppConfig) -> None:
        db = DatabaseManager(config.effective_database_url, InProcessDoorbell())
        try:
            await db.upgrade()
        finally:
            await db.close()

    try:
        asyncio.run(upgrade(_config()))
    except OpenDeepError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    typer.echo("The schema is the newest.")


@db_app.command("schema")
def db_schema() -> None:
    """Render database/schema.sql from the models (for developers)."""
    from opendeep.database.schema import SNAPSHOT, render_schema

    SNAPSHOT.write_text(render_schema())
    typer.echo(f"Written: {SNAPSHOT}")


def _with_lines(use: Callable[[LinesQueryService], Awaitable[Answer]]) -> Answer:
    """Ask the lines over the configured database; nodes that run notice a change within seconds."""
    from opendeep.call_processor_service.lines_query_svc import LinesQueryService
    from opendeep.database.db_manager import DatabaseManager

    config = _config()

    async def ask() -> Answer:
        db = DatabaseManager(config.effective_database_url, InProcessDoorbell())
        try:
            return await use(LinesQueryService(load_trunks(config), None, db, SystemClock(), lambda: {}))
        finally:
            await db.close()

    try:
        return asyncio.run(ask())
    except OpenDeepError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


@trunk_app.command("list")
def trunk_list() -> None:
    """Each trunk with its live calls, its pace, and why it takes no calls if it does not."""
    for trunk in _with_lines(lambda lines: lines.overview()):
        calls = f"{trunk['live_calls']} of {trunk['max_calls']} calls, {trunk['calls_per_second']:g} new per second"
        typer.echo(f"{trunk['name']}: {calls}; {trunk['paused_because'] or 'ok'}")


@trunk_app.command("pause")
def trunk_pause(name: str, reason: Annotated[str, typer.Option(help="Those whose calls wait read it.")]) -> None:
    """Start no more calls over a trunk; live ones go on."""
    _with_lines(lambda lines: lines.pause(name, reason))
    typer.echo(f"{name} is paused.")


@trunk_app.command("resume")
def trunk_resume(name: str) -> None:
    """Let calls over a trunk again, also over one that was shut because of its faults."""
    _with_lines(lambda lines: lines.resume(name))
    typer.echo(f"{name} takes calls again.")


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)
