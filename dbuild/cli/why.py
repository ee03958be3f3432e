"""`dbuild why`: why a partition is, or isn't, to be built."""

from __future__ import annotations

from collections.abc import Sequence

from dbuild import build as building
from dbuild.cli import spec
from dbuild.cli.common import Common
from dbuild.cli.explaining import show
from dbuild.cli.options import common_options
from dbuild.ui.explanations import SHOWN, explanation_lines, explanation_record

HELP = """Explain why partitions are, or aren't, to be built: what changed, from what to what, and when.

\b
Examples:
  dbuild why monthly@2013-03      one partition
  dbuild why tag:nightly@-7d..    several, of several targets
  dbuild why daily@failed         what failed; KEYS as in dbuild build --help
  dbuild why report --json        for a program, one line a partition
"""


@spec.command("why", HELP)
@spec.argument("targets", nargs=-1, required=True, metavar="TARGET[@KEYS]...")
@common_options
def command(
    targets: Sequence[str],
    common: Common,
) -> int:
    """Shows the explanations; the exit code."""
    most = None if common.is_json else SHOWN
    return show(
        lambda doubts, notices: building.explain(common.settings(), targets, doubts, notices, most),
        lambda found: explanation_lines(found, is_whole=common.is_verbose),
        *(explanation_record, targets, common),
    )
