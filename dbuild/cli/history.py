"""`dbuild history`: what happened to a dataset or to a partition."""

from __future__ import annotations

from collections.abc import Sequence

from dbuild import build as building
from dbuild.cli import spec
from dbuild.cli.common import Common
from dbuild.cli.options import common_options
from dbuild.ui.history import history_lines, history_record
from dbuild.ui.json import print_record
from dbuild.ui.moments import When
from dbuild.ui.screen import print_report, room

HELP = """Show what happened to a dataset or to partitions, newest first: runs that built it or failed, marks, arrivals.

Of a whole target each line is a run, of partitions each execution, of a source what builds saw arrive, corrected or
withdrawn. The plots above are of one partition, oldest first: how long it took, how many bytes it had. KEYS, patterns
and tags are those of dbuild build --help.

\b
Examples:
  dbuild history daily                 run by run
  dbuild history daily@2013-01-05      one partition
  dbuild history daily@failed          those that failed, each time
  dbuild history prices --limit 100    a source
  dbuild history daily -v              with the times of the clock
"""


@spec.command("history", HELP)
@spec.argument("names", nargs=-1, required=True, metavar="SOURCE|TARGET[@KEYS]...")
@spec.option("--limit", type=spec.whole_from(1), default=20, metavar="N", help="Show the newest N of each (20).")
@common_options
def command(
    names: Sequence[str],
    limit: int,
    common: Common,
) -> int:
    """Shows the histories; the exit code."""
    settings = common.settings()
    found = building.history(settings, names, limit)
    if common.is_json:
        for history in found:
            for happening in history.happenings:
                print_record(history_record(happening))
        return 0
    when = When(settings.clock(), is_exact=common.is_verbose)
    for number, history in enumerate(found):
        print_report(*[""] * bool(number), *history_lines(history, when, room()))
    return 0
