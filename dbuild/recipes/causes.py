"""What the failure of a recipe is called, for retries to go by. Imports nothing: every worker has it."""

from __future__ import annotations


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
