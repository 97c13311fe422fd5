"""The `opendeep` command: run, demo, rehearse, doctor, callees, db, trunk. Parses, prints, exits; does no work."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from opendeep import __version__
from opendeep.call_processor_service.lines_query_svc import LinesQueryService
from opendeep.common.clock import SystemClock
from opendeep.common.errors import ConfigurationError, OpenDeepError
from opendeep.common.logger_setup import setup_logging
from opendeep.common.redis_client import InProcessDoorbell
from opendeep.config.app_config import AppConfig, load_config
from opendeep.config.trunk_config import load_trunks
from opendeep.database.db_manager import DatabaseManager
from opendeep.database.schema import SNAPSHOT, render_schema
from opendeep.demo.runner import run_demo
from opendeep.doctor.examination import examine
from opendeep.doctor.findings import Finding, Level
from opendeep.main import serve
from opendeep.rehearsal.command import rehearse
from opendeep.simulation.callee_loader import load_callees, shipped_callees
from opendeep.simulation.callee_mistakes import CalleeFileError

EXIT_CONFIGURATION = 2
Answer = TypeVar("Answer")

app = typer.Typer(help="AI outbound calling: from a chat to a report with evidence.", no_args_is_help=True)
db_app = typer.Typer(help="The database's schema.", no_args_is_help=True)
app.add_typer(db_app, name="db")
trunk_app = typer.Typer(help="The trunks: how they are, and the operator's pause.", no_args_is_help=True)
app.add_typer(trunk_app, name="trunk")
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
    raise typer.Exit(serve(_config()))


@app.command()
def demo(
    data_dir: Annotated[Path | None, typer.Option(help="Where the demo keeps its database and recordings.")] = None,
    keep_open: Annotated[
        bool | None, typer.Option(help="Keep the page open at the end; the default is yes on a terminal.")
    ] = None,
) -> None:
    """Make a campaign of phone calls to simulated people, through the public API, and judge it."""
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


@db_app.command("upgrade")
def db_upgrade() -> None:
    """Bring the schema to the newest migration (also done at the start of `opendeep run`)."""

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
    SNAPSHOT.write_text(render_schema())
    typer.echo(f"Written: {SNAPSHOT}")


def _with_lines(use: Callable[[LinesQueryService], Awaitable[Answer]]) -> Answer:
    """Ask the lines over the configured database; nodes that run notice a change within seconds."""
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
