"""`dbuild late`: what is late, what was built without it, how late things come."""

from __future__ import annotations

from collections.abc import Sequence

from dbuild import build as building
from dbuild.cli import spec
from dbuild.cli.common import Common
from dbuild.cli.options import common_options, strict_option
from dbuild.core.lateness import Lateness
from dbuild.ui.doubts import Doubts
from dbuild.ui.json import print_record
from dbuild.ui.late import late_lines, late_record
from dbuild.ui.screen import print_report, room

HELP = """Show what is missing or late, what was built without it, how late data comes, and what arrivals caused.

Of sources: what is missing, what is late and since when, what is awaited next. Of targets: what is provisional, because
something was absent, what waits for what, and what is frozen and has changed. Then how late partitions of each source
have come so far, and what was built because of each of the newest arrivals, corrections and withdrawals.

\b
Examples:
  dbuild late                 everything
  dbuild late prices          one source, and what reads it
  dbuild late report          a target, and what it needs
  dbuild late --limit 100     the last hundred arrivals; -v: with times
  dbuild late --json          for a program
"""
_SHOWN = 5  # partitions of each kind that have a line on the screen
_MANY = 1000  # that a program gets
_ARRIVALS = 10
_WIDTH = 100  # where the output is no terminal


@spec.command("late", HELP)
@spec.argument("names", nargs=-1, metavar="[SOURCE|TARGET[@KEYS]]...")
@spec.option(
    "--limit", type=spec.whole_from(0), default=_ARRIVALS, metavar="N", help="Show the newest N arrivals (10)."
)
@strict_option
@common_options
def command(
    names: Sequence[str],
    limit: int,
    strict: bool,
    common: Common,
) -> int:
    """Shows the report; the exit code."""
    doubts = Doubts(is_quiet=common.is_quiet)
    shown = _MANY if common.is_json else _SHOWN
    found = building.late(common.settings(), names, shown, limit, doubts)
    if common.is_json:
        print_record(late_record(found))
    else:
        print_report(*late_lines(found, room() or _WIDTH, is_exact=common.is_verbose))
    return 3 if strict and (doubts or _is_late(found)) else 0


def _is_late(found: Lateness) -> bool:
    held = any(one.provisional.count or one.waiting.count > one.awaited or one.failing.count for one in found.targets)
    return held or any(each.late_count for each in found.sources)
