"""`dbuild mark`: a person's word on partitions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from dbuild import build as building
from dbuild.build import Settings
from dbuild.cli import spec
from dbuild.cli.common import Common
from dbuild.cli.options import common_options
from dbuild.core.mark import WORDS, Saying, Word
from dbuild.core.report import MarkRecord
from dbuild.errors import UsageError, nearest
from dbuild.ui.choice import sink
from dbuild.ui.explanations import mark_record, mark_text
from dbuild.ui.json import print_record
from dbuild.ui.screen import print_report
from dbuild.ui.stream import print_notes
from dbuild.ui.text import clean, counted

if TYPE_CHECKING:
    import click

HELP = """Say that partitions are stale, fresh or frozen; without arguments, list what was said.

The word stands behind the targets. KEYS, patterns and tags are those of dbuild build --help.

\b
stale   build them once more, although nothing that they depend on changed
fresh   take their outputs for what today's recipe would make: after a change
        that makes no difference, or for outputs from before dbuild; their
        inputs have to be those that they were built from
frozen  leave them as they are, whatever changes
--clear takes it back, and opens what freeze_after froze, until it is built

\b
Examples:
  dbuild mark daily@2013-01-05 stale --why "the sensor was wrong"
  dbuild mark daily@..2013-03,origin=JFK stale --why "the sensor was wrong"
  dbuild mark model 'rep*' fresh --why "renamed a variable"
  dbuild mark daily@2013-01 frozen --why "audited" --until 2040-01-01
  dbuild mark daily@2013-01 --clear
"""


def _moment(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    from click import BadParameter

    try:
        moment = datetime.fromisoformat(value).astimezone()
    except ValueError:
        raise BadParameter(f'"{value}" is no date, as in 2027-01-31', ctx, param) from None
    if moment <= datetime.now().astimezone():
        raise BadParameter(f'"{value}" has passed', ctx, param)
    return moment.timestamp()


@spec.command("mark", HELP)
@spec.argument("words", nargs=-1, metavar="[TARGET[@KEYS]... stale|fresh|frozen]")
@spec.option("--why", metavar="TEXT", default="", help="The reason, for those who will ask.")
@spec.option("--until", metavar="DATE", callback=_moment, help="The date on which it ends (local time).")
@spec.option("--inputs-too", is_flag=True, help="With fresh: take the inputs for those it was built from.")
@spec.option("--clear", is_flag=True, help="Take back what was said of these partitions; let old ones change.")
@common_options
def command(
    words: Sequence[str],
    why: str,
    until: float | None,
    inputs_too: bool,
    clear: bool,
    common: Common,
) -> int:
    """Marks partitions, or shows the marks; the exit code."""
    settings = common.settings()
    if not words and not clear:
        return _list(settings, json=common.is_json)
    targets, word = _split(words, clear=clear)
    if word != "clear" and not why.strip():
        raise UsageError(f"why {word}?", hint='give the reason: --why "…"')
    if inputs_too and word != "fresh":
        raise UsageError("--inputs-too goes with fresh")
    with sink(common.is_json, common.is_quiet, common.is_verbose) as emit:
        made = building.mark(settings, targets, Saying(word, why.strip(), until, inputs_too), emit)
    for each in made:
        if common.is_json:
            print_record(mark_record(each))
        elif not common.is_quiet:
            print_notes(f"{_name(each.target, each.keys)}: {_said(each)}")
    return 0


def _list(settings: Settings, *, json: bool) -> int:
    found = building.marks(settings)
    if json:
        print_record({"marks": [mark_record(each) for each in found]})
    elif found:
        print_report(*(f"{_name(each.target, each.keys)}: {mark_text(each)}" for each in found))
    else:
        print_notes("nothing is marked")
    return 0


def _split(words: Sequence[str], *, clear: bool) -> tuple[Sequence[str], Word]:
    """The targets, and the word that stands behind them."""
    last = words[-1] if words else ""
    if clear:
        if not words:
            raise UsageError("whose marks?", hint="dbuild mark TARGET[@KEYS]... --clear")
        if last in WORDS and len(words) > 1:
            raise UsageError(f'--clear takes back what was said, so "{last}" can\'t be said with it')
        return words, "clear"
    known = next((word for word in WORDS if word == last), None)
    if known is not None and len(words) > 1:
        return words[:-1], known
    if known is not None:
        raise UsageError(f"what is {known}?", hint=f"dbuild mark TARGET[@KEYS]... {known}")
    near = nearest(last, WORDS) if len(words) > 1 else None
    raise UsageError(
        f'"{last}" is no mark' if near else "which mark?", hint=near or f"one of {', '.join(WORDS)}, or --clear"
    )


def _said(made: MarkRecord) -> str:
    """What has become of one target's partitions."""
    if made.word == "clear":
        return f"{counted(made.partitions, 'partition')} cleared" if made.partitions else "cleared"
    what = "opened" if made.word == "open" else f"marked {made.word}"
    return f"{counted(made.partitions, 'partition')} {what}" if made.partitions else f"{what}, for partitions to come"


def _name(target: str, keys: str) -> str:
    return clean(f"{target}@{keys}" if keys else target)
