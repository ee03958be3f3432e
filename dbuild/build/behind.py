"""The way from a partition to the first causes: through what has to be built before it, and through what ran.

It reads the plan, whose reasons are those of the walk that decides, and the ledger, which keeps what that walk said.
Alike partitions are told together; the cost doesn't grow with how many there are beyond `_LOOKED_AT`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import islice

from dbuild.build.backgrounds import Backgrounds
from dbuild.build.world import World
from dbuild.core.causes import Behind
from dbuild.core.events import Key
from dbuild.core.keytext import plain_key
from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.plan import Plan, TargetPlan
from dbuild.core.reading import chain_of, inputs_of
from dbuild.core.reasons import dataset_of, unpack_reasons
from dbuild.core.staleness import Reason
from dbuild.core.trace import joined_key, split_key
from dbuild.state.ledger import TaskRow
from dbuild.values import replace

_LOOKED_AT = 2000  # partitions of a dataset whose reasons are compared
_KEYS = 5  # of a group that are named
_GROUPS = 10  # of one target that are told
_READ = 50  # partitions of one input whose runs are looked for
_NODES = 200  # groups that are told of one partition
_DEEPEST = 40  # steps of a way that are told; then what it leads to at last
_LINKS = 1000  # of a chain that are followed back
_READING = ("input changed", "input added", "input arrived", "stand-in changed")
Told = Sequence[tuple[Reason, int]]


class Paths:
    """The ways back from the partitions of one plan."""

    def __init__(self, world: World, plan: Plan, backgrounds: Backgrounds) -> None:
        self._world = world
        self._plan = plan
        self._backgrounds = backgrounds
        self._told: set[Hashable] = set()
        self._left = 0

    def planned(self, target: str, index: Index) -> tuple[Behind, ...]:
        """What a partition that may run stands behind, up to what will run for reasons of its own."""
        self._told, self._left = set(), _NODES
        return self._before(target, PartitionSet.of_indices(self._world.domains.of(target).axes, [index]), 1)

    def ran(self, target: str, reasons: Told, until: int | None = None) -> tuple[Behind, ...]:
        """How what a partition read came to change, in runs up to `until`; `reasons` are its own."""
        self._told, self._left = set(), _NODES
        return self._past(target, reasons, until, 1)

    # -- what is to be built ---------------------------------------------------------------------------------------

    def _before(self, target: str, some: PartitionSet, depth: int) -> tuple[Behind, ...]:
        """What has to be built before some partitions that may run."""
        if depth > _DEEPEST:
            return self._roots(target, some)
        plans = self._plan.targets
        found = self._read(target, some)
        return tuple(each for name, reads in found.items() for each in self._groups(plans[name], reads, depth))

    def _read(self, target: str, some: PartitionSet) -> dict[str, PartitionSet]:
        """What some partitions of a target read that will or may run, by target; of its own chain what will."""
        flow, domains, plans = self._world.flow, self._world.domains, self._plan.targets
        found: dict[str, PartitionSet] = {}
        chain = chain_of(flow, domains, target)
        if chain:
            busy = plans[target].will_set | plans[target].may
            own = (chain.needs(some, self._world.frozen(target)) - some) & busy
            found[target] = own & plans[target].will_set
            some = some | (own & plans[target].may)
        for given, mapping in inputs_of(flow, domains, target):
            upstream = plans.get(given.dataset)
            if given.dataset != target and given.counts and upstream is not None:
                reads = mapping.reads(some, domains.of(given.dataset)) & (upstream.will_set | upstream.may)
                found[given.dataset] = found[given.dataset] | reads if given.dataset in found else reads
        return {name: reads for name, reads in found.items() if reads}

    def _roots(self, target: str, some: PartitionSet) -> tuple[Behind, ...]:
        """Where a long way ends: what will run for reasons of its own, without all that lies between."""
        plans, open_sets = self._plan.targets, {target: some}
        found: list[Behind] = []
        for name in reversed(self._world.flow.order):
            reads = self._read(name, open_sets.pop(name)) if name in open_sets else {}
            for other, part in reads.items():
                will, may = part & plans[other].will_set, part & plans[other].may
                found += self._groups(plans[other], will, _DEEPEST) if will else []
                if may:
                    open_sets[other] = open_sets[other] | may if other in open_sets else may
        return tuple(replace(one, is_far=True) for one in found)

    def _groups(self, part: TargetPlan, some: PartitionSet, depth: int) -> list[Behind]:
        """Partitions of one target that will or may run, those of like reasons together."""
        subject = (part.target, some.body)
        is_repeated, self._left = subject in self._told, self._left - 1
        self._told.add(subject)
        groups: dict[Hashable, list[Index]] = {}
        will, may = some & part.will_set, some & part.may
        for index in islice(will.indices(), _LOOKED_AT):
            groups.setdefault(_likeness(part.will[index]), []).append(index)
        shown = list(groups.values())[:_GROUPS]
        found = [self._group(part, indices, depth, is_repeated=is_repeated) for indices in shown]
        if rest := len(will) - sum(map(len, shown)):
            found.append(Behind(part.target, (), rest, "will run"))
        if may:
            keys = [self._key(part.target, index) for index in islice(may.indices(), _KEYS)]
            behind = () if is_repeated or self._left <= 0 else self._before(part.target, may, depth + 1)
            files = tuple(self._unrouted(part.target, may)) if not is_repeated else ()
            one = Behind(part.target, tuple(keys), len(may), "may run", behind=behind, is_repeated=is_repeated)
            found.append(replace(one, unrouted=files))
        return found

    def _unrouted(self, target: str, some: PartitionSet) -> Iterable[str]:
        """The first files that may have rows of some partitions."""
        files = (
            file
            for index in islice(some.indices(), _KEYS)
            for file in islice(unrouted_files(self._world, self._plan, target, index), _KEYS)
        )
        return islice(dict.fromkeys(files), _KEYS)

    def _group(self, part: TargetPlan, indices: list[Index], depth: int, *, is_repeated: bool) -> Behind:
        """Partitions that will run for like reasons; those of the first are told."""
        name, keys = part.target, [self._key(part.target, index) for index in indices[:_KEYS]]
        if is_repeated:
            return Behind(name, tuple(keys), len(indices), "will run", is_repeated=True)
        trace = self._world.trace(name, joined_key(self._world.domains.of(name).key(indices[0])))
        reasons = part.will[indices[0]]
        every = dict.fromkeys((reason, 0) for one in indices[:_KEYS] for reason in part.will[one])
        return Behind(
            name,
            tuple(keys),
            len(indices),
            "will run",
            self._backgrounds.now(name, reasons, trace.at if trace else None),
            self._backgrounds.note(trace.run, trace.at) if trace else None,
            self._past(name, every, None, depth + 1),
        )

    def _key(self, target: str, index: Index) -> Key:
        domain = self._world.domains.of(target)
        return tuple(zip((axis.name for axis in domain.axes), domain.key(index), strict=True))

    # -- what ran --------------------------------------------------------------------------------------------------

    def _past(
        self, target: str, reasons: Iterable[tuple[Reason, int]], until: int | None, depth: int
    ) -> tuple[Behind, ...]:
        """The runs that changed what these reasons are about."""
        read: dict[str, dict[str, None]] = {}
        more: dict[str, int] = {}
        for reason, others in reasons:
            name = _maker_of(reason)
            if reason.kind in _READING and self._is_made(reason):
                keys = read.setdefault(name, {})
                keys |= {_joined(reason): None} if len(keys) < _READ else {}
                more[name] = more.get(name, 0) + others + (_joined(reason) not in keys)
        found = ((name, self._changes(name, keys, until)) for name, keys in read.items())
        return tuple(
            self._change(target, rows, more[name] if len(groups) == 1 else 0, depth)
            for name, groups in found
            for rows in groups
        )

    def _changes(self, name: str, keys: Iterable[str], until: int | None) -> list[list[tuple[int, TaskRow]]]:
        """What changed some partitions of one target, those that one run changed for like reasons together."""
        groups: dict[Hashable, list[tuple[int, TaskRow]]] = {}
        for key in keys:
            found = self._world.state.change_of(name, key, until)
            if found is not None:
                told = unpack_reasons(found[1].reasons)
                groups.setdefault((found[0], _likeness(reason for reason, _ in told)), []).append(found)
        return list(groups.values())

    def _change(self, reader: str, found: list[tuple[int, TaskRow]], more: int, depth: int) -> Behind:
        """Partitions that one run changed for like reasons, and what stands behind them."""
        run, rows, count = found[0][0], [row for _, row in found], len(found) + more
        is_far = depth > _DEEPEST
        if is_far or (rows[0].target == reader and count == 1):
            run, row, links = self._first_link(run, rows[0], is_any=is_far)
            rows, count = [row], 1 if is_far else links
        target, keys = rows[0].target, tuple(self._named(row) for row in rows[:_KEYS])
        subject = (target, rows[0].key, run)
        is_repeated, self._left = subject in self._told, self._left - 1
        self._told.add(subject)
        note = self._backgrounds.note(run, rows[0].at)
        if is_repeated or self._left <= 0:
            return Behind(target, keys, count, "ran", run=note, is_repeated=is_repeated, is_far=is_far)
        causes = self._backgrounds.then(target, unpack_reasons(rows[0].reasons))
        told = dict.fromkeys(pair for row in rows for pair in unpack_reasons(row.reasons))
        behind = () if is_far else self._past(target, told, run, depth + 1)
        return Behind(target, keys, count, "ran", causes, note, behind, is_far=is_far)

    def _named(self, row: TaskRow) -> Key:
        names = self._world.flow.steps[row.target].target.dimensions
        return tuple(zip(names, split_key(row.key, len(names)), strict=False))

    def _first_link(self, run: int, row: TaskRow, *, is_any: bool) -> tuple[int, TaskRow, int]:
        """The first of those that changed only because one partition of the same target did; and how many there are.

        `is_any`: of whatever target, and for whatever other reasons.
        """
        for count in range(1, _LINKS):
            told = [reason for reason, _ in unpack_reasons(row.reasons)]
            read = [reason for reason in told if reason.kind in _READING and self._is_made(reason)]
            is_link = bool(read) and (is_any or (len(told) == 1 and _maker_of(told[0]) == row.target))
            found = self._world.state.change_of(_maker_of(read[0]), _joined(read[0]), run) if is_link else None
            if found is None:
                return run, row, count
            run, row = found
        return run, row, _LINKS

    def _is_made(self, reason: Reason) -> bool:
        return _maker_of(reason) in self._world.flow.steps


def unrouted_files(world: World, plan: Plan, target: str, index: Index) -> Iterator[str]:
    """The files of which it isn't known whether they have rows of a partition."""
    for given, some in plan.unrouted(target, index):
        location = world.location(given.dataset, given.output)
        for one in some.indices():
            yield from world.survey.paths(location, some.key(one))


def _maker_of(reason: Reason) -> str:
    """The dataset that a reason is about, without the output."""
    return dataset_of(reason).partition(".")[0]


def _joined(reason: Reason) -> str:
    """The joined key of the partition that a reason is about."""
    key = reason.subject.partition("@")[2]
    return joined_key(tuple(map(plain_key, key.split(",")))) if key else ""


def _likeness(reasons: Iterable[Reason]) -> Hashable:
    """What reasons of partitions have to have in common to be told together."""
    return tuple(
        dict.fromkeys(
            (reason.kind, dataset_of(reason))
            if dataset_of(reason) or reason.kind.startswith("output")
            else (reason.kind, reason.subject, reason.before, reason.after)
            for reason in reasons
        )
    )
