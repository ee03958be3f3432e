"""What a task may touch where the rest is refused, by Landlock.

Reading: everything outside the areas (the project and the folders of its datasets) as it is there when the task begins;
in them its inputs, its code and `uses`, programs and libraries. Writing: its outputs, and places for what doesn't stay.
Names of files may be listed everywhere, and what is known of a file without opening it isn't hidden.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from glob import escape, glob

from dbuild.core.task import Task
from dbuild.core.undeclared import ancestors, is_below
from dbuild.errors import RecipeError
from dbuild.execute.landlock import READING, WRITING, Ruleset
from dbuild.observe.surroundings import scratch_folders, tool_folders

_PRIVATE = "dbuild-confined-"  # of the names of folders for temporary files


def remove_private(pid: int) -> None:
    """Removes what the confined recipes of a process that has ended left in their folder for temporary files."""
    for folder in glob(os.path.join(escape(tempfile.gettempdir()), f"{_PRIVATE}{pid}-*")):
        shutil.rmtree(folder, ignore_errors=True)


def confine(task: Task) -> str:
    """From now on this thread, and what it starts, can touch only what the task may; the folder for temporary files.

    Raises RecipeError where that can't be had.
    """
    bounds = task.bounds
    assert bounds is not None
    try:
        folder = tempfile.mkdtemp(prefix=f"{_PRIVATE}{os.getpid()}-")  # the common one may hold the project
        with Ruleset() as rules:
            for path, rights in _surroundings(bounds.areas):
                rules.allow(path, rights, is_followed=False)
            for path in (*_readable(task), *tool_folders(bounds.areas)):
                rules.allow(path, READING)
            for path in (folder, *_writable(task)):
                rules.allow(path, READING | WRITING)
            rules.enforce()
    except OSError as error:
        raise RecipeError(f"the sandbox can't be set up: {error.strerror}") from None
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    return folder


def _surroundings(areas: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """All that is outside the areas, with what is allowed there.

    There are no exceptions from what is allowed for a folder. So of each folder that an area lies in, all but the way
    to it is allowed: what comes there later isn't.
    """
    scratch = scratch_folders()
    ways = {folder for area in areas for folder in ancestors(area)}
    for folder in sorted(ways):
        for name in _names(folder):
            path = os.path.join(folder, name)
            if path not in ways and path not in areas:
                yield path, READING | WRITING if is_below(path, scratch) else READING
    for folder in scratch:
        if folder not in ways and not is_below(folder, areas):
            yield folder, READING | WRITING


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _readable(task: Task) -> Iterator[str]:
    assert task.bounds is not None
    for given in task.all_inputs:
        yield from given.paths
    yield from task.bounds.code
    if task.snapshot:
        yield task.snapshot


def _writable(task: Task) -> Iterator[str]:
    yield from (output.private or output.path for output in task.all_outputs)


def is_allowed(task: Task, path: str, *, is_written: bool = False) -> bool:
    """Whether a confined task may read (or write) this path: absolute, and perhaps by way of links."""
    assert task.bounds is not None
    real = os.path.realpath(path)
    if is_below(real, map(os.path.realpath, _writable(task))):
        return True
    if not is_below(real, task.bounds.areas):
        return not is_written or is_below(real, (*scratch_folders(), os.path.realpath(tempfile.gettempdir())))
    own = (*map(os.path.realpath, _readable(task)), *tool_folders(task.bounds.areas))
    return not is_written and is_below(real, own)
