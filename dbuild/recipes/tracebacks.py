"""An exception of a recipe as its author wants to read it: the project's own frames, then the exception."""

from __future__ import annotations

import os
import traceback

from dbuild.recipes.imports import path_of


def trim_traceback(error: BaseException, root: str) -> str:
    """The traceback without the frames of dbuild and of libraries, files relative to the project's root.

    Causes, contexts and groups of exceptions are kept and trimmed the same way. The last line is the exception.
    """
    whole = traceback.TracebackException.from_exception(error, compact=True)
    queue: list[traceback.TracebackException | None] = [whole]
    seen: set[int] = set()
    while queue:
        part = queue.pop()
        if part is None or id(part) in seen:
            continue
        seen.add(id(part))
        part.stack = _project_frames(part.stack, root)
        queue += [part.__cause__, part.__context__, *(getattr(part, "exceptions", None) or ())]
    text = "".join(whole.format()).rstrip()
    return text.removeprefix("Traceback (most recent call last):\n") if not whole.stack else text


def _project_frames(stack: traceback.StackSummary, root: str) -> traceback.StackSummary:
    kept = traceback.StackSummary()
    path = path_of(root)
    for frame in stack:
        if os.path.isabs(frame.filename) and path.is_own(frame.filename):
            _ = frame.line  # read now: the shorter name need not be found from where we stand
            frame.filename = path.shown(frame.filename)
            kept.append(frame)
    return kept


def causes_of(error: BaseException) -> tuple[str, ...]:
    """The names that a failure goes by (core.task.Result.causes): an exception's classes, each also with its module.

    An end by `sys.exit` is an exit status too, and a lack of memory is called "memory".
    """
    kinds = [kind for kind in type(error).__mro__ if kind not in (BaseException, object)]
    names = [name for kind in kinds for name in (kind.__name__, _qualified(kind))]
    if isinstance(error, SystemExit):
        names.append(f"exit {_status_of(error)}")
    if isinstance(error, MemoryError):
        names.append("memory")
    return tuple(dict.fromkeys(names))


def _qualified(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _status_of(error: SystemExit) -> int:
    """The exit status that Python would end with."""
    if error.code is None:
        return 0
    return error.code & 0xFF if isinstance(error.code, int) else 1
