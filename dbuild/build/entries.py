"""What a run writes into the ledger of its tasks: how each execution ended, and which partitions have failed."""

from __future__ import annotations

import heapq
import os
from collections.abc import Sequence

from dbuild.build.attempts import Ending
from dbuild.build.groups import Groups
from dbuild.build.resting import failed_alike
from dbuild.build.world import World
from dbuild.core.reasons import pack_reasons
from dbuild.core.schedule import Node
from dbuild.core.staleness import Reason
from dbuild.core.trace import joined_key
from dbuild.state.ledger import TaskRow
from dbuild.state.store import Failure

_SLOWEST = 3  # executions that are named at the end of a run
_TAIL_LINES = 20
_TAIL_BYTES = 16384


class Entries:
    """The entries of one run; they are committed with what it made."""

    def __init__(self, world: World, groups: Groups) -> None:
        self._world = world
        self._groups = groups
        self._count = 0
        self._slowest: list[tuple[float, int, Node]] = []  # a heap of those that took longest

    def add(
        self,
        node: Node,
        reasons: Sequence[Reason],
        status: str,
        seconds: float,
        error: str | None = None,
        log: str | None = None,
        *,
        changed: bool = False,
        size: int | None = None,
        is_mended: bool = False,
        key: str = "",
    ) -> None:
        """Notes how an execution ended; `size` and `is_mended` as in a TaskRow, `key` joined, where it is known."""
        self._count += 1
        heapq.heappush(self._slowest, (seconds, -self._count, node))
        if len(self._slowest) > _SLOWEST:
            heapq.heappop(self._slowest)
        self._groups.open.tasks.append(
            TaskRow(
                self._count,
                node[0],
                key or self._key(node),
                status,
                changed,
                seconds,
                self._world.clock(),
                pack_reasons(reasons),
                error,
                self.relative(log) if log else None,
                size,
                is_mended,
            )
        )

    def slowest(self) -> list[tuple[Node, float]]:
        """The few executions that took longest, these first, with their seconds."""
        return [(node, seconds) for seconds, _, node in sorted(self._slowest, reverse=True)]

    def add_built(self, ending: Ending, log: str | None) -> None:
        """Notes that a partition was made."""
        attempt, prepared, made = ending.attempt, ending.prepared, ending.made
        size = made[0].size if len(made) == 1 else sum(one.size for one in made) if made else None
        self.add(
            attempt.node,
            attempt.reasons,
            "built",
            ending.result.seconds,
            None,
            log,
            changed=ending.has_changed,
            size=size,
            is_mended=failed_alike(self._world, *attempt.node, attempt.reasons, prepared.records),
            key=prepared.key,
        )

    def add_failure(self, node: Node, failure: Failure) -> None:
        """Notes that a partition has failed, which holds until it is built."""
        self._groups.open.failures.append((node[0], self._key(node), failure))

    def relative(self, log: str | None) -> str | None:
        """A log's path, relative to the project."""
        return os.path.relpath(log, self._world.survey.root) if log else None

    def _key(self, node: Node) -> str:
        return joined_key(self._world.domains.of(node[0]).key(node[1]))


def tail_of(log: str | None) -> tuple[str, ...]:
    """The last lines that a recipe printed; of one that was drawn again and again, its last state."""
    if log is None:
        return ()
    try:
        with open(log, "rb") as printed:
            printed.seek(0, os.SEEK_END)
            printed.seek(max(0, printed.tell() - _TAIL_BYTES))
            text = printed.read().decode("utf-8", "replace")
    except OSError:
        return ()
    lines = text.removesuffix("\n").split("\n") if text else []
    return tuple(line.rstrip("\r").rpartition("\r")[2] for line in lines[-_TAIL_LINES:])
