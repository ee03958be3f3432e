"""What a build does itself, beside its tasks, told as it begins and ends to whoever draws the time of a run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from dbuild.core.events import Event, Phase

_UNTOLD = nullcontext()


class Phases:
    """`with phases("load"): …` tells of that, where anybody asked."""

    def __init__(self, emit: Callable[[Event], None], *, is_told: bool) -> None:
        self.is_told = is_told
        self._emit = emit
        self._named: dict[str, _Told] = {}

    def __call__(self, name: str) -> AbstractContextManager[None]:
        """What is done in it is one phase; phases may lie in each other."""
        if not self.is_told:
            return _UNTOLD
        told = self._named.get(name)
        if told is None:
            told = self._named[name] = _Told(self._emit, name)
        return told


class _Told:
    """Tells of one phase, however often it begins: some do with every task."""

    def __init__(self, emit: Callable[[Event], None], name: str) -> None:
        self._emit = emit
        self._begun, self._over = Phase(name, is_over=False), Phase(name, is_over=True)

    def __enter__(self) -> None:
        self._emit(self._begun)

    def __exit__(self, *_: object) -> None:
        self._emit(self._over)


def untold() -> Phases:
    """Phases that nobody asked for."""
    return Phases(lambda event: None, is_told=False)
