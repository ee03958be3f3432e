"""`dbuild init`: a Dataflowfile for a folder of data files, or a small flow with data."""

from __future__ import annotations

import os
import re
import shutil
import sys
from typing import TYPE_CHECKING

from dbuild import build as building
from dbuild.cli import spec
from dbuild.cli.common import Common
from dbuild.cli.options import common_options
from dbuild.errors import UsageError
from dbuild.ui.json import print_record
from dbuild.ui.proposals import found_lines, proposal_record
from dbuild.ui.stream import print_data, print_notes
from dbuild.ui.text import clean

if TYPE_CHECKING:
    from dbuild.build.proposing import Proposal

HELP = """Look at a folder of data files, and write a Dataflowfile for it.

Sources and dimensions come from names and contents: sales_2024-01-03.csv is a file a day. Of each kind of file a few
are opened, and only their beginnings are read. What is written builds as it stands, is commented, and is meant to be
changed. In an empty folder, or a new one, it is a small flow with data. Nothing is ever overwritten.

\b
Examples:
  dbuild init                 this folder
  dbuild init shop            the folder shop, which is made if it isn't there
  dbuild init -n              print what would be written
  dbuild init --yes           ask nothing
"""
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*", re.IGNORECASE)
_CLOCK = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")


@spec.command("init", HELP)
@spec.argument("folder", required=False, metavar="[DIR]")
@spec.option("-n", "--dry-run", is_flag=True, help="Print the Dataflowfile; write nothing.")
@spec.option("--yes", is_flag=True, help="Ask nothing.")
@common_options
def command(
    folder: str | None,
    dry_run: bool,
    yes: bool,
    common: Common,
) -> int:
    """Looks, asks, and writes; the exit code."""
    settings = common.settings()
    if os.path.dirname(settings.file):
        raise UsageError(f'"{settings.file}" is in another folder', hint="dbuild init DIR -f NAME")
    place = os.path.normpath(os.path.join(settings.directory, folder or "."))
    found = building.look_into(place)
    first = building.propose(settings, found)
    if not dry_run:
        building.check_free(place, first.files)
    is_asked = sys.stdin.isatty() and sys.stderr.isatty() and not (yes or dry_run or common.is_json)
    if not common.is_json and not common.is_quiet:
        width = shutil.get_terminal_size().columns if sys.stderr.isatty() else 160
        print_notes(*(found_lines(first.draft, width) if not found.is_empty else _nothing(place)))
        print_notes(*(f"note: {clean(note)}" for note in found.notes))
    if is_asked and not found.is_empty:
        names, due = _ask(first)
        first = building.propose(settings, found, names, due)
    if not dry_run:
        building.write_proposal(place, first.files)
    if common.is_json:
        names_of_targets = [each.name for each in first.beginnings]
        print_record(proposal_record(first.draft, first.files, first.notes, names_of_targets, is_dry=dry_run))
    elif dry_run:
        print_data(first.files[settings.file])
    elif not common.is_quiet:
        print_notes(
            "", f"wrote {clean(os.path.normpath(os.path.join(place, settings.file)))}", *_next(settings.file, place)
        )
    return 0


def _nothing(folder: str) -> list[str]:
    return [f"no data files in {clean(folder)}: a small flow with data of its own"]


def _ask(first: Proposal) -> tuple[dict[str, str], str]:
    """What only a person knows: what values are of, and when files are due."""
    names = {}
    for dimension in first.draft.guessed:
        values = ", ".join(dimension.axis.values[:4])
        names[dimension.name] = _prompt(f"What are {clean(values)}?", dimension.name, _IDENTIFIER, "a word, as in shop")
    times = [each for each in first.draft.dimensions if each.axis.rhythm is not None]
    due = ""
    if times:
        question = "At what time of the next day are new files due? (empty: no deadline)"
        due = _prompt(question, "", _CLOCK, "a time, as in 06:00")
    return {name: said for name, said in names.items() if said != name}, due


def _prompt(question: str, default: str, form: re.Pattern[str], hint: str) -> str:
    from click import prompt

    while True:
        said = str(prompt(question, default=default, show_default=bool(default), err=True)).strip()
        if not said or form.fullmatch(said):
            return said or default
        print_notes(f"  {hint}")


def _next(file: str, folder: str) -> list[str]:
    """The commands to go on with."""
    options = ("" if folder == "." else f" -C {folder}") + ("" if file == "Dataflowfile" else f" -f {file}")
    rows = (("", "builds it"), (" status --graph", "how everything stands"), (" plan", "what would run, and why"))
    width = max(len(words) for words, _ in rows) + len(options) + 6
    return [f"  {clean(f'dbuild{options}{words}').ljust(width)}  {text}" for words, text in rows]
