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
