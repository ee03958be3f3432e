"""What a build does itself, beside its tasks, told as it begins and ends to whoever draws the time of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from dbuild.core.events import Event, Phase

_UNTOLD = nullcontext()


class Phases:
    """`with phases("load"): …` tells of that, where anybody asked."""

    def __init__(self, emit: Callable[[Event], None], *, is_told: bool) -> None:
        self.is_told = is_told
        self._emit = emit

    def __call__(self, name: str) -> AbstractContextManager[None]:
        """What is done in it is one phase; phases may lie in each other."""
        return self._phase(name) if self.is_told else _UNTOLD

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        self._emit(Phase(name, is_over=False))
        try:
            yield
        finally:
            self._emit(Phase(name, is_over=True))


def untold() -> Phases:
    """Phases that nobody asked for."""
    return Phases(lambda event: None, is_told=False)
