"""The part of a flow that lies around some datasets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dbuild.core.report import DatasetStatus
from dbuild.errors import UsageError, nearest


def around(datasets: Sequence[DatasetStatus], names: Sequence[str], depth: int) -> tuple[DatasetStatus, ...]:
    """The datasets of these names, and those that at most `depth` steps up or down lead to.

    Raises UsageError for a name that none of them has.
    """
    reads = {each.name: each.inputs for each in datasets}
    for name in names:
        if name not in reads:
            raise UsageError(f'there is no dataset "{name}" in what is drawn', hint=nearest(name, reads))
    read_by: dict[str, list[str]] = {}
    for each in datasets:
        for one in each.inputs:
            read_by.setdefault(one, []).append(each.name)
    kept = _within(names, reads, depth) | _within(names, read_by, depth)
    return tuple(each for each in datasets if each.name in kept)


def _within(names: Sequence[str], ways: Mapping[str, Sequence[str]], depth: int) -> set[str]:
    found = set(names)
    edge = found
    for _ in range(depth):
        edge = {other for name in edge for other in ways.get(name, ())} - found
        found |= edge
    return found
