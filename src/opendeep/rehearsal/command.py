"""`opendeep rehearse`: reads what is asked, runs the suite, prints, writes the report; exit codes 0, 1 and 2."""

from __future__ import annotations

import asyncio
import json
import signal
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from opendeep.common.errors import ConfigurationError, OpenDeepError
from opendeep.common.logger_setup import setup_logging
from opendeep.demo.product import ProductFailed
from opendeep.rehearsal.options import DEFAULT_THRESHOLD, MAX_REPEAT, Options, ProviderName, WorldName
from opendeep.rehearsal.plan_file import read_plan
from opendeep.rehearsal.report import write_report
from opendeep.rehearsal.results import SuiteResult
from opendeep.rehearsal.screen import Screen, print_result, screen_for

if TYPE_CHECKING:
    from opendeep.rehearsal.runner import Programme

EXIT_BELOW, EXIT_BAD_INPUT = 1, 2
REPORT, RESULT, LOG = "report.html", "result.json", "rehearsal.log"


def rehearse(
    plan: Annotated[
        Path | None, typer.Option(help="A plan of your own (YAML or JSON) instead of the standard one.")
    ] = None,
    callees: Annotated[
        Path | None, typer.Option(help="A folder of callees of your own instead of those shipped.")
    ] = None,
    world: Annotated[WorldName, typer.Option(help="Where the callees live.")] = WorldName.SIMULATED,
    provider: Annotated[ProviderName, typer.Option(help="Whose voice and mind the calls have.")] = ProviderName.OFFLINE,
    repeat: Annotated[int, typer.Option(help="How often each callee is called.", min=1, max=MAX_REPEAT)] = 1,
    only: Annotated[str, typer.Option(help="Names of callees, with commas.")] = "",
    handful: Annotated[bool, typer.Option("--handful", help="Only a few callees that tell most.")] = False,
    parallel: Annotated[int | None, typer.Option(help="Calls at once; bounded by the cores.", min=1)] = None,
    out: Annotated[Path | None, typer.Option(help="The folder of the report; var/rehearsals/… without it.")] = None,
    threshold: Annotated[
        float, typer.Option(help="Percent below which it exits 1.", min=0, max=100)
    ] = DEFAULT_THRESHOLD,
    seed: Annotated[int | None, typer.Option(help="Mixes who is called when, and the order of events.")] = None,
    progress_json: Annotated[bool, typer.Option(help="Progress as one JSON object a line.")] = False,
) -> None:
    """Call simulated people with the whole product and judge rows and sound; exits 1 below the threshold."""
    from opendeep.rehearsal.runner import prepare

    setup_logging("ERROR")
    console = Console()
    try:
        folder = (out or Path("var/rehearsals") / datetime.now().strftime("%Y%m%d-%H%M%S")).absolute()
        options = Options(
            out=folder,
            plan=read_plan(plan) if plan is not None else None,
            callees=callees,
            only=tuple(name.strip() for name in only.split(",") if name.strip()),
            handful=handful,
            world=world,
            provider=provider,
            repeat=repeat,
            parallel=parallel,
            threshold=threshold,
            seed=seed,
        )
        suite = _run(prepare(options), console, as_json=progress_json)
    except ConfigurationError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_BAD_INPUT) from None
    except (OpenDeepError, ProductFailed, OSError) as error:
        typer.echo(f"The rehearsal could not be held: {error}", err=True)
        raise typer.Exit(EXIT_BELOW) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        typer.echo("The rehearsal was broken off.", err=True)
        raise typer.Exit(EXIT_BELOW) from None
    raise typer.Exit(0 if suite.good else EXIT_BELOW)


async def _held(programme: Programme, screen: Screen) -> SuiteResult:
    """SIGTERM ends it as Ctrl-C does: calls, product and telephones are closed first."""
    from opendeep.rehearsal.runner import run_suite

    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await run_suite(programme, screen)


def _run(programme: Programme, console: Console, *, as_json: bool) -> SuiteResult:
    options = programme.options
    if options.parallel is not None and options.parallel > options.at_once and not as_json:
        words = (
            f"{options.parallel} calls at once were asked for; this machine carries {options.at_once}, the others wait."
        )
        console.print(words, highlight=False)
    options.out.mkdir(parents=True, exist_ok=True)
    screen = screen_for(console, as_json=as_json)
    try:
        with (options.out / LOG).open("w", encoding="utf-8") as log:
            setup_logging("INFO", "json", log)
            suite = asyncio.run(_held(programme, screen))
    finally:
        setup_logging("ERROR")
        screen.stop()
    write_report(suite, options.out / REPORT)
    (options.out / RESULT).write_text(json.dumps(suite.as_json(), ensure_ascii=False, indent=1), encoding="utf-8")
    verdict = "REHEARSAL ok" if suite.good else "REHEARSAL failed"
    line = f"{verdict} score={suite.score:.1f} threshold={suite.threshold:g} cases={len(suite.cases)}"
    if as_json:
        fields = {
            "event": "result",
            "score": round(suite.score, 1),
            "good": suite.good,
            "report": str(options.out / REPORT),
        }
        typer.echo(json.dumps(fields))
    else:
        print_result(console, suite)
        console.print(f"Report: {options.out / REPORT}", highlight=False, soft_wrap=True)
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    return suite
