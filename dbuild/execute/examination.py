"""What a recipe wrote: every declared output has to be there, as a regular file or as a folder of such files."""

from __future__ import annotations

import os

from dbuild.core.task import Made, PartResult, Produced, Task, TaskOutput
from dbuild.errors import RecipeError, UserError
from dbuild.observe.digests import digest_of_folder, files_below, hash_made

_NAMED = 3  # files that are named


def make_folders(task: Task) -> None:
    """Makes the folders that a recipe writes to, empty. Raises OSError where that fails."""
    for output in task.all_outputs:
        if output.format == "folder":
            os.mkdir(output.path)


def examine_parts(task: Task, produced: Produced) -> tuple[PartResult, ...]:
    """How each partition of a batch ended whose recipe ran; each has to be what it should be by itself."""
    found = []
    for part, (error, schemas) in zip(task.parts or (), produced.parts, strict=True):
        made: tuple[Made, ...] = ()
        if error is None:
            try:
                made = examine(task.of_part(part), Produced(schemas, None))
            except UserError as problem:
                error = str(problem)
        found.append(PartResult(error, made))
    return tuple(found)


def examine(task: Task, produced: Produced) -> tuple[Made, ...]:
    """The outputs with their digests; UserError where one isn't what it should be or is still written to.

    Their files get a slightly older mtime, so that any later write shows.
    """
    schemas = dict(produced.schemas)
    made = []
    for output in task.outputs:
        if output.format == "folder":
            made.append(_examine_folder(task, output))
            continue
        digest, size = _examine_file(task, output)
        made.append(Made(output.name, digest, size, schemas.get(output.name)))
    return tuple(made)


def left_beside(task: Task) -> tuple[str, ...]:
    """What to say of the files that a recipe left beside outputs which have a folder of their own: they go with it."""
    found = []
    for output in task.all_outputs:
        if output.private:
            own = os.path.basename(output.path)
            found += [name for name in sorted(os.listdir(output.private)) if name != own]
    shown = ", ".join(found[:_NAMED]) + (f" and {len(found) - _NAMED} more" if len(found) > _NAMED else "")
    return (f"it left {shown} beside its output, which isn't declared, so it is not kept",) if found else ()


def _examine_file(task: Task, output: TaskOutput) -> tuple[bytes, int]:
    try:
        return hash_made(output.path)
    except FileNotFoundError:
        raise RecipeError(
            f"the recipe succeeded but did not write {_spelt(task, output)}",
            hint="it has to write to the path that it is given: {output}, $DBUILD_OUTPUT or `output`",
        ) from None
    except UserError:
        if not os.path.isdir(output.path):
            raise
        what = f"the recipe made a folder in the place of its output {os.path.relpath(output.final, task.root)}"
        raise RecipeError(what, hint='an output is one file, unless its path ends with "/"') from None


def _examine_folder(task: Task, output: TaskOutput) -> Made:
    path = output.path
    if os.path.islink(path) or not os.path.isdir(path):
        there = "made a file in the place of" if os.path.lexists(path) else "took away"
        raise RecipeError(
            f"the recipe {there} the folder of {_spelt(task, output)}",
            hint="the folder is there when it starts; it has to write files into it",
        )
    try:
        names = files_below(path)
        pairs, size = [], 0
        for name in names:
            digest, length = hash_made(os.path.join(path, name))
            pairs.append((name, digest))
            size += length
        is_still = files_below(path) == names
    except FileNotFoundError:
        is_still = False
    if not is_still:
        what = f"files come and go in {_spelt(task, output)} although the recipe has ended"
        raise RecipeError(what, hint="everything that the recipe starts has to end with it")
    if not pairs:
        raise RecipeError(
            f"the recipe succeeded, but its output folder {os.path.relpath(output.final, task.root)} is empty",
            hint="it has to write files into the folder that it is given: {output}, $DBUILD_OUTPUT or `output`",
        )
    return Made(output.name, digest_of_folder(pairs), size, None, tuple(pairs))


def _spelt(task: Task, output: TaskOutput) -> str:
    what = f'its output "{output.name}"' if output.name else "its output"
    return f"{what} {os.path.relpath(output.final, task.root)}"
