"""`dbuild why`: why a partition is, or isn't, to be built."""

from __future__ import annotations

from collections.abc import Sequence

import click

from dbuild import build as building
from dbuild.cli.options import Common, common_options
from dbuild.ui.doubts import Doubts
from dbuild.ui.explanations import SHOWN, explanation_lines, explanation_record
from dbuild.ui.json import print_record
from dbuild.ui.stream import print_lines, print_notes
from dbuild.ui.text import clean

HELP = """Explain why partitions are, or aren't, to be built: what changed, from what to what, and when.

\b
Examples:
  dbuild why monthly@2013-03      one partition
  dbuild why tag:nightly@-7d..    several, of several targets
  dbuild why daily@failed         what failed; KEYS as in dbuild build --help
  dbuild why report --json        for a program, one line a partition
"""


@click.command("why", help=HELP)
@click.argument("targets", nargs=-1, required=True, metavar="TARGET[@KEYS]...")
@common_options
def command(
    targets: Sequence[str],
    common: Common,
) -> int:
    """Shows the explanations; the exit code."""
    doubts, notices = Doubts(is_quiet=common.is_quiet), Doubts(is_quiet=common.is_quiet)
    explanations = building.explain(common.settings(), targets, doubts, notices, None if common.is_json else SHOWN)
    if common.is_json:
        for each in explanations:
            print_record(explanation_record(each))
    elif explanations:
        print_lines(*explanation_lines(explanations, is_whole=common.is_verbose))
    elif not notices:
        print_notes(f"{clean(' '.join(targets))} has no partitions yet: dbuild status shows what there is")
    return 0
