"""What `dbuild why` and `dbuild why-not` have in common: partitions that are told one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from dbuild.cli.common import Common
from dbuild.ui.doubts import Doubts
from dbuild.ui.json import print_record
from dbuild.ui.screen import print_report
from dbuild.ui.stream import print_notes
from dbuild.ui.text import clean

Told = TypeVar("Told")


def show(
    find: Callable[[Doubts, Doubts], Sequence[Told]],
    lines: Callable[[Sequence[Told]], list[str]],
    record: Callable[[Told], dict[str, object]],
    targets: Sequence[str],
    common: Common,
) -> int:
    """Shows what is found of partitions, as lines or as JSON; the exit code.

    `find` is given who hears doubts, and who hears of arguments that chose nothing.
    """
    doubts, notices = Doubts(is_quiet=common.is_quiet), Doubts(is_quiet=common.is_quiet)
    found = find(doubts, notices)
    if common.is_json:
        for each in found:
            print_record(record(each))
    elif found:
        print_report(*lines(found))
    elif not notices:
        print_notes(f"{clean(' '.join(targets))} has no partitions yet: dbuild status shows what there is")
    return 0
