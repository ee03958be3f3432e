"""`dbuild plan`: what a build would run, and why."""

from __future__ import annotations

from collections.abc import Sequence

from dbuild import build as building
from dbuild.build import Settings
from dbuild.cli import spec
from dbuild.cli.common import Common
from dbuild.cli.options import assume_option, common_options, provisional_option, reopen_option, strict_option
from dbuild.ui.json import print_record
from dbuild.ui.screen import print_report
from dbuild.ui.stream import print_notes
from dbuild.ui.text import clean

HELP = """Show what a build would run, and why; run nothing.

What will run is kept apart from what may run: that depends on whether something before it comes out changed.

\b
Examples:
  dbuild plan                  all targets
  dbuild plan daily@2013-06..  from June on; KEYS as dbuild build --help tells
  dbuild plan monthly --json   for a program
"""


@spec.command("plan", HELP)
@spec.argument("targets", nargs=-1, metavar="[TARGET[@KEYS]]...")
@strict_option
@provisional_option
@reopen_option
@assume_option
@common_options
def command(
    targets: Sequence[str],
    strict: bool,
    is_patient: bool,
    is_reopened: bool,
    assumed: tuple[str, ...],
    common: Common,
) -> int:
    """Shows the plan; the exit code."""
    settings = common.settings()._replace(is_patient=is_patient, is_reopened=is_reopened, assumed=assumed)
    return show_plan(settings, targets, common, strict=strict)


def show_plan(settings: Settings, targets: Sequence[str], common: Common, *, strict: bool, force: bool = False) -> int:
    """Prints the plan and gives the exit code: 3 where --strict finds something stale, waiting or in doubt."""
    fresh = building.fresh(settings, targets) if not force else None
    if fresh is not None:
        from dbuild.ui.quiet import quiet_lines, quiet_record

        if common.is_json:
            print_record(quiet_record(*fresh))
        else:
            print_report(*quiet_lines(*fresh))
        return 0
    from dbuild.ui.plans import plan_lines, plan_record

    plan = building.plan(settings, targets, force=force)
    if not common.is_quiet:
        print_notes(*(f"warning: {clean(text)}" for text in plan.notices))
    if common.is_json:
        print_record(plan_record(plan))
    else:
        print_report(*plan_lines(plan))
    return 3 if strict and (plan.will_run or plan.may_run or plan.waiting > plan.awaited or plan.doubts) else 0
