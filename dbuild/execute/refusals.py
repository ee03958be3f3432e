"""Which files a confined recipe was refused, as far as its own words tell: every program says it in another way."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

from dbuild.core.task import Task
from dbuild.execute.confinement import is_allowed

_REFUSAL = re.compile(r"permission denied|\bEACCES\b|\bEXDEV\b|cross-device link", re.IGNORECASE)
_QUOTED = re.compile(r"'([^']+)'|\"([^\"]+)\"|‘([^’]+)’|“([^”]+)”|`([^`']+)'")
_MOST = 5  # that are named


def refused(task: Task, lines: Iterable[str]) -> list[tuple[str, bool]]:
    """The files that lines name which speak of a refusal, and that the task may not open; true: only not write.

    Absolute paths, a few, each once. Of a file that is there nobody can tell whether it was to be read or written.
    """
    found: dict[tuple[str, bool], None] = {}
    for line in lines:
        if _REFUSAL.search(line):
            found.update(dict.fromkeys(_in_line(task, line)))
        if len(found) >= _MOST:
            break
    return list(found)[:_MOST]


def _in_line(task: Task, line: str) -> Iterator[tuple[str, bool]]:
    for word, is_sure in _candidates(line):
        path = os.path.normpath(os.path.join(task.root, word))
        if os.path.isfile(path) and not is_allowed(task, path):
            if os.access(path, os.R_OK):  # else it's the file system that refuses it
                yield path, False
        elif is_sure and _is_open_to_us(path) and not is_allowed(task, path, is_written=True):
            yield path, True


def _is_open_to_us(path: str) -> bool:
    """Whether this process could write there."""
    return os.access(path if os.path.lexists(path) else os.path.dirname(path), os.W_OK)


def _candidates(line: str) -> Iterator[tuple[str, bool]]:
    """What may be a path in a line, and whether it stands where one is named even if it isn't there."""
    quoted = [next(filter(None, groups)) for groups in _QUOTED.findall(line)]
    yield from ((word, True) for word in quoted)
    *parts, last = re.split(r":\s+", line)
    is_before = not quoted and len(parts) > 1 and _REFUSAL.search(last) is not None
    for position, part in enumerate(parts, 1):
        yield part.strip(), is_before and position == len(parts)
    for word in line.split():
        yield word.strip("'\"‘’“”`.,:;()[]"), False
