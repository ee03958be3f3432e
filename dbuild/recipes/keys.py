"""A partition's key as recipes see it: a value for each dimension."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime

from dbuild.core.grain import Grain
from dbuild.core.task import TaskDimension

KeyValue = date | datetime | str


class Key(Mapping[str, KeyValue]):
    """The key of one partition: dimension name -> value, in the order of the target's path.

    A time dimension's value is the first moment of its period: a `date` where periods are whole days or longer, else
    a `datetime`, naive in UTC and aware in any other time zone; any other value is a `str`. `key["day"]` and `key.day`
    are the same; `key.day_end` is the exclusive end of a period. `str(key)` is the key as people type it:
    `2013-01-05,EWR`.
    """

    __slots__ = ("_dimensions", "_texts")

    def __init__(self, dimensions: tuple[TaskDimension, ...], texts: tuple[str, ...]) -> None:
        self._dimensions = dimensions
        self._texts = texts

    def __getitem__(self, name: str) -> KeyValue:
        for dimension, text in zip(self._dimensions, self._texts, strict=True):
            if dimension.name == name:
                return moment(dimension, text)
        raise KeyError(name)

    def __getattr__(self, name: str) -> KeyValue:
        if name.startswith("__") or name in Key.__slots__:  # asked for by copy and pickle before the slots are set
            raise AttributeError(name)
        for dimension, text in zip(self._dimensions, self._texts, strict=True):
            if dimension.name == name:
                return moment(dimension, text)
            if dimension.grain and f"{dimension.name}_end" == name:
                return moment(dimension, text, periods=1)
        raise AttributeError(f'this key has no dimension "{name}": it has {", ".join(self) or "none"}')

    def __iter__(self) -> Iterator[str]:
        return (dimension.name for dimension in self._dimensions)

    def __len__(self) -> int:
        return len(self._dimensions)

    def __hash__(self) -> int:
        return hash((tuple(self), self._texts))

    def __str__(self) -> str:
        return ",".join(self._texts)

    def __repr__(self) -> str:
        return f"Key({', '.join(f'{name}={value!r}' for name, value in self.items())})"


def moment(dimension: TaskDimension, text: str, periods: int = 0) -> KeyValue:
    """A dimension's value as a date, datetime or text; `periods` later where it is one of time."""
    return text if dimension.grain is None else time_value(dimension.grain, text, periods)


def time_value(grain: Grain, text: str, periods: int = 0) -> date | datetime:
    """The first moment of the period that a key names, or of one some periods later.

    The local date where periods are whole days or longer, else a datetime: naive in UTC, aware in any other zone.
    Raises ValueError where the key names no period.
    """
    number = grain.index(text) + periods
    if grain.is_dated:
        return grain.wall(number).date()
    if grain.timezone == "UTC":
        return grain.start(number)
    from zoneinfo import ZoneInfo  # only where it is needed: see core.zone

    return grain.start(number).replace(tzinfo=UTC).astimezone(ZoneInfo(grain.timezone))
