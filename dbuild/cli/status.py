"""`dbuild status`: how every dataset stands."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dbuild import build as building
from dbuild.cli import spec
from dbuild.cli.common import Common
from dbuild.cli.options import assume_option, common_options, strict_option
from dbuild.core.report import DatasetStatus
from dbuild.ui.datasets import said_lines, status_lines, status_record
from dbuild.ui.doubts import Doubts
from dbuild.ui.folding import folded_all
from dbuild.ui.json import print_record
from dbuild.ui.screen import print_long, print_report, room, width_of_output
from dbuild.ui.stream import is_plain, print_lines

if TYPE_CHECKING:
    from dbuild.build import Settings

_FORMATS = ("dot", "mermaid", "svg", "json")
_DEPTH = 2
_IMAGE = 120  # columns of an image

HELP = """Show how the partitions of every dataset stand; run nothing.

\b
Examples:
  dbuild status                          a table
  dbuild status --graph                  the flow, drawn
  dbuild status monthly+                 a target and all that is made from it
  dbuild status --focus monthly          what lies around a dataset
  dbuild status --graph --watch          the same, live while a build works
  dbuild status --format svg > flow.svg  for a page; or dot, mermaid, json

In a drawing each character of a strip stands for one partition or for as many as there are to a column, and shows
the one that needs attention most. Of more than 60 datasets chains and folders are drawn as one, unless --all is given.
"""


@spec.command("status", HELP)
@spec.argument("targets", nargs=-1, metavar="[TARGET[@KEYS]]...")
@spec.option("--graph", is_flag=True, help="Draw the flow.")
@spec.option("--focus", multiple=True, metavar="DATASET", help="Draw only what lies around DATASET.")
@spec.option("--depth", type=spec.whole_from(0), metavar="N", help=f"How many steps around it ({_DEPTH}).")
@spec.option("--all", "is_whole", is_flag=True, help="Draw every dataset on its own.")
@spec.option("--watch", "is_live", is_flag=True, help="Keep it live until Ctrl-C.")
@spec.option("--format", "form", type=spec.one_of(_FORMATS), help="Write the flow for another program.")
@strict_option
@assume_option
@common_options
def command(
    targets: Sequence[str],
    graph: bool,
    focus: Sequence[str],
    depth: int | None,
    is_whole: bool,
    is_live: bool,
    form: str | None,
    strict: bool,
    assumed: tuple[str, ...],
    common: Common,
) -> int:
    """Shows the table or the drawing; the exit code."""
    settings = common.settings()._replace(assumed=assumed)
    doubts = Doubts(is_quiet=common.is_quiet or is_live)
    notices = Doubts(is_quiet=common.is_quiet or is_live)
    is_drawn = graph or bool(focus) or depth is not None or is_whole or form is not None

    def look() -> Sequence[DatasetStatus]:
        doubts.forget()
        found = building.status(settings, targets, doubts, notices, is_detailed=is_drawn or is_live)
        if not focus:
            return found
        from dbuild.ui.drawing.focus import around

        return around(found, focus, _DEPTH if depth is None else depth)

    if is_live:
        _refuse_unless_screen(form, is_json=common.is_json)
        datasets = _follow(look, settings, is_drawn=is_drawn, is_whole=is_whole)
    else:
        datasets = look()
        if common.is_json or form == "json":
            print_record(status_record(datasets))
        elif is_drawn:
            _draw(datasets, form, settings.clock(), is_whole=is_whole)
        else:
            print_report(*status_lines(datasets, room()))
    return 3 if strict and (doubts or any(map(_is_unsettled, datasets))) else 0


def _draw(datasets: Sequence[DatasetStatus], form: str | None, now: float, *, is_whole: bool) -> None:
    from dbuild.ui import diagrams
    from dbuild.ui.flow import Look, flow_rows
    from dbuild.ui.styles import painted

    match form:
        case "dot":
            print_lines(*diagrams.dot_lines(datasets))
        case "mermaid":
            print_lines(*diagrams.mermaid_lines(datasets))
        case "svg":
            rows = flow_rows(datasets, Look(_IMAGE, now, is_whole=is_whole))
            print_lines(*diagrams.svg_lines(rows, "the flow"))
        case _:
            rows = flow_rows(datasets, Look(width_of_output(), now, is_plain(sys.stdout), is_whole))
            print_long([*painted(rows, sys.stdout), *folded_all(said_lines(datasets), room())])


def _refuse_unless_screen(form: str | None, *, is_json: bool) -> None:
    from dbuild.errors import UsageError

    if form is not None or is_json:
        raise UsageError("--watch draws on a terminal: it goes with neither --format nor --json")
    if not sys.stdout.isatty():
        raise UsageError("--watch needs a terminal", hint="for a program: dbuild status --json, as often as it likes")


def _follow(
    look: Callable[[], Sequence[DatasetStatus]], settings: Settings, *, is_drawn: bool, is_whole: bool
) -> Sequence[DatasetStatus]:
    """Keeps the table or the drawing live; what was seen last stays on the screen."""
    from click import unstyle

    from dbuild.build.running import running_of, state_witness
    from dbuild.ui.drawing.canvas import Piece
    from dbuild.ui.flow import Look, flow_rows
    from dbuild.ui.following import Rows, follow
    from dbuild.ui.live import Size
    from dbuild.ui.styles import BOLD, painted

    def draw(datasets: Sequence[DatasetStatus], size: Size) -> Rows:
        width = size.columns - 1
        if is_drawn:
            return flow_rows(datasets, Look(width, settings.clock(), is_plain(sys.stdout), is_whole))
        head, *lines = map(unstyle, folded_all(status_lines(datasets, width), width))
        return [[Piece(head, BOLD)], *([Piece(line, "")] for line in lines)]

    datasets, rows = follow(look, lambda: running_of(settings), lambda: state_witness(settings), draw)
    print_lines(*painted(rows, sys.stdout), *folded_all(said_lines(datasets) if is_drawn else (), room()))
    return datasets


def _is_unsettled(dataset: DatasetStatus) -> bool:
    awaited = dataset.awaited if dataset.kind == "target" else 0
    held = dataset.waiting > awaited or dataset.late or dataset.provisional
    return bool(held or dataset.stale or dataset.undecided)
