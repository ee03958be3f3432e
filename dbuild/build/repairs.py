"""What was built because of what happened to a source: the tasks whose reasons name it, and what followed from these.

Told by the ledger. A partition that was never built before has no reason that names an input: where it reads what
arrived, and is among the first that are built of its target after that, it had waited for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import get_args

from dbuild.build.world import World
from dbuild.core.arrival import Arrival
from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.plan import inputs_of
from dbuild.core.reasons import unpack_reasons
from dbuild.core.staleness import Kind, partition_name
from dbuild.state.ledger import TaskRow
from dbuild.values import dataclass, field

_RUNS = 20  # from the one that saw it on: later ones may build what that one wasn't asked for
_REASONS = 8  # of a task that the ledger keeps: beyond them any other may have been


@dataclass(slots=True)
class Trail:
    """What was built because of one arrival."""

    built: dict[tuple[str, str], TaskRow] = field(default_factory=dict)  # the last success of each partition
    failed: dict[tuple[str, str], TaskRow] = field(default_factory=dict)  # that have not succeeded since
    runs: dict[int, None] = field(default_factory=dict)

    @property
    def end(self) -> float | None:
        """When the last of it was done; seconds since the epoch."""
        return max((row.at for row in self.built.values()), default=None)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One execution, with what its reasons say."""

    run: int
    row: TaskRow
    subjects: frozenset[str]  # the partitions that they name
    is_vague: bool  # whether they may leave out what it was
    is_new: bool  # whether it had never been built

    @classmethod
    def of(cls, run: int, row: TaskRow) -> _Entry:
        kept = unpack_reasons(row.reasons)
        reasons = [str(reason) for reason, _ in kept]
        subjects = frozenset(name for reason in reasons for name in _subjects(reason))
        is_vague = len(reasons) >= _REASONS or any(more or reason.kind.endswith("provisional") for reason, more in kept)
        return cls(run, row, subjects, is_vague, "never built" in reasons)


def trails(world: World, arrivals: Sequence[Arrival]) -> list[Trail]:
    """The trail of each arrival, in the order given."""
    starts = [world.state.first_cut_off(one.run) for one in arrivals]
    runs = sorted({run for start in starts for run in world.state.runs_from(start, _RUNS)})
    known = world.flow.steps
    entries = [_Entry.of(run, row) for run, row in world.state.tasks_of(runs) if row.target in known]
    ends = [_superseded(one, arrivals) for one in arrivals]
    return [
        _Walk(world, one).walk(entry for entry in entries if start <= entry.run < end)
        for one, start, end in zip(arrivals, starts, ends, strict=True)
    ]


def _superseded(one: Arrival, arrivals: Iterable[Arrival]) -> float:
    """The first run that acted on something newer of the same partition."""
    later = [other.run for other in arrivals if other[:2] == one[:2] and other.run > one.run]
    return min(later, default=float("inf"))


class _Walk:
    """One way through the tasks, from what arrived to all that was built because of it."""

    def __init__(self, world: World, arrival: Arrival) -> None:
        self._world = world
        self._run = arrival.run
        self._trail = Trail()
        self._names = {partition_name(arrival.dataset, arrival.key)}
        self._moved = {arrival.dataset: world.keyed(arrival.dataset, {arrival.key: None})}
        self._firsts: dict[str, int | None] = {}
        self._answers: dict[str, int] = {}  # target -> the first run that could act on it, and built any of it

    def walk(self, entries: Iterable[_Entry]) -> Trail:
        for entry in entries:
            self._answers.setdefault(entry.row.target, max(entry.run, self._run))
            if self._is_caused(entry):
                self._follow(entry.run, entry.row)
            elif entry.row.changed:
                self._leave(entry.row)
        return self._trail

    def _follow(self, run: int, row: TaskRow) -> None:
        place = (row.target, row.key)
        self._trail.runs[run] = None
        if row.status not in ("built", "restored"):
            self._trail.failed[place] = row
            return
        self._trail.failed.pop(place, None)
        self._trail.built[place] = row
        if row.changed:
            self._names.update(self._outputs(row))
            moved = self._world.keyed(row.target, {row.key: None})
            known = self._moved.get(row.target)
            self._moved[row.target] = moved if known is None else known | moved

    def _leave(self, row: TaskRow) -> None:
        """What is built for other reasons from now on moves its readers for these."""
        self._names -= set(self._outputs(row))
        if row.target in self._moved:
            self._moved[row.target] -= self._world.keyed(row.target, {row.key: None})

    def _outputs(self, row: TaskRow) -> Iterator[str]:
        """The names of what a task made, as reasons have them."""
        for output in self._world.flow.steps[row.target].target.outputs:
            yield partition_name(f"{row.target}.{output.name}" if output.name else row.target, row.key)

    def _is_caused(self, entry: _Entry) -> bool:
        row = entry.row
        if not self._names.isdisjoint(entry.subjects) or (row.target, row.key) in self._trail.failed:
            return True  # one that failed is tried again
        may_be = entry.is_vague or (entry.is_new and self._had_been_built(row.target))
        return may_be and entry.run <= self._answers[row.target] and self._reads(row)

    def _had_been_built(self, target: str) -> bool:
        """Whether a target was there when this happened: else all of it is built because it is new."""
        if target not in self._firsts:
            self._firsts[target] = self._world.state.first_run_of(target)
        first = self._firsts[target]
        return first is not None and first < self._run

    def _reads(self, row: TaskRow) -> bool:
        """Whether a partition reads what moved."""
        for index in self._world.keyed(row.target, {row.key: None}).indices():
            return any(self._read(row.target, index))
        return False

    def _read(self, target: str, index: Index) -> Iterator[PartitionSet]:
        domains = self._world.domains
        for given, mapping in inputs_of(self._world.flow, domains, target):
            moved = self._moved.get(given.dataset)
            if moved:
                yield mapping.of_index(index, domains.of(given.dataset)) & moved


def _subjects(reason: str) -> set[str]:
    """The partitions that a reason in the ledger names: `input changed raw@2013-01-05: 0123 -> 4567`."""
    head, arrow, after = reason.partition(" -> ")
    words, _, before = head.rpartition(": ") if arrow else (head, "", "")
    subject = next((words.removeprefix(f"{kind} ") for kind in get_args(Kind) if words.startswith(f"{kind} ")), "")
    if not reason.startswith("stand-in changed"):
        return {subject}
    dataset = subject.partition("@")[0]
    return {subject, *(partition_name(dataset, key) for key in (before, after))}
