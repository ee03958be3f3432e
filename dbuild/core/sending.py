"""Values that are sent between processes thousands of times a second."""

from __future__ import annotations

from operator import attrgetter
from typing import TypeVar

T = TypeVar("T")


def sendable(kind: type[T]) -> type[T]:
    """Class decorator for frozen dataclasses: pickled by their constructor's arguments.

    What dataclasses with slots do by themselves looks every field up in Python, in both directions, and costs more
    than the rest of handing a small task to a worker.
    """
    names: tuple[str, ...] = kind.__match_args__  # type: ignore[attr-defined]
    get = attrgetter(*names)
    is_one = len(names) == 1

    def reduce(self: T) -> tuple[object, ...]:
        return kind, ((get(self),) if is_one else get(self))

    kind.__reduce__ = reduce  # type: ignore[assignment, method-assign]
    return kind
