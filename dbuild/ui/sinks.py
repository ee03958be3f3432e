"""What the events of a build go to: a screen, or what hands them on to one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from dbuild.core.events import Event


class Sink(ABC):
    """Takes events. As a context manager it leaves the screen in order, however the build ends."""

    @abstractmethod
    def __call__(self, event: Event) -> None:
        """Takes one."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Writes what is left, of most sinks nothing, and leaves the screen in order."""
        return
