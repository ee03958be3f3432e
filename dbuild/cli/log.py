"""`dbuild log`: past runs, their tasks, and what a recipe printed."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

import click

from dbuild import build as building
from dbuild.build import Settings
from dbuild.cli.options import common_options, settings_of
from dbuild.errors import UsageError
from dbuild.ui.json import print_record
from dbuild.ui.ledger import ledger_record, run_lines, run_record, task_lines
from dbuild.ui.logs import LogPrinter
from dbuild.ui.stream import print_bytes, print_lines, print_notes
from dbuild.ui.text import clean, clean_lines

HELP = """Show past runs, the tasks of a run, or what a recipe printed when it last ran.

\b
Examples:
  dbuild log                          the latest runs
  dbuild log 12                       the tasks of run 12
  dbuild log daily@2013-01-05         what the recipe printed last
  dbuild log 12:daily@2013-01-05      what it printed in run 12
  dbuild log daily@2013-01-05 -F      what it prints now, until its task ends
  dbuild log 12 --follow              what all tasks of run 12 print
"""


@click.command("log", help=HELP)
@click.argument("what", required=False, metavar="[RUN | [RUN:]TARGET[@KEYS]]")
@click.option("--limit", type=click.IntRange(min=1), default=20, metavar="N", help="Show the latest N (20).")
@click.option("-F", "--follow", is_flag=True, help="Go on with what is printed, until what prints it has ended.")
@common_options
def command(
    what: str | None,
    limit: int,
    follow: bool,
    directory: Sequence[str],
    file: str,
    params: tuple[tuple[str, str], ...],
    json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Shows runs, tasks or a log; the exit code."""
    settings = settings_of(directory, file, params)
    if follow:
        if what is None or json:
            raise UsageError(
                "--follow shows what a run or a target prints", hint="dbuild log RUN|TARGET[@KEYS] --follow"
            )
        return _follow(settings, what)
    if what is None:
        _show_runs(settings, limit, json=json)
    elif _is_run(what):
        _show_tasks(settings, what, None, limit, json=json)
    elif json:
        run, _, argument = what.rpartition(":")
        _show_tasks(settings, run or None, argument, limit, json=True)
    else:
        _show_log(settings, what)
    return 0


def _is_run(what: str) -> bool:
    """Runs are numbered; no dataset's name is a number."""
    return what.isdecimal()


def _show_runs(settings: Settings, limit: int, *, json: bool) -> None:
    runs = building.runs(settings, limit)
    if json:
        for run in runs:
            print_record(run_record(run))
    elif runs:
        print_lines(*run_lines(runs, _width()))
    else:
        print_notes("nothing has been built yet")


def _show_tasks(settings: Settings, run: str | None, argument: str | None, limit: int, *, json: bool) -> None:
    tasks = building.tasks(settings, run, argument, limit)
    if json:
        for task in tasks:
            print_record(ledger_record(task))
    elif tasks:
        print_lines(*task_lines(tasks, _width()))
    else:
        print_notes("no recipe ran")


def _show_log(settings: Settings, what: str) -> None:
    path = building.log_path(settings, what)
    if path is None:
        print_notes(f"{clean(what)} has no log: it hasn't run, its recipe printed nothing, or the log was cleaned away")
        return
    with open(path, "rb") as log:
        if sys.stdout.isatty():
            for line in log:
                print_lines(*clean_lines(line.decode("utf-8", "surrogateescape").rstrip("\n")))
        else:
            print_bytes(log)


def _follow(settings: Settings, what: str) -> int:
    printer = LogPrinter(is_terminal=sys.stdout.isatty())
    try:
        for label, data in building.follow_log(settings, what):
            printer.take(label, data)
    finally:
        printer.finish()
    if not printer.has_printed:
        print_notes(f"{f'run {what}' if _is_run(what) else clean(what)} printed nothing")
    return 0


def _width() -> int | None:
    """The columns of the terminal; None where the output is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
