"""`dbuild why-not`: why a partition didn't, or wouldn't, run."""

from __future__ import annotations

from collections.abc import Sequence

from dbuild import build as building
from dbuild.cli import spec
from dbuild.cli.common import Common
from dbuild.cli.explaining import show
from dbuild.cli.options import common_options
from dbuild.ui.explanations import SHOWN
from dbuild.ui.whynot import why_not_lines, why_not_record

HELP = """Explain why partitions don't run: what was compared and found equal, and what would make them run.

Also what keeps them from running: a word of a person, an input that doesn't count, one that is missing; and what ran
before them and came out the same.

\b
Examples:
  dbuild why-not monthly@2013-03      one partition that was expected to run
  dbuild why-not monthly@2013-03 -v   with every input, however many there are
  dbuild why-not report --json        for a program, one line a partition
"""


@spec.command("why-not", HELP)
@spec.argument("targets", nargs=-1, required=True, metavar="TARGET[@KEYS]...")
@common_options
def command(
    targets: Sequence[str],
    common: Common,
) -> int:
    """Shows what was compared; the exit code."""
    most = None if common.is_json else SHOWN
    return show(
        lambda doubts, notices: building.why_not(common.settings(), targets, doubts, notices, most),
        lambda found: why_not_lines(found, is_whole=common.is_verbose),
        *(why_not_record, targets, common),
    )
