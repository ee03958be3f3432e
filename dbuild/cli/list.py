"""`dbuild list`: the datasets of a project."""

from __future__ import annotations

from collections.abc import Sequence

from dbuild import build as building
from dbuild.cli import spec
from dbuild.cli.common import Common
from dbuild.cli.options import common_options
from dbuild.ui.datasets import list_lines, list_record
from dbuild.ui.doubts import Doubts
from dbuild.ui.json import print_record
from dbuild.ui.screen import print_report, room

HELP = """List the datasets, or those that are named, sources too: kind, recipe, dimensions, keys, description.

\b
Examples:
  dbuild list               a table
  dbuild list +report       a target and all that it needs
  dbuild list daily@failed  the keys of what failed
  dbuild list --json        with paths, inputs and places
"""


@spec.command("list", HELP)
@spec.argument("targets", nargs=-1, metavar="[SOURCE|TARGET[@KEYS]]...")
@common_options
def command(
    targets: Sequence[str],
    common: Common,
) -> int:
    """Shows the datasets; the exit code."""
    datasets = building.overview(common.settings(), targets, Doubts(is_quiet=common.is_quiet))
    if common.is_json:
        print_record(list_record(datasets))
    else:
        print_report(*list_lines(datasets, room()))
    return 0
