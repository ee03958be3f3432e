"""`dbuild status`: how every dataset stands."""

from __future__ import annotations

from collections.abc import Sequence

import click

from dbuild import build as building
from dbuild.cli.options import Common, common_options, strict_option
from dbuild.core.report import DatasetStatus
from dbuild.ui.datasets import graph_lines, status_lines, status_record
from dbuild.ui.doubts import Doubts
from dbuild.ui.json import print_record
from dbuild.ui.stream import print_lines

HELP = """Show how the partitions of every dataset stand; run nothing.

\b
Examples:
  dbuild status               a table
  dbuild status --graph       the flow in layers, sources first
  dbuild status monthly+      a target and all that is made from it
"""


@click.command("status", help=HELP)
@click.argument("targets", nargs=-1, metavar="[TARGET[@KEYS]]...")
@click.option("--graph", is_flag=True, help="Show the flow in layers.")
@strict_option
@common_options
def command(
    targets: Sequence[str],
    graph: bool,
    strict: bool,
    common: Common,
) -> int:
    """Shows the table or the layers; the exit code."""
    doubts = Doubts(is_quiet=common.is_quiet)
    datasets = building.status(common.settings(), targets, doubts, Doubts(is_quiet=common.is_quiet))
    if common.is_json:
        print_record(status_record(datasets))
    else:
        print_lines(*(graph_lines(datasets) if graph else status_lines(datasets)))
    return 3 if strict and (doubts or any(map(_is_unsettled, datasets))) else 0


def _is_unsettled(dataset: DatasetStatus) -> bool:
    awaited = dataset.awaited if dataset.kind == "target" else 0
    held = dataset.waiting > awaited or dataset.late or dataset.provisional
    return bool(held or dataset.stale or dataset.undecided)
