"""`dbuild log`: past runs, their tasks, and what a recipe printed."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from dbuild import build as building
from dbuild.build import Settings
from dbuild.cli import spec
from dbuild.cli.common import Common
from dbuild.cli.options import common_options
from dbuild.errors import UsageError
from dbuild.ui.json import print_record
from dbuild.ui.ledger import ledger_record, run_lines, run_record, task_lines
from dbuild.ui.logs import LogPrinter
from dbuild.ui.moments import When
from dbuild.ui.screen import room
from dbuild.ui.stream import print_lines, print_notes
from dbuild.ui.text import clean

_PIECE = 1 << 20  # bytes of a log that are read at once

HELP = """Show past runs, the tasks of a run, or what recipes printed when they last ran.

KEYS, patterns and tags are those of dbuild build --help.

\b
Examples:
  dbuild log                          the latest runs; -v: with times
  dbuild log 12                       the tasks of run 12
  dbuild log daily@2013-01-05         what the recipe printed last
  dbuild log daily@failed             what those printed that failed
  dbuild log 12:daily@2013-01-05      what it printed in run 12
  dbuild log daily@2013-01-05 -F      what it prints now, until its task ends
  dbuild log 12 --follow              what all tasks of run 12 print
"""


@spec.command("log", HELP)
@spec.argument("words", nargs=-1, metavar="[RUN | [RUN:]TARGET[@KEYS]]...")
@spec.option("--limit", type=spec.whole_from(1), default=20, metavar="N", help="Show the latest N (20).")
@spec.option("-F", "--follow", is_flag=True, help="Go on with what is printed, until what prints it has ended.")
@common_options
def command(
    words: Sequence[str],
    limit: int,
    follow: bool,
    common: Common,
) -> int:
    """Shows runs, tasks or logs; the exit code."""
    settings = common.settings()
    if follow:
        if not words or common.is_json:
            raise UsageError(
                "--follow shows what a run or a target prints", hint="dbuild log RUN|TARGET[@KEYS] --follow"
            )
        return _follow(settings, words)
    when = When(settings.clock(), is_exact=common.is_verbose)
    if not words:
        _show_runs(settings, limit, when, json=common.is_json)
    elif common.is_json or all(map(_is_run, words)):
        _show_tasks(settings, words, limit, when, json=common.is_json)
    else:
        _show_logs(settings, words)
    return 0


def _is_run(word: str) -> bool:
    """Runs are numbered; no dataset's name is a number."""
    return word.removesuffix(":").isdecimal()


def _show_runs(settings: Settings, limit: int, when: When, *, json: bool) -> None:
    runs = building.runs(settings, limit)
    if json:
        for run in runs:
            print_record(run_record(run))
    elif runs:
        print_lines(*run_lines(runs, when, room()))
    else:
        print_notes("nothing has been built yet")


def _show_tasks(settings: Settings, words: Sequence[str], limit: int, when: When, *, json: bool) -> None:
    tasks = building.ledger(settings, words, limit)
    if json:
        for task in tasks:
            print_record(ledger_record(task))
    elif tasks:
        print_lines(*task_lines(tasks, when, room()))
    else:
        print_notes("no recipe ran")


def _show_logs(settings: Settings, words: Sequence[str]) -> None:
    found = building.log_paths(settings, words)
    if not found:
        text = clean(" ".join(words))
        print_notes(f"{text} has no log: it hasn't run, its recipe printed nothing, or the log was cleaned away")
        return
    printer = LogPrinter(is_terminal=sys.stdout.isatty())
    for label, path in found.items():
        with open(path, "rb") as log:
            while data := log.read(_PIECE):
                printer.take(label if len(found) > 1 else "", data)
    printer.finish()


def _follow(settings: Settings, words: Sequence[str]) -> int:
    printer = LogPrinter(is_terminal=sys.stdout.isatty())
    try:
        for label, data in building.follow_log(settings, words):
            printer.take(label, data)
    finally:
        printer.finish()
    if not printer.has_printed:
        text = clean(" ".join(words))
        print_notes(f"{f'run {text}' if all(map(_is_run, words)) else text} printed nothing")
    return 0
