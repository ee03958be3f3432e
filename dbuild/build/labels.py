"""Keys of partitions as events name them: values by dimension."""

from __future__ import annotations

from dbuild.core.domain import Domains
from dbuild.core.events import Key
from dbuild.core.schedule import Node

_MOST = 1000  # that are kept


class Keys:
    """The keys of the tasks of one run. A few of those asked for last are kept: each is asked for several times."""

    def __init__(self, domains: Domains) -> None:
        self._domains = domains
        self._kept: dict[Node, Key] = {}
        self._names: dict[str, tuple[str, ...]] = {}  # of dimensions, by target

    def of(self, node: Node) -> Key:
        """The key of a task's partition."""
        key = self._kept.get(node)
        if key is None:
            domain = self._domains.of(node[0])
            names = self._names.get(node[0])
            if names is None:
                names = self._names[node[0]] = tuple(axis.name for axis in domain.axes)
            key = tuple(zip(names, domain.key(node[1]), strict=True))
            if len(self._kept) >= _MOST:
                self._kept.clear()
            self._kept[node] = key
        return key
