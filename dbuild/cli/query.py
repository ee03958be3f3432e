"""`dbuild query`: SQL over what dbuild knows of its runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from dbuild import build as building
from dbuild.cli import spec
from dbuild.cli.common import Common
from dbuild.cli.options import common_options
from dbuild.errors import DiskError, UsageError
from dbuild.ui.doubts import Doubts
from dbuild.ui.stream import print_data, print_lines, print_notes

if TYPE_CHECKING:
    from dbuild.build.questions import Answer

HELP = """Ask the ledger with SQL: runs, tasks, partitions, what was read, arrivals, failures, marks.

STATEMENT is one SELECT of DuckDB's; `-` reads it from standard input. Without it, the views and their columns are
listed. It reads what earlier builds recorded, also while one writes, and nothing else.

\b
Examples:
  dbuild query "FROM runs ORDER BY run DESC LIMIT 5"
  dbuild query "SELECT target, sum(seconds) FROM tasks GROUP BY ALL"
  dbuild query "FROM failures" --csv
  dbuild query "FROM partitions" -o partitions.parquet
  dbuild query                          the views and their columns
"""
_FORMATS = ("table", "csv", "json", "parquet")
_ENDINGS = {".csv": "csv", ".json": "json", ".jsonl": "json", ".ndjson": "json", ".parquet": "parquet", ".txt": "table"}


@spec.command("query", HELP)
@spec.argument("statement", required=False, metavar="[STATEMENT]")
@spec.option("--csv", "is_csv", is_flag=True, help="Write CSV.")
@spec.option("--format", "form", type=spec.one_of(_FORMATS), help="Write in that format.")
@spec.option("-o", "--output", metavar="FILE", help="Write to FILE; its ending tells the format.")
@common_options
def command(
    statement: str | None,
    is_csv: bool,
    form: str | None,
    output: str | None,
    common: Common,
) -> int:
    """Shows the answer, or the views; the exit code."""
    settings = common.settings()
    if statement is None:
        _list_views(is_json=common.is_json)
        return 0
    text = sys.stdin.buffer.read().decode("utf-8", "replace") if statement == "-" else statement
    kind = _format(form, output, is_csv=is_csv, is_json=common.is_json)
    with building.ask(settings, text, Doubts(is_quiet=common.is_quiet)) as answer:
        if output is not None:
            _save(answer, kind, output)
        elif kind == "table":
            _show(answer, is_quiet=common.is_quiet)
        else:
            _send(answer, kind)
    return 0


def _format(form: str | None, output: str | None, *, is_csv: bool, is_json: bool) -> str:
    """The one format that is asked for. Raises UsageError where that can't be told."""
    asked = [*(["csv"] if is_csv else []), *(["json"] if is_json else []), *([form] if form else [])]
    if len(set(asked)) > 1:
        raise UsageError(f"{' and '.join(asked)} are different formats", hint="ask for one of them")
    if asked or output is None:
        return asked[0] if asked else "table"
    ending = os.path.splitext(output)[1].lower()
    if ending not in _ENDINGS:
        raise UsageError(
            f'the ending of "{output}" names no format', hint=f"end it in {', '.join(_ENDINGS)}, or say --format"
        )
    return _ENDINGS[ending]


def _list_views(*, is_json: bool) -> None:
    from dbuild.core.catalogue import VIEWS
    from dbuild.ui.json import print_record
    from dbuild.ui.results import view_lines, views_record
    from dbuild.ui.screen import print_long, room

    if is_json:
        print_record(views_record(VIEWS))
    else:
        print_long(view_lines(VIEWS, room()))


def _show(answer: Answer, *, is_quiet: bool) -> None:
    from dbuild.ui.results import count_text, table_of
    from dbuild.ui.screen import room

    lines, count = table_of(answer.columns, answer.batches, room())
    print_lines(*lines)
    if not is_quiet:
        print_notes(count_text(count))


def _send(answer: Answer, kind: str) -> None:
    """Writes to standard output as the answer comes. Raises ReaderGone when its reader has gone."""
    if kind == "parquet":
        if sys.stdout.isatty():
            raise UsageError("Parquet is nothing for a terminal", hint="-o FILE.parquet")
        from dbuild.ui.results import write_parquet

        write_parquet(answer.columns, answer.batches, sys.stdout.buffer)
        return
    for piece in _pieces(answer, kind):
        print_data(piece)


def _pieces(answer: Answer, kind: str) -> Iterator[str]:
    from dbuild.ui.results import csv_pieces, json_pieces, table_of

    if kind == "table":
        lines, _ = table_of(answer.columns, answer.batches, None)
        return iter("".join(f"{line}\n" for line in lines))
    return (csv_pieces if kind == "csv" else json_pieces)(answer.columns, answer.batches)


def _save(answer: Answer, kind: str, path: str) -> None:
    """Writes a file, which takes its place when it is whole. Raises DiskError where it can't be written."""
    temporary = os.path.join(os.path.dirname(path), f".dbuild-tmp-{os.getpid()}-{os.path.basename(path)}")
    try:
        with open(temporary, "wb") as out:
            if kind == "parquet":
                from dbuild.ui.results import write_parquet

                write_parquet(answer.columns, answer.batches, out)
            else:
                for piece in _pieces(answer, kind):
                    out.write(piece.encode("utf-8", "backslashreplace"))
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno:
            raise DiskError(f"{path} can't be written: {error.strerror}") from None
        raise
