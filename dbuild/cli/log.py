"""`dbuild log`: past runs, their tasks, and what a recipe printed."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from dbuild import build as building
from dbuild.build import Settings
from dbuild.cli.options import common_options, settings_of
from dbuild.ui.json import print_record
from dbuild.ui.ledger import ledger_record, run_lines, run_record, task_lines
from dbuild.ui.stream import is_screen, print_bytes, print_lines, print_notes
from dbuild.ui.text import clean, clean_lines

HELP = """Show past runs, the tasks of a run, or what a recipe printed when it last ran.

\b
Examples:
  dbuild log                          the latest runs
  dbuild log 12                       the tasks of run 12
  dbuild log daily@2013-01-05         what the recipe printed last
  dbuild log 12:daily@2013-01-05      what it printed in run 12
"""


@click.command("log", help=HELP)
@click.argument("what", required=False, metavar="[RUN | [RUN:]TARGET[@KEYS]]")
@click.option("--limit", type=click.IntRange(min=1), default=20, metavar="N", help="Show the latest N (20).")
@common_options
def command(
    what: str | None,
    limit: int,
    directory: Sequence[str],
    file: str,
    params: tuple[tuple[str, str], ...],
    json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Shows runs, tasks or a log; the exit code."""
    settings = settings_of(directory, file, params)
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
        print_lines(*run_lines(runs))
    else:
        print_notes("nothing has been built yet")


def _show_tasks(settings: Settings, run: str | None, argument: str | None, limit: int, *, json: bool) -> None:
    tasks = building.tasks(settings, run, argument, limit)
    if json:
        for task in tasks:
            print_record(ledger_record(task))
    elif tasks:
        print_lines(*task_lines(tasks))
    else:
        print_notes("no recipe ran")


def _show_log(settings: Settings, what: str) -> None:
    path = building.log_path(settings, what)
    if path is None:
        print_notes(f"{clean(what)} has no log: it hasn't run, or its recipe printed nothing")
        return
    with open(path, "rb") as log:
        if is_screen(sys.stdout):
            for line in log:
                print_lines(*clean_lines(line.decode("utf-8", "surrogateescape").rstrip("\n")))
        else:
            print_bytes(log)
