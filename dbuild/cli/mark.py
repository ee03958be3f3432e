"""`dbuild mark`: a person's word on partitions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import click

from dbuild import build as building
from dbuild.cli.options import common_options, settings_of
from dbuild.core.mark import WORDS, Saying, Word
from dbuild.errors import UsageError, nearest
from dbuild.ui.explanations import mark_record, mark_text
from dbuild.ui.json import print_record
from dbuild.ui.sinks import sink
from dbuild.ui.stream import print_lines, print_notes
from dbuild.ui.text import clean, counted

HELP = """Say that partitions are stale, fresh or frozen; without arguments, list what was said.

\b
stale   build them once more, although nothing that they depend on changed
fresh   take their outputs for what today's recipe would make: after a change
        that makes no difference, or for outputs from before dbuild; their
        inputs have to be those that they were built from
frozen  leave them as they are, whatever changes

\b
Examples:
  dbuild mark daily@2013-01-05 stale --why "the sensor was wrong"
  dbuild mark daily@..2013-03,origin=JFK stale --why "the sensor was wrong"
  dbuild mark model fresh --why "renamed a variable"
  dbuild mark daily@2012 frozen --why "audited" --until 2027-01-01
  dbuild mark daily@2012 --clear
"""


def _moment(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value).astimezone()
    except ValueError:
        raise click.BadParameter(f'"{value}" is no date, as in 2027-01-31', ctx, param) from None
    if moment <= datetime.now().astimezone():
        raise click.BadParameter(f'"{value}" has passed', ctx, param)
    return moment.timestamp()


@click.command("mark", help=HELP)
@click.argument("target", required=False, metavar="TARGET[@KEYS]")
@click.argument("word", required=False, metavar="stale|fresh|frozen")
@click.option("--why", metavar="TEXT", default="", help="The reason, for those who will ask.")
@click.option("--until", metavar="DATE", callback=_moment, help="The date on which it ends (local time).")
@click.option("--inputs-too", is_flag=True, help="With fresh: take the inputs for those it was built from.")
@click.option("--clear", is_flag=True, help="Take back what was said of these partitions.")
@common_options
def command(
    target: str | None,
    word: str | None,
    why: str,
    until: float | None,
    inputs_too: bool,
    clear: bool,
    directory: Sequence[str],
    file: str,
    params: tuple[tuple[str, str], ...],
    json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Marks partitions, or shows the marks; the exit code."""
    settings = settings_of(directory, file, params)
    if target is None:
        found = building.marks(settings)
        if json:
            print_record({"marks": [mark_record(each) for each in found]})
        elif found:
            print_lines(*(f"{_name(each.target, each.keys)}: {mark_text(each)}" for each in found))
        else:
            print_notes("nothing is marked")
        return 0
    saying = Saying(_word(word, why, clear=clear), why.strip(), until, inputs_too)
    if inputs_too and saying.word != "fresh":
        raise UsageError("--inputs-too goes with fresh")
    with sink(json, quiet, verbose) as emit:
        made = building.mark(settings, target, saying, emit)
    if json:
        print_record(mark_record(made))
    elif not quiet:
        what = "cleared" if clear else f"marked {made.word}"
        print_notes(f"{clean(target)}: {counted(made.partitions, 'partition')} {what}")
    return 0


def _word(word: str | None, why: str, *, clear: bool) -> Word:
    if clear:
        if word is not None:
            raise UsageError(f'--clear takes back what was said, so "{word}" can\'t be said with it')
        return "clear"
    if word not in WORDS:
        said = f'"{word}" is no mark' if word else "which mark?"
        raise UsageError(said, hint=nearest(word or "", WORDS) or f"one of {', '.join(WORDS)}, or --clear")
    if not why.strip():
        raise UsageError(f"why {word}?", hint='give the reason: --why "…"')
    return word


def _name(target: str, keys: str) -> str:
    return clean(f"{target}@{keys}" if keys else target)
