"""The `opendeep` command: run, demo, doctor, db. Parses arguments, prints, sets exit codes; no work of its own."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from opendeep import __version__
from opendeep.common.errors import ConfigurationError, OpenDeepError
from opendeep.common.logger_setup import setup_logging
from opendeep.common.redis_client import InProcessDoorbell
from opendeep.config.app_config import AppConfig, load_config
from opendeep.database.db_manager import DatabaseManager
from opendeep.database.schema import SNAPSHOT, render_schema
from opendeep.demo.runner import run_demo
from opendeep.doctor import Finding, examine
from opendeep.main import serve

EXIT_CONFIGURATION = 2

app = typer.Typer(help="AI outbound calling: from a chat to a report with evidence.", no_args_is_help=True)
db_app = typer.Typer(help="The database's schema.", no_args_is_help=True)
app.add_typer(db_app, name="db")


def _config() -> AppConfig:
    try:
        return load_config()
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
def doctor() -> None:
    """Check each part and say what to do; exits 1 when something that is used is not right."""
    setup_logging("WARNING")  # the table says it all
    console = Console()
    findings = asyncio.run(examine(_config()))
    table = Table(title=f"OpenDeep {__version__}", title_justify="left")
    for title in ("part", "", "what was found", "what to do"):
        table.add_column(title, overflow="fold")
    for finding in findings:
        table.add_row(finding.part, _mark(finding), finding.detail, "" if finding.ok else finding.advice)
    console.print(table)
    raise typer.Exit(int(any(finding.ok is False for finding in findings)))


def _mark(finding: Finding) -> str:
    return {True: "[green]ok[/green]", False: "[red]wrong[/red]", None: "[dim]not used[/dim]"}[finding.ok]


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


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)
