"""`dbuild clean`: removes what dbuild made."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from dbuild import build as building
from dbuild.build import Settings
from dbuild.cli import spec
from dbuild.cli.common import Common
from dbuild.cli.options import common_options
from dbuild.core.cleaning import Cleaning, Wanted
from dbuild.errors import UsageError
from dbuild.ui.choice import sink
from dbuild.ui.clean import amount, cleaning_lines, cleaning_record, kept_lines
from dbuild.ui.json import print_record
from dbuild.ui.stream import print_lines, print_notes

HELP = """Remove what dbuild made; list it first, and ask.

Only outputs go that builds of this Dataflowfile made and that are still as they made them. What was edited since,
sources, frozen partitions, and what another Dataflowfile or another target has at that path, is kept. What is removed
and still declared is built again by the next dbuild.

\b
Examples:
  dbuild clean --outputs daily -n          what would go, and how large it is
  dbuild clean --outputs daily@2013-01     a month of one target
  dbuild clean --orphans --logs --yes      what no target makes any more, and
                                           all logs; without asking
  dbuild clean --all                       everything, and all that is known
"""


@spec.command("clean", HELP)
@spec.argument("targets", nargs=-1, metavar="")
@spec.option("--outputs", multiple=True, metavar="TARGET[@KEYS]", help="Remove a target's outputs; may be repeated.")
@spec.option("--orphans", is_flag=True, help="Remove outputs that no declared target makes any more.")
@spec.option("--logs", is_flag=True, help="Remove what recipes printed.")
@spec.option("--all", "everything", is_flag=True, help="Remove all of that, and what the state knows of it.")
@spec.option("-n", "--dry-run", is_flag=True, help="List what would go; remove nothing.")
@spec.option("--yes", is_flag=True, help="Remove without asking.")
@common_options
def command(
    targets: Sequence[str],
    outputs: Sequence[str],
    orphans: bool,
    logs: bool,
    everything: bool,
    dry_run: bool,
    yes: bool,
    common: Common,
) -> int:
    """Lists and removes; the exit code."""
    settings = common.settings()
    if targets:
        hint = f"dbuild clean {' '.join(f'--outputs {name}' for name in (*outputs, *targets))}"
        raise UsageError("a target whose outputs are to be removed is named after --outputs", hint=hint)
    wanted = Wanted(tuple(outputs), orphans, logs, everything)
    if not wanted.has_outputs and not logs:
        raise UsageError("what is to be removed?", hint="one or more of --outputs, --orphans, --logs, --all")
    if not dry_run and not yes and not sys.stdin.isatty():
        raise UsageError(
            "nobody is there to be asked", hint="--yes removes without asking; -n lists what would be removed"
        )
    approved = None
    if not yes or dry_run:
        found = building.find_cleaning(settings, wanted)
        if not common.is_json:
            _list(found, common)
        if dry_run or not _agrees(found, wanted):
            if common.is_json:
                print_record(cleaning_record(found, is_dry=True))
            return 0
        approved = {one.path for one in found.removed}
    return _clean(settings, wanted, approved, common)


def _list(found: Cleaning, common: Common) -> None:
    print_lines(*cleaning_lines(found))
    if not common.is_quiet:
        print_notes(*kept_lines(found, is_verbose=common.is_verbose))
        if not found.removed:
            print_notes("nothing to remove")


def _agrees(found: Cleaning, wanted: Wanted) -> bool:
    """Whether somebody says yes, or nothing goes that anybody would miss."""
    from click import confirm

    if found.removed:
        return confirm(f"remove {amount(found)}?", err=True)
    if found.forgotten and wanted.everything:
        return confirm("forget all that is known of this Dataflowfile?", err=True)
    return not found.is_empty


def _clean(settings: Settings, wanted: Wanted, approved: set[str] | None, common: Common) -> int:
    with sink(common.is_json, common.is_quiet, common.is_verbose) as emit:
        done = building.clean(settings, wanted, approved, emit=emit)
    if common.is_json:
        print_record(cleaning_record(done, is_dry=False))
        return 1 if done.has_failed else 0
    if approved is None:
        _list(done, common)
    elif done.has_failed:
        print_notes(*kept_lines(done, is_verbose=common.is_verbose))
    if done.removed and not common.is_quiet:
        print_notes(f"removed {amount(done)}")
    return 1 if done.has_failed else 0
