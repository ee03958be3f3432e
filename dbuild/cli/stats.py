"""`dbuild stats`: what takes long, what was saved, what fails by chance, what is stored."""

from __future__ import annotations

from collections.abc import Sequence

from dbuild import build as building
from dbuild.cli import spec
from dbuild.cli.common import Common
from dbuild.cli.options import common_options
from dbuild.errors import UsageError
from dbuild.ui.json import print_record
from dbuild.ui.moments import When
from dbuild.ui.screen import print_report, room
from dbuild.ui.statistics import statistics_lines, statistics_record

HELP = """Show which targets take longest, what was saved, what failed by chance, how much is stored and how it grew.

Everything is from the ledger: of the runs and recipes of the last 30 days, unless --since says otherwise. A partition
failed by chance if it failed and then, reading the same, did not.

\b
Examples:
  dbuild stats                   of all targets
  dbuild stats tag:nightly       of some
  dbuild stats --since 12h       of the last twelve hours
  dbuild stats --since all       of all that the ledger has
  dbuild stats --json            for a program
"""


@spec.command("stats", HELP)
@spec.argument("targets", nargs=-1, metavar="[TARGET]...")
@spec.option("--since", default="30d", metavar="AGE", help="Look at the last 30d, 12h …, or at all.")
@spec.option("--limit", type=spec.whole_from(1), default=10, metavar="N", help="Show N targets of each kind (10).")
@common_options
def command(
    targets: Sequence[str],
    since: str,
    limit: int,
    common: Common,
) -> int:
    """Shows the statistics; the exit code."""
    settings = common.settings()
    found = building.stats(settings, targets, None if since == "all" else _seconds(since))
    if common.is_json:
        print_record(statistics_record(found))
    else:
        when = When(settings.clock(), is_exact=common.is_verbose)
        print_report(*statistics_lines(found, limit, when, room()))
    return 0


def _seconds(text: str) -> float:
    from dbuild.project.quantities import read_duration

    try:
        return read_duration(text)
    except ValueError:
        raise UsageError(f'--since "{text}" is no length of time', hint="as in --since 30d, 12h or all") from None
